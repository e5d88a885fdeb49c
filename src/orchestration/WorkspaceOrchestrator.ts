/**
 * Makes one workspace monitored, or not: a store that is open and an event processor that runs on it. Idempotent;
 * that one workspace is never in two hands is the work queue's promise (law 2).
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { EventProcessor } from "../stores/EventProcessor.ts"
import type { StoreOpenError } from "../stores/StoreDriver.ts"
import { StoreManager } from "../stores/StoreManager.ts"
import { monotonicMsOf } from "../controller/Elapsed.ts"
import { ORCHESTRATION_CATEGORY } from "../telemetry/LogLine.ts"
import * as OrchestrationMetrics from "./OrchestrationMetrics.ts"

/** Times are in milliseconds since the epoch. */
export interface OrchestratorStats {
  readonly lastProvisionedAt: number | null
  readonly lastDeprovisionedAt: number | null
  readonly totalProvisioned: number
  readonly totalDeprovisioned: number
  readonly provisionFailures: number
}

export class WorkspaceOrchestrator extends Context.Tag(
  "workspace-orchestrator/orchestration/WorkspaceOrchestrator"
)<
  WorkspaceOrchestrator,
  {
    /**
     * Opens the store and starts its event processor, unless both run already. A dead store is released and opened
     * afresh. Either both run afterwards or neither does.
     */
    readonly ensureMonitored: (
      storeId: string
    ) => Effect.Effect<"monitoring_started" | "already_monitored", StoreOpenError>
    /** Opens the store afresh, though it may look alive. */
    readonly reopen: (storeId: string) => Effect.Effect<"monitoring_started", StoreOpenError>
    /** Stops the event processor, then closes the store: in this order, so that nothing is read from a closed store. */
    readonly stopMonitoring: (storeId: string) => Effect.Effect<"monitoring_stopped" | "already_stopped">
    /** The store is open and alive, and its event processor runs: read off both (law 9). */
    readonly isMonitored: (storeId: string) => boolean
    /** The ids of all monitored workspaces, sorted. */
    readonly listMonitored: () => ReadonlyArray<string>
    readonly stats: () => OrchestratorStats
  }
>() {}

/** Every line about an operation carries these, and how long it took. Nothing is built where it is not logged. */
const logOperation = (
  message: string,
  operation: "provision" | "deprovision",
  storeId: string,
  durations: { readonly durationMs: number; readonly openMs?: number; readonly startMs?: number }
): Effect.Effect<unknown> =>
  Effect.suspend(() =>
    Effect.annotateLogs(Effect.logInfo(message), {
      category: ORCHESTRATION_CATEGORY,
      operation,
      outcome: "succeeded",
      storeId,
      ...durations
    })
  ).pipe(Effect.whenLogLevel("Info"))

export const make = Effect.gen(function* () {
  const manager = yield* StoreManager
  const processor = yield* EventProcessor
  const clock = yield* Effect.clock
  let stats: OrchestratorStats = {
    lastProvisionedAt: null,
    lastDeprovisionedAt: null,
    totalProvisioned: 0,
    totalDeprovisioned: 0,
    provisionFailures: 0
  }

  const isMonitored = (storeId: string): boolean =>
    manager.openStore(storeId) !== undefined && processor.isMonitoring(storeId)

  /** `startedAt` and `openedAt` here and below are of the monotonic clock. */
  const provisionFailed = (error: StoreOpenError, startedAt: number) =>
    Effect.suspend(() => {
      stats = { ...stats, provisionFailures: stats.provisionFailures + 1 }
      OrchestrationMetrics.storeNotOpened(error.reason)
      return Effect.annotateLogs(Effect.logWarning("workspace_orchestration.provision_failed", error), {
        category: ORCHESTRATION_CATEGORY,
        operation: "provision",
        phase: "open",
        outcome: "failed",
        storeId: error.storeId,
        durationMs: Math.round(monotonicMsOf(clock) - startedAt),
        reason: error.reason
      })
    })

  const provisioned = (storeId: string, startedAt: number, openedAt: number) => {
    const now = monotonicMsOf(clock)
    const lastProvisionedAt = clock.unsafeCurrentTimeMillis()
    stats = { ...stats, totalProvisioned: stats.totalProvisioned + 1, lastProvisionedAt }
    OrchestrationMetrics.storeOpened(now - startedAt)
    return logOperation("workspace_orchestration.monitoring_started", "provision", storeId, {
      durationMs: Math.round(now - startedAt),
      openMs: Math.round(openedAt - startedAt),
      startMs: Math.round(now - openedAt)
    })
  }

  const provision = (storeId: string) =>
    Effect.suspend(() => {
      const startedAt = monotonicMsOf(clock)
      return Effect.matchEffect(manager.addStore(storeId), {
        onFailure: (error) => Effect.zipRight(provisionFailed(error, startedAt), Effect.fail(error)),
        onSuccess: () => {
          const openedAt = monotonicMsOf(clock)
          return Effect.flatMap(processor.startMonitoring(storeId), () =>
            Effect.as(provisioned(storeId, startedAt, openedAt), "monitoring_started" as const)
          )
        }
      })
    })

  const close = (storeId: string) =>
    Effect.zipRight(processor.stopMonitoring(storeId), manager.removeStore(storeId))

  return WorkspaceOrchestrator.of({
    ensureMonitored: (storeId) =>
      Effect.suspend(() =>
        isMonitored(storeId) ? Effect.succeed("already_monitored" as const) : provision(storeId)
      ),
    reopen: (storeId) => Effect.zipRight(close(storeId), provision(storeId)),
    stopMonitoring: (storeId) =>
      Effect.gen(function* () {
        const wasMonitored = isMonitored(storeId)
        const startedAt = monotonicMsOf(clock)
        // From here on the stop is carried out whole, or the store would stay open without its processor (law 8).
        yield* Effect.uninterruptible(close(storeId))
        if (!wasMonitored) return "already_stopped" as const
        const now = clock.unsafeCurrentTimeMillis()
        stats = { ...stats, totalDeprovisioned: stats.totalDeprovisioned + 1, lastDeprovisionedAt: now }
        OrchestrationMetrics.storeClosed()
        yield* logOperation("workspace_orchestration.monitoring_stopped", "deprovision", storeId, {
          durationMs: Math.round(monotonicMsOf(clock) - startedAt)
        })
        return "monitoring_stopped" as const
      }),
    isMonitored,
    listMonitored: () => [...manager.storeIds()].filter(isMonitored).sort(),
    stats: () => stats
  })
})

export const layer: Layer.Layer<WorkspaceOrchestrator, never, StoreManager | EventProcessor> = Layer.effect(
  WorkspaceOrchestrator,
  make
)
