/**
 * What is POSTed to `NOTIFY_WEBHOOK_URL`, and what is still owed to it.
 */
import * as Schema from "effect/Schema"
import { Kind, runbookOf, type Incident } from "./Incident.ts"
import type { Change } from "./IncidentBook.ts"

/** A notification that has not arrived yet. Times are milliseconds since the epoch. */
export const Owed = Schema.Struct({
  /** The `webhook-id`: the same on every attempt, after a restart too. */
  id: Schema.String,
  kind: Kind,
  /** As it is signed and sent. */
  body: Schema.String,
  createdAt: Schema.Number,
  /** Attempts that have failed. */
  attempts: Schema.Int,
  nextAttemptAt: Schema.Number
})
export type Owed = typeof Owed.Type

const iso = (at: number): string => new Date(at).toISOString()

/** An incident as others see it: no fingerprint, times in ISO 8601, and where to read on. */
export const viewOf = (incident: Incident, incidentDashboardUrl: string | null) => ({
  id: incident.id,
  kind: incident.kind,
  severity: incident.severity,
  state: incident.resolvedAt === null ? ("open" as const) : ("resolved" as const),
  summary: incident.summary,
  since: iso(incident.since),
  openedAt: iso(incident.openedAt),
  resolvedAt: incident.resolvedAt === null ? null : iso(incident.resolvedAt),
  counts: incident.counts,
  storeIds: incident.storeIds,
  runbook: runbookOf(incident.kind),
  incidentDashboardUrl
})
export type IncidentView = ReturnType<typeof viewOf>

/** The notification of a change, due at once. */
export const owedFor = ({ incident, type }: Change, incidentDashboardUrl: string | null): Owed => ({
  id: `${incident.id}-${incident.told}`,
  kind: incident.kind,
  body: JSON.stringify({
    type: `incident.${type}`,
    timestamp: iso(incident.toldAt),
    data: viewOf(incident, incidentDashboardUrl)
  }),
  createdAt: incident.toldAt,
  attempts: 0,
  nextAttemptAt: incident.toldAt
})

/** The body of a notification that says nothing but that the way is open. */
export const testBody = (at: number, incidentDashboardUrl: string | null): string =>
  JSON.stringify({
    type: "notification.test",
    timestamp: iso(at),
    data: { summary: "A test: nothing is wrong.", incidentDashboardUrl }
  })
