/**
 * Shapes of the answers about incidents. A `data` of a notification is an `Incident` too.
 */
import * as Schema from "effect/Schema"
import { ErrorBody, IsoTime } from "./Common.ts"

const Incident = Schema.Struct({
  id: Schema.String,
  kind: Schema.String.annotations({
    description: "not-converged, removal-guard, circuit-open, source-stale, …: at most one of each is open"
  }),
  severity: Schema.Literal("critical", "high", "medium"),
  state: Schema.Literal("open", "resolved"),
  summary: Schema.String,
  since: IsoTime,
  openedAt: IsoTime,
  resolvedAt: Schema.NullOr(IsoTime),
  counts: Schema.Record({ key: Schema.String, value: Schema.Number }),
  storeIds: Schema.Array(Schema.String).annotations({
    description: "the first workspaces that it concerns; how many there are is in counts"
  }),
  runbook: Schema.String.annotations({ description: "the section that says what to do" }),
  incidentDashboardUrl: Schema.NullOr(Schema.String)
}).annotations({ identifier: "Incident" })

export const IncidentList = Schema.Struct({
  incidents: Schema.Array(Incident),
  notifications: Schema.Struct({
    configured: Schema.Boolean,
    pending: Schema.Int,
    lastDeliveredAt: Schema.NullOr(IsoTime),
    lastError: Schema.NullOr(Schema.String)
  })
}).annotations({ identifier: "Incidents" })

export const NotificationTested = Schema.Struct({
  status: Schema.Literal("delivered"),
  httpStatus: Schema.Int.annotations({ description: "what the receiver answered" }),
  durationMs: Schema.Number
}).annotations({ identifier: "NotificationTested" })

export const NotificationFailed = Schema.Struct({
  ...ErrorBody.fields,
  reason: Schema.Literal("unreachable", "timeout", "status"),
  httpStatus: Schema.NullOr(Schema.Int)
}).annotations({ identifier: "NotificationFailed" })
