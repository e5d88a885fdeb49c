/**
 * An incident: something about the whole server that has been wrong for too long, that a person should hear of once
 * when it begins and once when it is over.
 */
import * as Schema from "effect/Schema"
import { incidentKinds } from "../orchestration/checks/Check.ts"
import { table } from "../orchestration/checks/table.ts"

/** At most one incident of each kind is open at a time. */
export const Kind = Schema.Literal(...incidentKinds)
export type Kind = typeof Kind.Type

/** `critical`: now, at any hour. `high`: within the hour. `medium`: on a working day. As the alerts have it. */
export const Severity = Schema.Literal("critical", "high", "medium")
export type Severity = typeof Severity.Type

export const Incident = Schema.Struct({
  id: Schema.String,
  kind: Kind,
  severity: Severity,
  /** A sentence, without an id, a secret, or anything that somebody else wrote. */
  summary: Schema.String,
  /** When what is wrong began; this and all other times are milliseconds since the epoch. */
  since: Schema.Number,
  openedAt: Schema.Number,
  /** When it was last told of: opened, updated or resolved. */
  toldAt: Schema.Number,
  /** Null while it is open. */
  resolvedAt: Schema.NullOr(Schema.Number),
  counts: Schema.Record({ key: Schema.String, value: Schema.Number }),
  /** The first workspaces that it concerns; how many there are is in `counts`. */
  storeIds: Schema.Array(Schema.String),
  /** What was told of it. Another one is worth another notification. */
  fingerprint: Schema.String,
  /** How often it was told of. */
  told: Schema.Int
})
export type Incident = typeof Incident.Type

const RUNBOOK = "docs/runbook.md"

/** The section of the runbook that says what to do: the check's that the incident comes from. */
export const runbookOf = (kind: Kind): string => {
  const check = table.find(({ incident }) => "kind" in incident && incident.kind === kind)
  return check === undefined ? RUNBOOK : `${RUNBOOK}#${check.runbook}`
}
