/**
 * What the loop is at a moment: gauges, taken when somebody asks and not as things happen. One pass over all open
 * stores, and otherwise as much work as there is trouble.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as CircuitBreaker from "../controller/CircuitBreaker.ts"
import { letTurn } from "../controller/EventLoop.ts"
import { EventProcessor } from "../stores/EventProcessor.ts"
import { StoreManager } from "../stores/StoreManager.ts"
import { gauge, gauges } from "../telemetry/Metrics.ts"
import { DesiredState } from "../workspaces/DesiredState.ts"
import type { Administration } from "./Administration.ts"
import type { HoldReason, WaitReason } from "./decide.ts"
import * as OrchestrationMetrics from "./OrchestrationMetrics.ts"
import { Pauses } from "./Pauses.ts"
import { StateStore } from "./StateStore.ts"
import { WorkspaceController } from "./WorkspaceController.ts"
import { WorkspaceOrchestrator } from "./WorkspaceOrchestrator.ts"
import { WorkspaceReconciler } from "./WorkspaceReconciler.ts"

export interface Options {
  readonly breakers: ReadonlyArray<CircuitBreaker.CircuitBreaker>
  readonly workers: number
}

const MS_PER_SECOND = 1_000
/** Stores looked at before other work has its turn: about a millisecond. */
const STORES_PER_TURN = 2_000

const converged = gauge("wso_converged", "1 while the monitored set equals the desired one, freshly known")
const notConverged = gauge("wso_not_converged_seconds", "For how long the set has not been converged")
const oldest = gauges(
  "wso_oldest_unconverged_seconds",
  "For how long the workspace that has waited longest has been missing or orphaned; 0 if there is none",
  ["kind"]
)
const desiredCount = gauge("wso_stores_desired", "Workspaces that the source of truth, or STORE_IDS, has")
const monitoredCount = gauge("wso_stores_monitored", "Stores that are open with a running event processor")
const stores = gauges("wso_stores", "Stores that this process has, by status", ["status"])
const drift = gauges(
  "wso_stores_drift",
  "Workspaces that are desired and not monitored (missing), or the other way round (orphaned)",
  ["kind"]
)
const unsupported = gauge(
  "wso_workspaces_unsupported",
  "Workspaces that exist and cannot be opened, because their ids are none that LiveStore takes"
)
const failing = gauge("wso_stores_failing", "Workspaces whose newest reconcile failed")
const blocked = gauges("wso_stores_blocked", "Workspaces that are held or wait, by reason", ["reason"])

const desiredAge = gauge("wso_desired_age_seconds", "Age of the accepted snapshot of the source of truth")
const desiredFresh = gauge("wso_desired_fresh", "1 while that snapshot is fresh")
const desiredSource = gauges("wso_desired_source", "1 for where that snapshot came from", ["source"])

const ready = gauge("wso_ready", "1 once a snapshot is accepted and its first pass has been made")
const isRunning = gauge("wso_reconcile_running", "1 while a run of the whole loop is in flight")
const lastSuccess = gauge(
  "wso_reconcile_last_success_timestamp_seconds",
  "When the newest run that read the source of truth ended, in seconds since the epoch"
)
const consecutiveFailures = gauge(
  "wso_reconcile_consecutive_failures",
  "Runs that failed since the last success"
)

const guardTripped = gauge("wso_removal_guard_tripped", "1 while the removal guard holds removals back")
const heldRemovals = gauge("wso_removal_guard_held_removals", "Removals that wait for an approval")
const removalLimit = gauge("wso_removal_guard_limit", "Removals that pass the guard in one window")
const recentRemovals = gauge("wso_removal_guard_recent_removals", "Removals in the present window")
const approvals = gauge("wso_approvals_pending", "Plans that wait until a human approves them")
const paused = gauges("wso_paused", "Pauses that stand, of the loop or of single workspaces", ["scope"])
const stateHealthy = gauge("wso_state_healthy", "1 while the server's own state can be written")

const dependency = gauges(
  "wso_dependency_up",
  "1 while what this server depends on answers: as /health/auth-worker and /health/sync judge it, or by its breaker",
  ["dependency"]
)
const circuit = gauges("wso_circuit_state", "1 for the state that a circuit breaker is in", [
  "dependency",
  "state"
])

const depth = gauges("wso_workqueue_depth", "Workspaces that could be worked on now", ["priority"])
const waiting = gauge("wso_workqueue_waiting", "Workspaces that wait for their time: backoff and delays")
const oldestReady = gauge(
  "wso_workqueue_oldest_ready_seconds",
  "For how long the workspace that could be worked on longest has waited for a worker"
)
const unfinished = gauge(
  "wso_workqueue_unfinished_work_seconds",
  "The sum of the times of the reconciles that run: grows without bound when work is stuck"
)
const longestRunning = gauge(
  "wso_workqueue_longest_running_processor_seconds",
  "How long the longest reconcile that runs has been running"
)
const workers = gauge("wso_workers", "Workspaces that may be worked on at once")
const busyWorkers = gauge("wso_workers_busy", "Workspaces that are being worked on")

const messages = gauges(
  "wso_user_messages",
  "User messages of the stores that are monitored now, by state: processed, pending, parked",
  ["state"]
)
const oldestMessage = gauge(
  "wso_oldest_pending_message_seconds",
  "For how long the oldest user message that is open has been known; 0 if there is none"
)
const handlers = gauge("wso_message_handlers_active", "Message handlers that run")
const messageErrors = gauge("wso_message_error_ratio", "Part of the newest handler attempts that failed")

const AUTH_WORKER = "auth-worker"
const BREAKER_STATES = ["closed", "open", "half-open"] as const
const SOURCES = ["auth-worker", "snapshot", "static", "none"] as const
const REASONS: ReadonlyArray<HoldReason | WaitReason> = [
  "paused",
  "evidence",
  "guard",
  "rejected",
  "source-disagrees",
  "no-evidence",
  "grace",
  "flapping"
]

const flag = (value: boolean): number => (value ? 1 : 0)
const seconds = (ms: number): number => ms / MS_PER_SECOND

/** The oldest of a map whose values were put in as time went by. */
const first = (times: ReadonlyMap<string, number>): number => {
  for (const time of times.values()) return time
  return Infinity
}

/** Sets the gauges as of now. */
export const make = (options: Options, probe: Administration["Type"]["probe"]) =>
  Effect.gen(function* () {
    const desired = yield* DesiredState
    const manager = yield* StoreManager
    const processor = yield* EventProcessor
    const controller = yield* WorkspaceController
    const orchestrator = yield* WorkspaceOrchestrator
    const reconciler = yield* WorkspaceReconciler
    const pauses = yield* Pauses
    const state = yield* StateStore
    for (const { name } of options.breakers) OrchestrationMetrics.breakerMade(name)

    const takeSet = (now: number): void => {
      const convergence = controller.convergence()
      converged.set(flag(convergence.converged))
      notConverged.set(seconds(convergence.notConvergedForMs))
      const { missing, orphaned } = controller.drift
      for (const [kind, since] of [
        ["missing", missing],
        ["orphaned", orphaned]
      ] as const) {
        drift(kind).set(since.size)
        oldest(kind).set(seconds(Math.max(0, now - first(since))))
      }
      desiredCount.set(desired.size() - desired.absences().size)
      unsupported.set(desired.view().unsupported.size)
      failing.set(controller.failing().size)
      const byReason = new Map<string, number>(REASONS.map((reason) => [reason, 0]))
      for (const { reason } of controller.blocked().values()) {
        byReason.set(reason, (byReason.get(reason) ?? 0) + 1)
      }
      for (const [reason, count] of byReason) blocked(reason).set(count)
    }

    /** Read off each live store (law 9), and a little at a time: a scrape must not stall what it measures. */
    const takeStores = Effect.gen(function* () {
      const counts = { connected: 0, connecting: 0, disconnected: 0, error: 0 }
      let monitored = 0
      let looked = 0
      for (const storeId of manager.storeIds()) {
        const status = manager.status(storeId)
        if (status !== undefined) counts[status]++
        if (orchestrator.isMonitored(storeId)) monitored++
        if (++looked % STORES_PER_TURN === 0) yield* letTurn
      }
      monitoredCount.set(monitored)
      for (const [status, count] of Object.entries(counts)) stores(status).set(count)
    })

    const takeSource = (): void => {
      const { ageMs, source } = desired.view()
      if (ageMs !== null) desiredAge.set(seconds(ageMs))
      desiredFresh.set(flag(controller.isFresh()))
      for (const one of SOURCES) desiredSource(one).set(flag(one === source))
    }

    const takeLoop = (): void => {
      const loop = reconciler.state()
      ready.set(flag(reconciler.firstPassMade()))
      isRunning.set(flag(loop.isRunning))
      if (loop.lastSuccessAt !== null) lastSuccess.set(seconds(loop.lastSuccessAt))
      consecutiveFailures.set(loop.consecutiveFailures)
      const standing = pauses.list()
      const ofLoop = standing.filter(({ storeId }) => storeId === null).length
      paused("loop").set(ofLoop)
      paused("workspace").set(standing.length - ofLoop)
      stateHealthy.set(flag(state.health().healthy))
    }

    const takeMessages = (now: number): void => {
      const since = processor.oldestOpenAt()
      oldestMessage.set(since === null ? 0 : seconds(Math.max(0, now - since)))
      const totals = processor.totals()
      messages("processed").set(totals.processedUserMessages)
      messages("pending").set(totals.pendingUserMessages)
      messages("parked").set(totals.parkedUserMessages)
      handlers.set(totals.activeHandlers)
      messageErrors.set(processor.errorRate())
    }

    const takeGuard = Effect.map(controller.verdict, (verdict) => {
      guardTripped.set(flag(verdict.tripped))
      approvals.set(verdict.plan === null ? 0 : 1)
      heldRemovals.set(verdict.plan?.storeIds.length ?? 0)
      removalLimit.set(verdict.limit)
      recentRemovals.set(verdict.recent)
    })

    const takeQueue = Effect.map(controller.queueStats, (stats) => {
      for (const [priority, count] of Object.entries(stats.readyByPriority)) depth(priority).set(count)
      waiting.set(stats.waiting)
      oldestReady.set(seconds(stats.oldestReadyMs))
      unfinished.set(stats.unfinishedWorkSeconds)
      longestRunning.set(seconds(stats.longestRunningMs))
      workers.set(options.workers)
      busyWorkers.set(stats.running)
    })

    const takeBreakers = Effect.forEach(
      options.breakers,
      ({ status }) =>
        Effect.map(status, (breaker) => {
          for (const one of BREAKER_STATES) circuit(breaker.name, one).set(flag(one === breaker.state))
          if (breaker.name !== AUTH_WORKER) dependency(breaker.name).set(flag(breaker.state !== "open"))
        }),
      { discard: true }
    )

    return Effect.gen(function* () {
      const now = yield* Clock.currentTimeMillis
      takeSet(now)
      takeSource()
      takeLoop()
      takeMessages(now)
      yield* takeStores
      yield* takeGuard
      yield* takeQueue
      yield* takeBreakers
      dependency(AUTH_WORKER).set(flag((yield* probe(AUTH_WORKER)).healthy))
      dependency("livestore-sync").set(flag((yield* probe("sync")).healthy))
    })
  })
