/** `Reports` over the running loop. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as SingleFlight from "../controller/SingleFlight.ts"
import type { StoreManager } from "../stores/StoreManager.ts"
import * as MetricHistory from "../telemetry/MetricHistory.ts"
import * as ProcessFigures from "../telemetry/ProcessFigures.ts"
import type { DesiredState } from "../workspaces/DesiredState.ts"
import { Backups } from "./Backups.ts"
import { Credentials } from "./Credentials.ts"
import { worst } from "./checks/Check.ts"
import { Checks, shownIn } from "./checks/Checks.ts"
import type { Facts } from "./checks/Facts.ts"
import { FactSources } from "./checks/FactSources.ts"
import * as Invariants from "./Invariants.ts"
import { type Check, type DailyReport, type DeepVerification, Reports } from "./Reports.ts"
import { WorkspaceController } from "./WorkspaceController.ts"
import type { WorkspaceOrchestrator } from "./WorkspaceOrchestrator.ts"

export interface Options {
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
  runs: "wso_reconcile_total",
  logLinesDropped: "wso_log_lines_dropped_total",
  telemetryDropped: "wso_telemetry_dropped_total",
  auditIntact: "wso_audit_chain_intact",
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
    const checks = yield* Checks
    const controller = yield* WorkspaceController
    const backups = yield* Backups
    const credentials = yield* Credentials
    const history = yield* MetricHistory.make({
      counters: [
        metrics.reconciles,
        metrics.errors,
        metrics.rejections,
        metrics.transitions,
        metrics.operations,
        metrics.runs,
        metrics.logLinesDropped,
        metrics.telemetryDropped
      ],
      gauges: [metrics.stall, metrics.auditIntact],
      windowMs: DAY_MS,
      everyMs: LOOK_EVERY_MS
    })

    const grown = (name: string, now: number) => history.growth(name, now)

    const day = Effect.map(Clock.currentTimeMillis, (now): Facts["day"] => {
      const runs = grown(metrics.runs, now)
      const ofRuns = (failed: boolean): number =>
        total(runs.filter(({ labels }) => (labels["result"] === "failed") === failed))
      const reconciles = grown(metrics.reconciles, now)
      const ofResults = (results: ReadonlySet<string>): number =>
        total(reconciles.filter(({ labels }) => results.has(labels["result"] ?? "")))
      return {
        since: history.since(now),
        runs: { completed: ofRuns(false), failed: ofRuns(true) },
        reconciles: { done: ofResults(DONE_RECONCILES), failed: ofResults(FAILED_RECONCILES) },
        breakerOpenings: total(
          grown(metrics.transitions, now).filter(({ labels }) => labels["to"] === "open")
        ),
        errors: total(grown(metrics.errors, now)),
        longestStallMs: (history.highest(metrics.stall, now) ?? 0) * MS_PER_SECOND
      }
    })

    const machine = Effect.gen(function* () {
      const now = yield* Clock.currentTimeMillis
      const memory = ProcessFigures.memory()
      const facts: Facts["machine"] = {
        disk: yield* Effect.orElseSucceed(ProcessFigures.disk(options.dataPath), () => null),
        memoryRatio: Math.max(
          memory.residentBytes / memory.residentLimitBytes,
          memory.heapBytes / memory.heapLimitBytes
        ),
        eventLoopDelayMs: (history.latest(metrics.stall) ?? 0) * MS_PER_SECOND,
        logLinesDropped: total(grown(metrics.logLinesDropped, now)),
        telemetryDropped: total(grown(metrics.telemetryDropped, now))
      }
      return facts
    })

    yield* (yield* FactSources).contribute({
      day,
      machine,
      auditIntact: Effect.sync(() => {
        const intact = history.latest(metrics.auditIntact)
        return intact === undefined ? null : intact === 1
      }),
      newestBackupAgeMs: Effect.gen(function* () {
        const now = yield* Clock.currentTimeMillis
        const [newest] = yield* backups.list
        return newest === undefined ? null : now - Date.parse(newest.createdAt)
      }),
      oldestSecret: Effect.map(
        credentials.views,
        (views) =>
          views
            .flatMap(({ secrets, variable }) => secrets.map(({ ageMs }) => ({ variable, ageMs })))
            .sort((one, other) => other.ageMs - one.ageMs)[0] ?? null
      ),
      webhookRejections: Effect.map(Clock.currentTimeMillis, (now) => total(grown(metrics.rejections, now)))
    })

    /** Counted by the metrics; what the newest of each kind said is what is remembered of them. */
    const errorsAt = (now: number): DailyReport["errors"] => {
      const remembered = controller.recentErrors.list()
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
      const shown = shownIn("report", yield* checks.now)
      return {
        status: worst(shown.map(({ status }) => status)),
        generatedAt: isoOf(now),
        since: isoOf(history.since(now)),
        checks: shown.map(({ check, found, next, status }): Check => ({
          check: check.name,
          status,
          value: found,
          threshold: check.wanted,
          next
        })),
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
  | Checks
  | FactSources
  | DesiredState
  | StoreManager
  | WorkspaceController
  | WorkspaceOrchestrator
  | Backups
  | Credentials
> => Layer.scoped(Reports, make(options))
