/**
 * What the loop counts as it happens. What it is at a moment is taken when somebody asks: see StateMetrics.
 */
import type { Outcome, ReconcileEnd } from "../controller/Controller.ts"
import type { Priority } from "../controller/WorkQueue.ts"
import type { State as BreakerState } from "../controller/CircuitBreaker.ts"
import type { StoreOpenError } from "../stores/StoreDriver.ts"
import { counter, counters, histogram, histograms } from "../telemetry/Metrics.ts"

/** 15 and 30 s are the objectives for a user who waits for a workspace. */
const PROVISION_BUCKETS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30, 60, 120]
/** A reconcile that has nothing to do takes microseconds; one that opens a store, seconds. */
const QUEUE_BUCKETS = [0.0001, 0.001, 0.01, 0.1, 0.5, 1, 5, 10, 30, 60, 120, 300]
const RUN_BUCKETS = [0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120]
const MS_PER_SECOND = 1_000

const provision = histogram(
  "wso_store_provision_duration_seconds",
  "From the moment a workspace was desired but not monitored until it was monitored",
  PROVISION_BUCKETS
)
const opening = histogram(
  "wso_store_open_duration_seconds",
  "Opening of one store and of its event processor, when it succeeded",
  PROVISION_BUCKETS
)
const operations = counters(
  "wso_store_operations_total",
  "Stores opened (provision) and closed (deprovision), by result: succeeded, or why it failed",
  ["operation", "result"]
)
const runs = counters("wso_reconcile_total", "Runs of the whole loop; partial: something failed or is held", [
  "trigger",
  "result"
])
const runTime = histograms(
  "wso_reconcile_duration_seconds",
  "Runs of the whole loop that read the source of truth",
  RUN_BUCKETS,
  ["trigger"]
)
const errors = counters("wso_errors_total", "Failures of the loop, by where and what", ["component", "code"])
const events = counters("wso_events_total", "Transitions, as GET /events tells them", ["type"])
const eventsMissed = counter(
  "wso_events_missed_total",
  "Transitions that a watcher of GET /events did not get, because it reads too slowly"
)
const transitions = counters("wso_circuit_transitions_total", "Changes of a circuit breaker's state", [
  "dependency",
  "to"
])

const queueTime = histogram(
  "wso_workqueue_queue_duration_seconds",
  "From when a workspace could be worked on until a worker took it",
  QUEUE_BUCKETS
)
const workTime = histogram(
  "wso_workqueue_work_duration_seconds",
  "How long a worker had a workspace in hand",
  QUEUE_BUCKETS
)
const retries = counter("wso_workqueue_retries_total", "Workspaces that were put off because they failed")

const addsBy = (priority: Priority) =>
  counter("wso_workqueue_adds_total", "Workspaces that became due", { priority })
const adds: Readonly<Record<Priority, ReturnType<typeof addsBy>>> = {
  nudge: addsBy("nudge"),
  died: addsBy("died"),
  drift: addsBy("drift"),
  retry: addsBy("retry")
}

const reconcilesBy = (result: string) =>
  counter("wso_workspace_reconciles_total", "Reconciles of one workspace, by how they ended", { result })
const reconciles: Readonly<Record<Outcome, ReturnType<typeof reconcilesBy>>> = {
  done: reconcilesBy("done"),
  requeued: reconcilesBy("requeued"),
  failed: reconcilesBy("failed"),
  timedOut: reconcilesBy("timed_out"),
  died: reconcilesBy("defect"),
  interrupted: reconcilesBy("interrupted")
}

const opened = operations("provision", "succeeded")
const closed = operations("deprovision", "succeeded")

// Zero from the beginning: an alert on an increase sees the first one.
for (const result of ["timeout", "rejected", "corrupt", "busy", "driver"]) operations("provision", result)
for (const trigger of ["scheduled", "manual"]) {
  runTime(trigger)
  for (const result of ["completed", "partial", "failed"]) runs(trigger, result)
}

/** For the controller's hooks: these run once a reconcile, and cost a few counters each. */
export const added = (_key: string, priority: Priority): void => adds[priority].add()
export const retried = (): void => retries.add()
export const reconciled = ({
  outcome,
  queueMs,
  workMs
}: Pick<ReconcileEnd<unknown>, "outcome" | "queueMs" | "workMs">): void => {
  reconciles[outcome].add()
  queueTime.observe(queueMs / MS_PER_SECOND)
  workTime.observe(workMs / MS_PER_SECOND)
}

/** A workspace that was to be monitored is, after so many milliseconds. */
export const provisioned = (sinceDesiredMs: number): void => provision.observe(sinceDesiredMs / MS_PER_SECOND)

export const storeOpened = (durationMs: number): void => {
  opened.add()
  opening.observe(durationMs / MS_PER_SECOND)
}
export const storeNotOpened = (reason: StoreOpenError["reason"]): void =>
  operations("provision", reason).add()
export const storeClosed = (): void => closed.add()

export type Trigger = "scheduled" | "manual"

export const runEnded = (trigger: Trigger, result: "completed" | "partial", durationMs: number): void => {
  runs(trigger, result).add()
  runTime(trigger).observe(durationMs / MS_PER_SECOND)
}
export const runFailed = (trigger: Trigger): void => runs(trigger, "failed").add()

/** `code` is the tag of an error, of which there are a few. */
export const failed = (component: "workspaces" | "source", code: string): void =>
  errors(component, code).add()
export const missedByWatcher = (count: number): void => eventsMissed.add(count)
export const happened = (type: string): void => events(type).add()
/** Zero from the beginning, as far as it depends on us. */
export const breakerMade = (dependency: string): void => {
  for (const to of ["closed", "open", "half-open"]) transitions(dependency, to)
}
export const breakerTurned = (dependency: string, to: BreakerState): void => transitions(dependency, to).add()
