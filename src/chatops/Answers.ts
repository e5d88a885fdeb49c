/**
 * What a command answers, as lines for a chat. Pure: from what the operators' services say.
 */
import * as Schema from "effect/Schema"
import type { IncidentList } from "../incidents/Incidents.ts"
import type {
  BreakerView,
  ErrorGroupView,
  Explanation,
  PauseView,
  Plan,
  StuckView
} from "../orchestration/Administration.ts"
import type { ManualRun } from "../orchestration/Operations.ts"
import { code, count, relative, relativeIso } from "./Text.ts"

type Lines = ReadonlyArray<string>

/** Only how many there are is looked at. */
const Ids = Schema.optionalWith(Schema.Array(Schema.Unknown), { default: () => [] })

/** Of the body of `GET /health`. */
const HealthPart = Schema.Struct({
  status: Schema.Literal("healthy", "degraded", "unhealthy"),
  checks: Schema.optionalWith(
    Schema.Array(
      Schema.Struct({
        name: Schema.String,
        status: Schema.Literal("ok", "warn", "fail"),
        found: Schema.String,
        next: Schema.NullOr(Schema.String),
        since: Schema.NullOr(Schema.String)
      })
    ),
    { default: () => [] }
  ),
  convergence: Schema.Struct({
    converged: Schema.Boolean,
    desiredCount: Schema.Number,
    monitoredCount: Schema.Number,
    driftCount: Schema.Number,
    notConvergedForMs: Schema.Number,
    desired: Schema.Struct({
      source: Schema.String,
      fresh: Schema.Boolean,
      fetchedAt: Schema.NullOr(Schema.String)
    })
  }),
  reconciliation: Schema.Union(
    Schema.Struct({ enabled: Schema.Literal(false), reason: Schema.String }),
    Schema.Struct({
      enabled: Schema.Literal(true),
      isRunning: Schema.Boolean,
      lastSuccessAt: Schema.NullOr(Schema.String),
      lastDurationMs: Schema.NullOr(Schema.Number),
      lastResult: Schema.NullOr(
        Schema.Struct({
          added: Ids,
          removed: Ids,
          failedAdds: Ids,
          held: Ids
        })
      ),
      lastError: Schema.NullOr(Schema.Struct({ code: Schema.String, at: Schema.String })),
      nextRunAt: Schema.NullOr(Schema.String)
    })
  )
})
export type HealthPart = typeof HealthPart.Type
export const decodeHealth = Schema.decodeUnknown(HealthPart)

/** Rows of one kind in a message; `wso` shows all. */
const MAX_ROWS = 8
/** Sentences of ours with reasons and errors of others within. */
const MAX_SENTENCE = 300

const rows = <A>(all: ReadonlyArray<A>, row: (one: A) => string): Lines => [
  ...all.slice(0, MAX_ROWS).map((one) => `- ${row(one)}`),
  ...(all.length > MAX_ROWS ? [`- … and ${all.length - MAX_ROWS} more`] : [])
]

const open = ({ incidents }: IncidentList) => incidents.filter(({ state }) => state === "open")

const incidentLines = (list: IncidentList): Lines =>
  open(list).length === 0
    ? ["No incident is open."]
    : [
        `${count(open(list).length, "open incident")}:`,
        ...rows(
          open(list),
          ({ severity, since, summary }) => `${severity}, ${relativeIso(since)}: ${summary}`
        )
      ]

const pauseLine = ({ actor, expiresAt, reason, since, storeId }: PauseView): string =>
  `${storeId === null ? "the whole loop" : code(storeId)} by ${code(actor)} ${relativeIso(since)}: ${code(reason)}${
    expiresAt === null ? "" : `, until ${relativeIso(expiresAt)}`
  }`

const guardLines = ({ guard }: Plan): Lines =>
  guard.tripped && guard.planHash !== null
    ? [
        `**The removal guard is tripped**: it holds ${count(guard.storeIds.length, "removal")} back. Are they really gone? \`/ws approve ${guard.planHash}\`; else mend the Auth Worker.`
      ]
    : []

const pauseLines = ({ paused }: Plan): Lines =>
  paused.length === 0 ? [] : ["Paused:", ...rows(paused, pauseLine)]

const circuitLines = (breakers: ReadonlyArray<BreakerView>): Lines => {
  const notClosed = breakers.filter(({ state }) => state !== "closed")
  return notClosed.length === 0
    ? []
    : [
        "Circuit breakers that are not closed:",
        ...rows(
          notClosed,
          ({ name, openedAt, state, willResetAt }) =>
            `${code(name)} is ${state}, opened ${relativeIso(openedAt)}, tried again ${relativeIso(willResetAt)}`
        )
      ]
}

/** What the server's checks say, but for those that are ok. */
const checkLines = ({ checks }: HealthPart): Lines => {
  const unwell = checks.filter(({ status: one }) => one !== "ok")
  return unwell.length === 0
    ? []
    : [
        "Not well:",
        ...rows(
          unwell,
          ({ found, name, next, since, status: one }) =>
            `**${one}** ${code(name)}${since === null ? "" : ` since ${relativeIso(since)}`}: ${code(found, MAX_SENTENCE)}${next === null ? "" : `. Next: ${code(next, MAX_SENTENCE)}`}`
        )
      ]
}

const convergenceLine = ({ convergence }: HealthPart, now: number): string => {
  const { converged, desiredCount, driftCount, monitoredCount, notConvergedForMs } = convergence
  const counts = `${monitoredCount} of ${desiredCount} monitored`
  return converged
    ? `Converged: ${counts}.`
    : `**Not converged** since ${relative(now - notConvergedForMs)}: ${counts}, ${driftCount} drifting.`
}

const sourceLine = ({ convergence: { desired } }: HealthPart): string =>
  `Source: ${code(desired.source)}, read ${relativeIso(desired.fetchedAt)}, ${desired.fresh ? "fresh" : "**stale**"}.`

export const status = (
  health: HealthPart,
  plan: Plan,
  breakers: ReadonlyArray<BreakerView>,
  incidents: IncidentList,
  now: number
): Lines => [
  `The server is **${health.status}**.`,
  convergenceLine(health, now),
  sourceLine(health),
  ...checkLines(health),
  ...guardLines(plan),
  ...pauseLines(plan),
  ...circuitLines(breakers),
  ...incidentLines(incidents)
]

const stuckLine = ({ kind, message, since, storeId }: StuckView): string =>
  `${code(storeId)} is ${kind} since ${relativeIso(since)}: ${code(message)}`

export const stuck = (all: ReadonlyArray<StuckView>): Lines =>
  all.length === 0
    ? ["Nothing has been out of place for a minute."]
    : [`${count(all.length, "workspace")} out of place, the longest first:`, ...rows(all, stuckLine)]

export const diagnose = (
  plan: Plan,
  out: ReadonlyArray<StuckView>,
  breakers: ReadonlyArray<BreakerView>,
  incidents: IncidentList
): Lines => [
  plan.differs
    ? `To be done now: ${plan.counts.add} to open, ${plan.counts.remove} to close, ${plan.counts.held} held, ${plan.counts.waiting} waiting.`
    : "Nothing is to be done: what exists is what is monitored.",
  ...guardLines(plan),
  ...pauseLines(plan),
  ...circuitLines(breakers),
  ...stuck(out),
  ...incidentLines(incidents)
]

export const explain = ({
  blockedBy,
  lastError,
  monitored,
  nextStep,
  storeId,
  summary
}: Explanation): Lines => [
  `${code(storeId)} is ${monitored ? "monitored" : "**not monitored**"}.`,
  code(summary, MAX_SENTENCE),
  ...blockedBy.map(({ message, reason }) => `- blocked by ${code(reason)}: ${code(message, MAX_SENTENCE)}`),
  ...(lastError === null
    ? []
    : [
        `Last error, ${relativeIso(lastError.at)}: ${code(`${lastError.code}: ${lastError.message}`, MAX_SENTENCE)}`
      ]),
  `Next step: ${code(nextStep, MAX_SENTENCE)}`
]

export const last = ({ reconciliation }: HealthPart, errors: ReadonlyArray<ErrorGroupView>): Lines => {
  const newest = errors.toSorted((one, other) => other.lastSeenAt.localeCompare(one.lastSeenAt))
  return [
    ...(reconciliation.enabled
      ? [
          reconciliation.isRunning
            ? "A run is in flight."
            : `Next run ${relativeIso(reconciliation.nextRunAt)}.`,
          `Last successful run ${relativeIso(reconciliation.lastSuccessAt)}${
            reconciliation.lastDurationMs === null ? "" : `, in ${reconciliation.lastDurationMs} ms`
          }.`,
          ...(reconciliation.lastResult === null
            ? []
            : [
                `It opened ${reconciliation.lastResult.added.length}, closed ${reconciliation.lastResult.removed.length}, failed ${reconciliation.lastResult.failedAdds.length}, held ${reconciliation.lastResult.held.length}.`
              ]),
          ...(reconciliation.lastError === null
            ? []
            : [
                `Last failure of a run, ${relativeIso(reconciliation.lastError.at)}: ${code(reconciliation.lastError.code)}.`
              ])
        ]
      : [`The reconciler is disabled: ${code(reconciliation.reason)}.`]),
    ...(newest.length === 0
      ? ["There were no errors of late."]
      : [
          "Newest errors:",
          ...rows(
            newest,
            ({ code: name, count: times, lastMessage, lastSeenAt }) =>
              `${code(name)} (${times}), ${relativeIso(lastSeenAt)}: ${code(lastMessage)}`
          )
        ])
  ]
}

export const ran = ({ durationMs, result, status: end }: ManualRun): Lines => [
  `The run is **${end}** after ${durationMs} ms: ${result.added.length} opened, ${result.removed.length} closed, ${result.failedAdds.length + result.failedRemovals.length} failed, ${result.held.length} held.`,
  ...rows(result.failedAdds, ({ error, storeId }) => `${code(storeId)}: ${code(error)}`),
  ...(result.held.length > 0 ? ["`/ws diagnose` says what is held and why."] : [])
]

export const approved = (storeIds: ReadonlyArray<string>): Lines => [
  `Approved: ${count(storeIds.length, "removal")}.`,
  ...rows(storeIds, (storeId) => code(storeId))
]
