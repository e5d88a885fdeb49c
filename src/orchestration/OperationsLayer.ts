/**
 * `Operations` over the running loop: everything it shows is maintained as things happen, so that asking is cheap.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { stopwatch } from "../controller/Elapsed.ts"
import * as BoundedAge from "../controller/BoundedAge.ts"
import type * as CircuitBreaker from "../controller/CircuitBreaker.ts"
import { EventProcessor } from "../stores/EventProcessor.ts"
import { StoreManager } from "../stores/StoreManager.ts"
import { DesiredState, describeRefreshError } from "../workspaces/DesiredState.ts"
import {
  Operations,
  ReconcilerDisabled,
  RunFailed,
  RunInFlight,
  RunTooSoon,
  type Actor,
  type ManualRun,
  type StoresQuery
} from "./Operations.ts"
import { Checks, shownIn, viewOf } from "./checks/Checks.ts"
import { Lockdown } from "./Lockdown.ts"
import { Pauses } from "./Pauses.ts"
import { StateStore } from "./StateStore.ts"
import { MAX_AGE_MS } from "./checks/ChecksLayer.ts"
import { healthRow, iso, storesRow } from "./StoreRows.ts"
import type {
  ConvergenceView,
  ManualReconcileView,
  OrchestratorView,
  ReconciliationView,
  RunResult
} from "./Views.ts"
import { WorkspaceController } from "./WorkspaceController.ts"
import { WorkspaceOrchestrator } from "./WorkspaceOrchestrator.ts"
import { WorkspaceReconciler, type Run } from "./WorkspaceReconciler.ts"

export interface Options {
  readonly intervalMs: number
  /** Why the reconciler is disabled; None if it is not. */
  readonly disabled: Option.Option<string>
  /** It is disabled for want of a setting, and not by its switch: such a server must not look well. */
  readonly isOffUnintended?: boolean
  readonly webhookWaitMs: number
  readonly manualMinIntervalMs: number
  readonly incidentDashboardUrl: Option.Option<string>
  /** Where stores keep their data: shown, never read here. */
  readonly dataPath: string
  readonly storage: "filesystem" | "memory"
  readonly breakers: ReadonlyArray<CircuitBreaker.CircuitBreaker>
}

/** Ids in one list of `/health`: the counts beside it are exact however many there are. */
const MAX_LISTED = 1_000
/** Rows on one page of `/stores` when none is asked for, and the most that can be. */
const DEFAULT_PAGE = 1_000
const MAX_PAGE = 10_000

const listed = <A>(items: Iterable<A>): Array<A> => {
  const some: Array<A> = []
  for (const item of items) {
    if (some.length === MAX_LISTED) break
    some.push(item)
  }
  return some
}

/** The index of the first id behind `after`: binary search. */
const firstAfter = (ids: ReadonlyArray<string>, after: string): number => {
  let low = 0
  let high = ids.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((ids[middle] ?? "") > after) high = middle
    else low = middle + 1
  }
  return low
}

const runResult = (run: Run): RunResult => {
  const failures = listed(run.failed).map(([storeId, { message }]) => ({ storeId, error: message }))
  return {
    added: listed(run.added),
    removed: listed(run.removed),
    failedAdds: failures,
    failedRemovals: [],
    held: listed(run.held),
    authoritativeCount: run.authoritativeCount,
    monitoredCount: run.monitoredCount,
    driftCount: run.driftCount
  }
}

const unsupportedView = (unsupported: ReadonlyMap<string, string>) =>
  listed(unsupported).map(([instanceId, reason]) => ({ instanceId, reason: `Its id ${reason}.` }))

export const make = (options: Options) =>
  Effect.gen(function* () {
    const desired = yield* DesiredState
    const manager = yield* StoreManager
    const processor = yield* EventProcessor
    const controller = yield* WorkspaceController
    const orchestrator = yield* WorkspaceOrchestrator
    const reconciler = yield* WorkspaceReconciler
    const pauses = yield* Pauses
    const lockdown = yield* Lockdown
    const state = yield* StateStore
    const checks = yield* Checks

    let lastTriggeredAt: number | null = null
    let inFlight = false
    let lastSuccessAt: number | null = null
    const incidentDashboardUrl = Option.getOrNull(options.incidentDashboardUrl)

    let sorted: { readonly ids: ReadonlyArray<string>; readonly asOf: string } | undefined
    /** All ids in order: sorted anew only when one has come or gone. */
    const sortedIds = (): ReadonlyArray<string> => {
      const asOf = `${desired.generation()} ${manager.generation()}`
      if (sorted?.asOf !== asOf) {
        sorted = { asOf, ids: [...new Set([...desired.ids(), ...manager.storeIds()])].sort() }
      }
      return sorted.ids
    }

    const convergenceView = () =>
      Effect.gen(function* () {
        const { converged, lastConvergedAt, notConvergedForMs } = controller.convergence()
        const view = desired.view()
        const failing = yield* Effect.forEach(listed(controller.failing()), ([storeId, failure]) =>
          Effect.map(controller.inspect(storeId), ({ failures, state }) => ({
            storeId,
            error: failure.message,
            attempts: failures,
            nextAttemptAt: state._tag === "Waiting" ? iso(state.until) : null
          }))
        )
        const result: ConvergenceView = {
          converged,
          desiredCount: desired.size() - desired.absences().size,
          monitoredCount: controller.drift.monitored(),
          driftCount: controller.drift.size(),
          missing: listed(controller.drift.missing.keys()),
          orphaned: listed(controller.drift.orphaned.keys()),
          held: listed(controller.blocked()).map(([storeId, { reason }]) => ({ storeId, reason })),
          failing,
          unsupportedCount: view.unsupported.size,
          unsupported: unsupportedView(view.unsupported),
          lookalikes: listed(view.lookalikes),
          lastConvergedAt: iso(lastConvergedAt),
          notConvergedForMs,
          desired: {
            revision: view.revision,
            source: view.source,
            fetchedAt: iso(view.fetchedAt),
            ageMs: view.ageMs,
            fresh: controller.isFresh()
          }
        }
        return result
      })

    const reconciliationView = (): ReconciliationView => {
      if (Option.isSome(options.disabled)) return { enabled: false, reason: options.disabled.value }
      const state = reconciler.state()
      return {
        enabled: true,
        intervalMs: options.intervalMs,
        isRunning: state.isRunning,
        lastRunStartedAt: iso(state.lastRunStartedAt),
        lastRunCompletedAt: iso(state.lastRunCompletedAt),
        lastSuccessAt: iso(state.lastSuccessAt),
        lastDurationMs: state.lastDurationMs,
        consecutiveFailures: state.consecutiveFailures,
        totals: { runs: state.runs, successes: state.successes, failures: state.failures },
        lastResult: state.lastRun === null ? null : runResult(state.lastRun),
        lastError:
          state.lastError === null
            ? null
            : {
                code: state.lastError.code,
                message: state.lastError.message,
                at: new Date(state.lastError.at).toISOString()
              },
        nextRunAt: iso(state.nextRunAt)
      }
    }

    const manualView = (): ManualReconcileView => ({
      lastTriggeredAt: iso(lastTriggeredAt),
      minIntervalMs: options.manualMinIntervalMs,
      inFlight,
      incidentDashboardUrl
    })

    /** The first so many that are monitored, in order; their number is in `convergence`. */
    const monitoredIds = (): ReadonlyArray<string> => {
      const some: Array<string> = []
      for (const id of sortedIds()) {
        if (orchestrator.isMonitored(id)) some.push(id)
        if (some.length === MAX_LISTED) break
      }
      return some
    }

    const orchestratorView = (): OrchestratorView => {
      const stats = orchestrator.stats()
      return {
        ...stats,
        monitoredStoreIds: monitoredIds(),
        lastProvisionedAt: iso(stats.lastProvisionedAt),
        lastDeprovisionedAt: iso(stats.lastDeprovisionedAt)
      }
    }

    const breakersView = Effect.map(
      Effect.forEach(options.breakers, (breaker) => breaker.status),
      (statuses) =>
        Object.fromEntries(
          statuses.map((status) => [
            status.name,
            {
              state: status.state,
              failureCount: status.failureCount,
              openedAt: iso(status.openedAt),
              willResetAt: iso(status.willResetAt),
              lastError: status.lastErrorTag
            }
          ])
        )
    )

    const gatherHealth = Effect.gen(function* () {
      const now = yield* Clock.currentTimeMillis
      const judged = yield* checks.now
      const convergence = yield* convergenceView()
      const verdict = yield* controller.verdict
      const circuitBreakers = yield* breakersView
      const queue = yield* controller.queueStats
      const totals = processor.totals()
      const stores = listed(manager.storeIds()).map((storeId) =>
        healthRow(storeId, manager.view(storeId), processor.processing(storeId), now)
      )
      const paused = pauses.list()
      const locked = lockdown.current()
      const persistence = state.health()
      return {
        status: judged.status,
        checks: shownIn("health", judged).map(viewOf),
        opening: judged.facts.opening,
        storage: options.storage,
        dataPath: options.dataPath,
        convergence,
        stores,
        storeCount: manager.size(),
        globalResources: {
          systemHealth: judged.status === "healthy" ? "healthy" : "degraded",
          queuedMessages: totals.pendingUserMessages - totals.activeHandlers,
          activeHandlers: totals.activeHandlers,
          pendingUserMessages: totals.pendingUserMessages,
          parkedUserMessages: totals.parkedUserMessages,
          oldestPendingAt: iso(judged.facts.messages.oldestOpenAt),
          userMessages: totals.userMessages,
          errorRate: processor.errorRate()
        },
        liveStoreTotals: {
          userMessages: totals.userMessages,
          processedUserMessages: totals.processedUserMessages,
          pendingUserMessages: totals.pendingUserMessages,
          lastUserMessageAt: iso(totals.lastUserMessageAt)
        },
        processedMessages: {
          total: totals.processedUserMessages,
          byStore: Object.fromEntries(
            stores.map(({ processing, storeId }) => [storeId, processing.processedUserMessages])
          ),
          databasePath: persistence.path ?? options.dataPath
        },
        orchestrator: orchestratorView(),
        reconciliation: reconciliationView(),
        manualReconcile: manualView(),
        removalGuard: {
          tripped: verdict.tripped,
          reason: verdict.reason,
          plan:
            verdict.plan === null
              ? null
              : {
                  ...verdict.plan,
                  storeIds: listed(verdict.plan.storeIds),
                  count: verdict.plan.storeIds.length
                },
          limit: verdict.limit,
          recentRemovals: verdict.recent
        },
        paused: listed(paused).map((pause) => ({
          storeId: pause.storeId,
          reason: pause.reason,
          actor: pause.actor,
          since: iso(pause.since),
          expiresAt: iso(pause.expiresAt)
        })),
        lockdown:
          locked === undefined
            ? { active: false, reason: null, actor: null, since: null }
            : { active: true, reason: locked.reason, actor: locked.actor, since: iso(locked.since) },
        state: { healthy: persistence.healthy, path: persistence.path, error: persistence.lastError },
        circuitBreakers,
        queue: {
          depth: queue.ready,
          byPriority: queue.readyByPriority,
          running: queue.running,
          waiting: queue.waiting,
          oldestMs: queue.oldestReadyMs
        }
      }
    })

    /** What everybody who asks costs together: one computation in this time. */
    const health = yield* BoundedAge.make(gatherHealth, MAX_AGE_MS)

    const stores = (query: StoresQuery) =>
      Effect.sync(() => {
        const after = Option.getOrElse(query.cursor, () => "")
        const limit = Math.min(
          Option.getOrElse(query.limit, () => DEFAULT_PAGE),
          MAX_PAGE
        )
        const ids = sortedIds()
        const rows = []
        let more = false
        for (let index = firstAfter(ids, after); index < ids.length; index++) {
          const id = ids[index] ?? ""
          const view = manager.view(id)
          if (Option.isSome(query.status) && (view?.status ?? "connecting") !== query.status.value) continue
          if (rows.length === limit) {
            more = true
            break
          }
          rows.push(
            storesRow(id, view, processor.processing(id), controller.status(id), orchestrator.isMonitored(id))
          )
        }
        return {
          stores: rows,
          nextCursor: more ? (rows.at(-1)?.id ?? null) : null,
          unsupported: unsupportedView(desired.view().unsupported),
          orchestrator: orchestratorView(),
          reconciliation: reconciliationView(),
          manualReconcile: manualView()
        }
      })

    const audited = (actor: Actor, detail: string, outcome: "succeeded" | "refused" | "failed") =>
      Effect.flatMap(Clock.currentTimeMillis, (at) =>
        state.audit.append({
          at,
          actor: actor.name,
          address: actor.address,
          action: "loop.reconciled",
          subject: "",
          detail,
          outcome
        })
      )

    const reconcile = (): Effect.Effect<
      ManualRun,
      ReconcilerDisabled | RunInFlight | RunTooSoon | RunFailed
    > =>
      Effect.gen(function* () {
        if (Option.isSome(options.disabled)) {
          return yield* new ReconcilerDisabled({ reason: options.disabled.value })
        }
        const startedAt = yield* Clock.currentTimeMillis
        const elapsedMs = yield* stopwatch
        const state = reconciler.state()
        if (state.isRunning) {
          return yield* new RunInFlight({ startedAt: iso(state.lastRunStartedAt ?? startedAt) ?? "" })
        }
        // A clock that was set back to before it cannot say, and must not take the run away from people for as long.
        const sinceLast =
          lastSuccessAt === null || startedAt < lastSuccessAt ? Infinity : startedAt - lastSuccessAt
        if (sinceLast < options.manualMinIntervalMs) {
          return yield* new RunTooSoon({ retryAfterMs: options.manualMinIntervalMs - sinceLast })
        }
        lastTriggeredAt = startedAt
        const run = yield* Effect.acquireUseRelease(
          Effect.sync(() => {
            inFlight = true
          }),
          () => reconciler.reconcile,
          () =>
            Effect.sync(() => {
              inFlight = false
            })
        ).pipe(
          Effect.catchAll((error) =>
            Effect.gen(function* () {
              if (error._tag === "InFlight") {
                return yield* new RunInFlight({ startedAt: new Date(error.startedAt).toISOString() })
              }
              return yield* new RunFailed({
                ...describeRefreshError(error),
                durationMs: Math.round(yield* elapsedMs)
              })
            })
          )
        )
        // Only a run that answers 200 uses up the allowance.
        lastSuccessAt = run.completedAt
        const isPartial = run.failed.size > 0 || run.held.length > 0
        return {
          status: isPartial ? ("partial" as const) : ("completed" as const),
          // The figure that /health shows for the same run.
          durationMs: reconciler.state().lastDurationMs ?? Math.round(yield* elapsedMs),
          driftCount: run.driftCount,
          result: runResult(run),
          incidentDashboardUrl,
          triggeredAt: new Date(startedAt).toISOString()
        }
      })

    const scope = yield* Effect.scope
    return Operations.of({
      // The nudge's work goes on when its answer can wait no longer, or its caller has gone (law 3).
      nudge: (storeId, news) =>
        Effect.forkIn(reconciler.nudge(storeId, news), scope).pipe(
          Effect.flatMap((fiber) => fiber.await),
          Effect.flatten,
          Effect.timeoutTo({
            duration: options.webhookWaitMs,
            onSuccess: (outcome) => outcome,
            onTimeout: () => ({ status: "reconcile_queued" as const, reason: "in-progress" })
          })
        ),
      reconcile: (actor) =>
        reconcile().pipe(
          Effect.tap(({ result, status }) =>
            audited(
              actor,
              `${status}: ${result.added.length} added, ${result.removed.length} removed`,
              "succeeded"
            )
          ),
          Effect.tapError((error) =>
            audited(actor, error._tag, error._tag === "RunFailed" ? "failed" : "refused")
          )
        ),
      health: health.now,
      recentHealth: health.recent,
      stores,
      ready: Effect.sync(() =>
        options.isOffUnintended === true
          ? {
              ready: false,
              reason: `the reconciler is disabled: ${Option.getOrElse(options.disabled, () => "a setting is missing")}`
            }
          : reconciler.firstPassMade()
            ? { ready: true, reason: "the first pass has been made" }
            : { ready: false, reason: "the first pass has not been made yet" }
      )
    })
  })

export const layer = (
  options: Options
): Layer.Layer<
  Operations,
  never,
  | DesiredState
  | StoreManager
  | EventProcessor
  | WorkspaceController
  | WorkspaceOrchestrator
  | WorkspaceReconciler
  | Pauses
  | Lockdown
  | StateStore
  | Checks
> => Layer.scoped(Operations, make(options))
