/** `Reports` over the running loop. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as CircuitBreaker from "../controller/CircuitBreaker.ts"
import * as SingleFlight from "../controller/SingleFlight.ts"
import { EventProcessor } from "../stores/EventProcessor.ts"
import type { StoreManager } from "../stores/StoreManager.ts"
import * as MetricHistory from "../telemetry/MetricHistory.ts"
import * as ProcessFigures from "../telemetry/ProcessFigures.ts"
import { DesiredState } from "../workspaces/DesiredState.ts"
import { Backups } from "./Backups.ts"
import { Credentials } from "./Credentials.ts"
import { type Figures, judge, worst } from "./dailyChecks.ts"
import * as Invariants from "./Invariants.ts"
import { Operations } from "./Operations.ts"
import { Pauses } from "./Pauses.ts"
import { type DailyReport, type DeepVerification, Reports } from "./Reports.ts"
import { StateStore } from "./StateStore.ts"
import { WorkspaceController } from "./WorkspaceController.ts"
import type { WorkspaceOrchestrator } from "./WorkspaceOrchestrator.ts"
import { WorkspaceReconciler } from "./WorkspaceReconciler.ts"

export interface Options {
  readonly breakers: ReadonlyArray<CircuitBreaker.CircuitBreaker>
  /** The folder whose disk is looked at (`STORE_DATA_PATH`). */
  readonly dataPath: string
}

const DAY_MS = 86_400_000
/** How exact the beginning of the day is. */
const LOOK_EVERY_MS = 60_000
/** Kinds of errors that are listed. */
const MAX_ERRORS = 20
const MS_PER_SECOND = 1_000

/** The metrics that a day's report is made of: see OrchestrationMetrics, HttpMetrics and ProcessMetrics. */
const metrics = {
  reconciles: "wso_workspace_reconciles_total",
  errors: "wso_errors_total",
  rejections: "wso_webhook_rejections_total",
  transitions: "wso_circuit_transitions_total",
  operations: "wso_store_operations_total",
  stall: "nodejs_eventloop_lag_max_seconds"
} as const
/** Reconciles that ended otherwise than as they should; `interrupted` is a shutdown. */
const FAILED_RECONCILES = new Set(["failed", "timed_out", "defect"])
const DONE_RECONCILES = new Set(["done", "requeued"])

const isoOf = (at: number): string => new Date(at).toISOString()

const total = (growths: ReadonlyArray<MetricHistory.Growth>): number =>
  growths.reduce((sum, { count }) => sum + count, 0)

const make = (options: Options) =>
  Effect.gen(function* () {
    const operations = yield* Operations
    const desired = yield* DesiredState
    const controller = yield* WorkspaceController
    const processor = yield* EventProcessor
    const reconciler = yield* WorkspaceReconciler
    const pauses = yield* Pauses
    const state = yield* StateStore
    const backups = yield* Backups
    const credentials = yield* Credentials
    const history = yield* MetricHistory.make({
      counters: [
        metrics.reconciles,
        metrics.errors,
        metrics.rejections,
        metrics.transitions,
        metrics.operations
      ],
      gauges: [metrics.stall],
      windowMs: DAY_MS,
      everyMs: LOOK_EVERY_MS
    })

    const openBreakers = Effect.map(
      Effect.forEach(options.breakers, ({ status }) => status),
      (statuses) => statuses.filter(({ state: it }) => it !== "closed").map(({ name }) => name)
    )

    const figuresAt = (now: number) =>
      Effect.gen(function* () {
        const grown = (name: string) => history.growth(name, now)
        const reconciles = grown(metrics.reconciles)
        const ofResults = (results: ReadonlySet<string>): number =>
          total(reconciles.filter(({ labels }) => results.has(labels["result"] ?? "")))
        const { notConvergedForMs } = controller.convergence()
        const { ageMs, source } = desired.view()
        const queue = yield* controller.queueStats
        const verdict = yield* controller.verdict
        const standing = pauses.list()
        const memory = ProcessFigures.memory()
        const [newest] = yield* backups.list
        const [oldest] = (yield* credentials.views)
          .flatMap(({ secrets, variable }) => secrets.map(({ ageMs }) => ({ variable, ageMs })))
          .sort((one, other) => other.ageMs - one.ageMs)
        const figures: Figures = {
          health: (yield* operations.health).status,
          convergence: {
            desired: desired.size() - desired.absences().size,
            monitored: controller.drift.monitored(),
            drift: controller.drift.size(),
            notConvergedForMs
          },
          source: {
            name: source,
            fresh: controller.isFresh(),
            ageMs
          },
          reconciles: { done: ofResults(DONE_RECONCILES), failed: ofResults(FAILED_RECONCILES) },
          queue: { depth: queue.ready, oldestMs: queue.oldestReadyMs },
          breakers: {
            open: yield* openBreakers,
            openings: total(grown(metrics.transitions).filter(({ labels }) => labels["to"] === "open"))
          },
          errors: total(grown(metrics.errors)),
          disk: yield* Effect.orElseSucceed(ProcessFigures.disk(options.dataPath), () => null),
          memoryRatio: Math.max(
            memory.residentBytes / memory.residentLimitBytes,
            memory.heapBytes / memory.heapLimitBytes
          ),
          longestStallMs: (history.highest(metrics.stall, now) ?? 0) * MS_PER_SECOND,
          parkedMessages: processor.totals().parkedUserMessages,
          pauses: {
            loop: standing.some(({ storeId }) => storeId === null),
            workspaces: standing.filter(({ storeId }) => storeId !== null).length
          },
          guard: { tripped: verdict.tripped, held: verdict.plan?.storeIds.length ?? 0 },
          webhookRejections: total(grown(metrics.rejections)),
          stateError: state.health().lastError,
          newestBackupAgeMs: newest === undefined ? null : now - Date.parse(newest.createdAt),
          oldestSecret: oldest ?? null
        }
        return figures
      })

    /** Counted by the metrics; what the newest of each kind said is what is remembered of them. */
    const errorsAt = (now: number): DailyReport["errors"] => {
      const { lastError } = reconciler.state()
      const remembered = [
        ...controller.recentErrors.list(),
        ...(lastError === null
          ? []
          : [
              {
                component: "source",
                code: lastError.code,
                lastSeenAt: lastError.at,
                lastMessage: lastError.message
              }
            ])
      ]
      return history
        .growth(metrics.errors, now)
        .map(({ count, labels: { code = "", component = "" } }) => {
          const last = remembered.find((one) => one.code === code && one.component === component)
          return {
            component,
            code,
            count,
            lastSeenAt: last === undefined ? null : isoOf(last.lastSeenAt),
            lastMessage: last?.lastMessage ?? null
          }
        })
        .sort((one, other) => other.count - one.count)
        .slice(0, MAX_ERRORS)
    }

    const daily = Effect.gen(function* () {
      const now = yield* Clock.currentTimeMillis
      const checks = judge(yield* figuresAt(now))
      return {
        status: worst(checks.map(({ status }) => status)),
        generatedAt: isoOf(now),
        since: isoOf(history.since(now)),
        checks,
        errors: errorsAt(now)
      }
    })

    const invariants = yield* Invariants.make({
      secondOpenings: Effect.map(Clock.currentTimeMillis, (now) =>
        total(history.growth(metrics.operations, now).filter(({ labels }) => labels["result"] === "busy"))
      )
    })
    const verifyNow = Effect.gen(function* () {
      const begun = yield* Clock.currentTimeMillis
      const found = yield* invariants
      const ended = yield* Clock.currentTimeMillis
      const result: DeepVerification = {
        status: found.every(({ holds }) => holds) ? "ok" : "violated",
        checkedAt: isoOf(ended),
        durationMs: ended - begun,
        invariants: found
      }
      return result
    })
    return Reports.of({ daily, verify: yield* SingleFlight.make(verifyNow) })
  })

export const layer = (
  options: Options
): Layer.Layer<
  Reports,
  never,
  | Operations
  | DesiredState
  | StoreManager
  | EventProcessor
  | WorkspaceController
  | WorkspaceOrchestrator
  | WorkspaceReconciler
  | Pauses
  | StateStore
  | Backups
  | Credentials
> => Layer.scoped(Reports, make(options))
