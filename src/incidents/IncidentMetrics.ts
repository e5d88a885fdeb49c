/** Incidents and notifications as metrics. */
import { counters, gauges } from "../telemetry/Metrics.ts"
import { Kind } from "./Incident.ts"

/** `failed`: an attempt that is made again; `given_up`: it was not. */
const RESULTS = ["delivered", "failed", "given_up", "test_delivered", "test_failed"] as const
export type Result = (typeof RESULTS)[number]

const notifications = counters(
  "wso_notifications_total",
  "Attempts to send a notification of an incident to NOTIFY_WEBHOOK_URL, by how they ended",
  ["result"]
)
const open = gauges("wso_incidents_open", "1 while an incident of the kind is open", ["kind"])

for (const result of RESULTS) notifications(result)

export const notified = (result: Result): void => notifications(result).add()

/** Those are open, and no other. */
export const areOpen = (kinds: ReadonlySet<Kind>): void => {
  for (const kind of Kind.literals) open(kind).set(kinds.has(kind) ? 1 : 0)
}
