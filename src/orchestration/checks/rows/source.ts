/** Checks of the desired side: the Auth Worker, and the loop that reads it. */
import { type Check, judged, verdict, worst } from "../Check.ts"
import type { BreakerFacts, Facts } from "../Facts.ts"
import { age, count, duration, percent } from "../words.ts"

const MINUTE_MS = 60_000
/** Runs that must begin within so many intervals; a failed one is repeated within one. */
export const MISSED_INTERVALS = 3
/** Where intervals are short, a busy machine must not look like a loop that has stopped. */
const LEAST_HEARTBEAT_MS = 30_000

/** The breaker of the source of truth, by its name in /health and the command line. */
export const SOURCE_BREAKER = "auth-worker"

const breakerOf = (facts: Facts, name: string): BreakerFacts | undefined =>
  facts.breakers.find((breaker) => breaker.name === name && breaker.state !== "closed")

/** What to do while the source cannot be read: a run by hand would fail as the scheduled ones do. */
export const sourceNextStep = (facts: Facts): string => {
  const breaker = breakerOf(facts, SOURCE_BREAKER)
  const look = "curl -s $WSO_URL/health/auth-worker names the error; mend the Auth Worker or the way to it"
  return breaker === undefined
    ? `${look}; it is asked again by itself`
    : `${look}. Once it answers: wso circuits reset ${breaker.name}, or wait: it is asked again by itself`
}

const reconciler: Check = {
  name: "reconciler",
  looksAt: "whether the set is compared with an Auth Worker at all",
  wanted: "on, or switched off by WORKSPACE_RECONCILE_ENABLED, or STORE_IDS instead of an Auth Worker",
  judge: ({ reconciler: { disabled, pinned } }) => {
    if (disabled === null) return verdict("ok", "on", "")
    if (disabled.because === "switched-off") return verdict("ok", `switched off: ${disabled.reason}`, "")
    if (disabled.because === "no-source" && pinned > 0) {
      return verdict("ok", `off: ${disabled.reason}; STORE_IDS names ${count(pinned, "workspace")}`, "")
    }
    const variable = disabled.because === "no-token" ? "SERVER_BYPASS_TOKEN" : "AUTH_WORKER_INTERNAL_URL"
    return verdict(
      "fail",
      `off although it was not switched off: ${disabled.reason}`,
      `set ${variable} and restart the server; if it is meant to be off: WORKSPACE_RECONCILE_ENABLED=false`
    )
  },
  weighs: { warn: "degraded", fail: "degraded" },
  incident: { kind: "reconciler-off", severity: "critical", from: "fail", afterMs: 0 },
  alerts: ["WsoReconcilerOff"],
  runbook: "wsoreconcileroff",
  leftOut: {}
}

const loop: Check = {
  name: "loop",
  looksAt: "whether the loop begins runs",
  wanted: `a run begun within ${MISSED_INTERVALS} intervals`,
  judge: ({ now, reconciler: { disabled, intervalMs, isRunning, sinceRunBeganMs, waitMs } }) => {
    if (disabled !== null) return verdict("ok", "the reconciler is off", "")
    if (sinceRunBeganMs === null) return verdict("ok", "not started yet", "")
    const limit = Math.max(MISSED_INTERVALS * intervalMs, LEAST_HEARTBEAT_MS, waitMs + intervalMs)
    const found = `the newest run began ${duration(sinceRunBeganMs)} ago${isRunning ? " and is in flight" : ""}`
    return verdict(
      sinceRunBeganMs > limit ? "fail" : "ok",
      found,
      "restart the server (the stores are opened again from the last snapshot), and keep its log: wso bundle",
      { since: now - sinceRunBeganMs + limit }
    )
  },
  weighs: { warn: "degraded", fail: "unhealthy" },
  incident: { kind: "loop-stopped", severity: "critical", from: "fail", afterMs: 0 },
  alerts: ["WsoLoopStopped"],
  runbook: "wsoloopstopped",
  leftOut: {}
}

const source: Check = {
  name: "source",
  looksAt: "whether the workspaces are freshly known from the source of truth",
  wanted: "fresh, and not from an earlier life's snapshot",
  judge: (facts) => {
    const { ageMs, error, fresh, name } = facts.source
    const why = error === null ? "" : `; ${error.message}`
    const found = `from ${name}${ageMs === null ? "" : `, ${age(ageMs)}`}${fresh ? "" : ", stale"}${why}`
    if (facts.reconciler.disabled !== null) return verdict("ok", found, "")
    const status = !fresh || name === "none" ? "fail" : name === "snapshot" || error !== null ? "warn" : "ok"
    return verdict(status, found, sourceNextStep(facts), {
      // The age and the words of an error change all the time; that it is another error is news.
      fingerprint: `${name} ${error?.code ?? ""}`
    })
  },
  weighs: { warn: "degraded", fail: "degraded" },
  incident: { kind: "source-stale", severity: "critical", from: "fail", afterMs: MINUTE_MS },
  alerts: ["WsoNoAuthority", "WsoRunningOnSnapshot", "WsoReconcileFailing"],
  runbook: "when-the-source-is-refused",
  leftOut: {}
}

/** The step for the breaker that is open: what it protects is mended first, or the probe opens it again. */
const breakerNextStep = (facts: Facts, { name }: BreakerFacts): string =>
  name === SOURCE_BREAKER
    ? sourceNextStep(facts)
    : `wso circuits shows why; mend what ${name} calls (MESSAGE_HANDLER_URL). Once it answers: wso circuits reset ${name}, or wait: it is asked again by itself`

const breakers: Check = {
  name: "circuit-breakers",
  looksAt: "whether every circuit breaker is closed, and was so for a day",
  wanted: "all closed, none opened",
  judge: (facts) => {
    const open = facts.breakers.filter(({ state }) => state !== "closed")
    const [first] = open
    if (first === undefined) {
      const { breakerOpenings } = facts.day
      return verdict(
        "ok",
        breakerOpenings === 0 ? "all closed" : `all closed, opened ${breakerOpenings} times since a day`,
        ""
      )
    }
    const names = open.map(({ name }) => name)
    const began = open.flatMap(({ openedAt }) => openedAt ?? [])
    return verdict("fail", `not closed: ${names.join(", ")}`, breakerNextStep(facts, first), {
      since: began.length === 0 ? undefined : Math.min(...began),
      counts: { open: open.length },
      fingerprint: names.toSorted().join(",")
    })
  },
  weighs: { warn: "degraded", fail: "degraded" },
  incident: { kind: "circuit-open", severity: "high", from: "fail", afterMs: 5 * MINUTE_MS },
  alerts: ["WsoCircuitOpen"],
  runbook: "wsocircuitopen",
  leftOut: {}
}

/** Parts of the runs, and of the reconciles of single workspaces, that failed: WsoFailureRatioCritical at 5 %. */
const FAILURE_RATIO = { warn: 0.01, fail: 0.05 }
/** Fewer than these say nothing about a ratio. */
const LEAST = { runs: 5, reconciles: 20 }

const ratio = ({ failed, ok }: { readonly ok: number; readonly failed: number }): number =>
  ok + failed === 0 ? 0 : failed / (ok + failed)

const success = (what: string, ok: number, failed: number): string =>
  ok + failed === 0
    ? `no ${what}`
    : `${percent(1 - ratio({ ok, failed }))} of ${count(ok + failed, what)} succeeded`

const runs: Check = {
  name: "runs",
  looksAt: "how many runs of the loop, and reconciles of single workspaces, succeeded in the last day",
  wanted: `at least ${percent(1 - FAILURE_RATIO.warn)}; fails below ${percent(1 - FAILURE_RATIO.fail)}`,
  judge: ({ day }) => {
    const { completed, failed } = day.runs
    const keys = day.reconciles
    const ofRuns = completed + failed < LEAST.runs ? 0 : ratio({ ok: completed, failed })
    const ofKeys =
      keys.done + keys.failed < LEAST.reconciles ? 0 : ratio({ ok: keys.done, failed: keys.failed })
    return verdict(
      worst([judged(ofRuns, FAILURE_RATIO), judged(ofKeys, FAILURE_RATIO)]),
      `${success("run", completed, failed)}, ${success("reconcile", keys.done, keys.failed)}`,
      'curl -s -H "Authorization: Bearer $SERVER_BYPASS_TOKEN" $WSO_URL/recent-errors has the newest errors'
    )
  },
  weighs: { warn: "healthy", fail: "healthy" },
  incident: { none: "what fails now has an incident of its own" },
  alerts: ["WsoFailureRatioHigh", "WsoFailureRatioCritical"],
  runbook: "wsofailureratiohigh",
  leftOut: {
    explain: "it is about the last day, not about a workspace now",
    stuck: "it is about the last day, not about a workspace now",
    incidents: "what fails now has an incident of its own"
  }
}

export const sourceChecks: ReadonlyArray<Check> = [reconciler, loop, source, breakers, runs]
