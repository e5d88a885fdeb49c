/**
 * The judgement of the daily report, pure: figures in, checks out. Thresholds are those of the alerts (spec/alerts) where
 * there is one, and of the operations map's daily check otherwise.
 */
import type { Check, Judgement } from "./Reports.ts"

/** Ratios are parts of one, times milliseconds. */
export interface Figures {
  readonly health: "healthy" | "degraded" | "unhealthy"
  readonly convergence: {
    readonly desired: number
    readonly monitored: number
    readonly drift: number
    readonly notConvergedForMs: number
  }
  readonly source: {
    readonly name: "auth-worker" | "snapshot" | "static" | "none"
    readonly fresh: boolean
    /** Infinite: from a time that is yet to come. */
    readonly ageMs: number | null
  }
  /** Reconciles of single workspaces in the window. */
  readonly reconciles: { readonly done: number; readonly failed: number }
  readonly queue: { readonly depth: number; readonly oldestMs: number }
  readonly breakers: {
    /** Names of those that are not closed. */
    readonly open: ReadonlyArray<string>
    /** How often one has opened in the window. */
    readonly openings: number
  }
  readonly errors: number
  /** Null: unknown. */
  readonly disk: { readonly freeBytes: number; readonly totalBytes: number } | null
  /** What is used of what is allowed: the larger of resident memory and heap. */
  readonly memoryRatio: number
  /** The longest stall of the event loop in the window. */
  readonly longestStallMs: number
  readonly parkedMessages: number
  readonly pauses: { readonly loop: boolean; readonly workspaces: number }
  readonly guard: { readonly tripped: boolean; readonly held: number }
  readonly webhookRejections: number
  readonly stateError: string | null
  /** Null: there is none. */
  readonly newestBackupAgeMs: number | null
  /** For how long this server has had the oldest of its secrets; null: it has none. */
  readonly oldestSecret: { readonly variable: string; readonly ageMs: number } | null
}

const MINUTE_MS = 60_000
const HOUR_MS = 3_600_000
const DAY_MS = 86_400_000

/** From where on a figure is a warning, and a failure. */
export const limits = {
  /** WsoNotConverged waits as long. */
  notConvergedMs: { warn: MINUTE_MS, fail: 10 * MINUTE_MS },
  /** The objectives: below 1 % fails; WsoFailureRatioCritical at 5 %. */
  failureRatio: { warn: 0.01, fail: 0.05 },
  /** Fewer reconciles than this say nothing about a ratio. */
  minReconciles: 20,
  /** Workspaces that wait for a worker, or this part of the set if that is more. */
  queueDepth: { warn: 50, fail: 100 },
  queueRatio: { warn: 0.2, fail: 0.5 },
  queueOldestMs: { warn: MINUTE_MS, fail: 5 * MINUTE_MS },
  errors: { warn: 10, fail: 1_000 },
  diskRatio: { warn: 0.8, fail: 0.9 },
  memoryRatio: { warn: 0.8, fail: 0.9 },
  /** The longest single one; WsoEventLoopLag watches those that last. */
  stallMs: { warn: 2_000, fail: 10_000 },
  parkedMessages: { warn: 1, fail: 100 },
  webhookRejections: { warn: 100, fail: 10_000 },
  backupAgeMs: { warn: 48 * HOUR_MS },
  /** A quarter of a year, and a week and a half to rotate in. */
  secretAgeMs: { warn: 80 * DAY_MS, fail: 90 * DAY_MS }
} as const

const judged = (
  value: number,
  { fail, warn }: { readonly warn: number; readonly fail: number }
): Judgement => (value >= fail ? "fail" : value >= warn ? "warn" : "ok")

const rank: Record<Judgement, number> = { ok: 0, warn: 1, fail: 2 }

/** The worst of them; `ok` of none. */
export const worst = (judgements: Iterable<Judgement>): Judgement => {
  let found: Judgement = "ok"
  for (const one of judgements) if (rank[one] > rank[found]) found = one
  return found
}

const percent = (ratio: number): string => `${(ratio * 100).toFixed(ratio > 0 && ratio < 0.1 ? 1 : 0)} %`
const minutes = (ms: number): string =>
  ms < MINUTE_MS
    ? `${Math.round(ms / 1_000)} s`
    : ms < 2 * HOUR_MS
      ? `${Math.round(ms / MINUTE_MS)} min`
      : `${Math.round(ms / HOUR_MS)} h`
/** A clock that was set back since makes what it stamped younger than now. */
const age = (ms: number): string =>
  ms < 0 || ms === Infinity
    ? "of a time that is yet to come: look at this server's clock"
    : `${minutes(ms)} old`
const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`

const check = (name: string, status: Judgement, value: string, threshold: string, next: string): Check => ({
  check: name,
  status,
  value,
  threshold,
  next: status === "ok" ? null : next
})

const health = ({ health: status }: Figures): Check =>
  check(
    "health",
    status === "healthy" ? "ok" : status === "degraded" ? "warn" : "fail",
    status,
    "healthy",
    "wso status"
  )

const convergence = ({ convergence: { desired, drift, monitored, notConvergedForMs } }: Figures): Check =>
  check(
    "convergence",
    notConvergedForMs === 0 ? "ok" : judged(notConvergedForMs, { ...limits.notConvergedMs, warn: 1 }),
    `${monitored} of ${desired} monitored, drift ${drift}${notConvergedForMs > 0 ? `, not converged for ${minutes(notConvergedForMs)}` : ""}`,
    `converged; fails after ${minutes(limits.notConvergedMs.fail)}`,
    "wso stuck, then wso explain <id>"
  )

const source = ({ source: { ageMs, fresh, name } }: Figures): Check =>
  check(
    "desired state",
    name === "none" ? "fail" : name === "snapshot" || !fresh ? "warn" : "ok",
    `from ${name}${ageMs === null ? "" : `, ${age(ageMs)}`}${fresh ? "" : ", stale"}`,
    "fresh, and not from an earlier life's snapshot",
    "curl -s $WSO_URL/health/auth-worker; docs/runbook.md, When the source is refused"
  )

const reconciles = ({ reconciles: { done, failed } }: Figures): Check => {
  const all = done + failed
  const ratio = all === 0 ? 0 : failed / all
  return check(
    "reconciles",
    all < limits.minReconciles ? "ok" : judged(ratio, limits.failureRatio),
    all === 0 ? "none" : `${percent(1 - ratio)} of ${all} succeeded`,
    `at least ${percent(1 - limits.failureRatio.warn)}; fails below ${percent(1 - limits.failureRatio.fail)}`,
    "the errors below; wso doctor"
  )
}

const queue = ({ convergence: { desired }, queue: { depth, oldestMs } }: Figures): Check => {
  const atMost = (kind: "warn" | "fail") =>
    Math.max(limits.queueDepth[kind], Math.ceil(desired * limits.queueRatio[kind]))
  return check(
    "queue",
    worst([
      judged(depth, { warn: atMost("warn"), fail: atMost("fail") }),
      judged(oldestMs, limits.queueOldestMs)
    ]),
    `${depth} ready, the oldest for ${minutes(oldestMs)}`,
    `below ${atMost("warn")}, and taken within ${minutes(limits.queueOldestMs.warn)}`,
    "wso queue"
  )
}

const breakers = ({ breakers: { open, openings } }: Figures): Check =>
  check(
    "circuit breakers",
    open.length > 0 ? "fail" : openings > 0 ? "warn" : "ok",
    open.length > 0 ? `not closed: ${open.join(", ")}` : `all closed, opened ${openings} times`,
    "all closed, none opened",
    "wso circuits"
  )

const errors = ({ errors: count }: Figures): Check =>
  check(
    "errors",
    judged(count, limits.errors),
    String(count),
    `below ${limits.errors.warn}; fails from ${limits.errors.fail} on`,
    "the errors below; wso explain <id> of one workspace"
  )

const disk = ({ disk: figures }: Figures): Check => {
  const next = "df -h; wso backup ls: fewer may be kept (STATE_BACKUP_KEEP)"
  const threshold = `below ${percent(limits.diskRatio.warn)}; fails from ${percent(limits.diskRatio.fail)} on`
  if (figures === null) return check("disk", "warn", "unknown", threshold, next)
  const ratio = figures.totalBytes === 0 ? 0 : 1 - figures.freeBytes / figures.totalBytes
  return check(
    "disk",
    judged(ratio, limits.diskRatio),
    `${percent(ratio)} used, ${gigabytes(figures.freeBytes)} free`,
    threshold,
    next
  )
}

const memory = ({ memoryRatio }: Figures): Check =>
  check(
    "memory",
    judged(memoryRatio, limits.memoryRatio),
    `${percent(memoryRatio)} of what is allowed`,
    `below ${percent(limits.memoryRatio.warn)}; fails from ${percent(limits.memoryRatio.fail)} on`,
    "docs/deployment.md, how much memory a store costs"
  )

const eventLoop = ({ longestStallMs }: Figures): Check =>
  check(
    "event loop",
    judged(longestStallMs, limits.stallMs),
    `stalled for ${Math.round(longestStallMs)} ms at the most`,
    `below ${limits.stallMs.warn} ms; fails from ${limits.stallMs.fail} ms on`,
    "docs/runbook.md#wsoeventlooplag"
  )

const parked = ({ parkedMessages }: Figures): Check =>
  check(
    "parked messages",
    judged(parkedMessages, limits.parkedMessages),
    String(parkedMessages),
    "none",
    "wso messages"
  )

const pauses = ({ pauses: { loop, workspaces } }: Figures): Check =>
  check(
    "pauses",
    loop || workspaces > 0 ? "warn" : "ok",
    loop ? "the loop is paused" : workspaces > 0 ? `${workspaces} workspaces are paused` : "none",
    "none",
    "wso status says who and why; wso resume"
  )

const guard = ({ guard: { held, tripped } }: Figures): Check =>
  check(
    "removal guard",
    tripped ? "fail" : "ok",
    tripped ? `${held} removals wait for an approval` : "not tripped",
    "no removal waits for an approval",
    "wso diff, then wso approve <hash> or mend the Auth Worker"
  )

const webhooks = ({ webhookRejections }: Figures): Check =>
  check(
    "webhook rejections",
    judged(webhookRejections, limits.webhookRejections),
    String(webhookRejections),
    `below ${limits.webhookRejections.warn}; fails from ${limits.webhookRejections.fail} on`,
    "docs/runbook.md#wsoauthfailuresspike"
  )

const state = ({ stateError }: Figures): Check =>
  check(
    "own state",
    stateError === null ? "ok" : "fail",
    stateError === null ? "can be written" : `cannot be written: ${stateError}`,
    "can be written",
    "df -h, permissions of STORE_DATA_PATH"
  )

const backups = ({ newestBackupAgeMs }: Figures): Check =>
  check(
    "backup",
    newestBackupAgeMs !== null && newestBackupAgeMs >= limits.backupAgeMs.warn ? "warn" : "ok",
    newestBackupAgeMs === null ? "none yet" : age(newestBackupAgeMs),
    `where there are any, one of the last ${minutes(limits.backupAgeMs.warn)}`,
    "wso backup create"
  )

const secrets = ({ oldestSecret }: Figures): Check => {
  const days = (ms: number): string => `${Math.floor(ms / DAY_MS)} days`
  return check(
    "secrets",
    oldestSecret === null ? "ok" : judged(oldestSecret.ageMs, limits.secretAgeMs),
    oldestSecret === null ? "none" : `${oldestSecret.variable} is ${days(oldestSecret.ageMs)} old`,
    `younger than ${days(limits.secretAgeMs.warn)}; fails from ${days(limits.secretAgeMs.fail)} on`,
    "docs/deployment.md, Rotation"
  )
}

/** In the order of the report. */
const all = [
  health,
  convergence,
  source,
  reconciles,
  queue,
  breakers,
  errors,
  parked,
  pauses,
  guard,
  webhooks,
  disk,
  memory,
  eventLoop,
  state,
  backups,
  secrets
]

/** The checks over these figures. */
export const judge = (figures: Figures): ReadonlyArray<Check> => all.map((one) => one(figures))
