/**
 * Requests by route, webhooks by outcome, and refused proofs of identity. Labels are routes and words of ours: nothing
 * that a sender chose, or the metrics would grow with what strangers send.
 */
import { reasons as chatOpsReasons, type Reason as ChatOpsReason } from "../chatops/DiscordSignature.ts"
import { counters, gauge, histograms } from "../telemetry/Metrics.ts"
import { methodOf, routeOf } from "./Routes.ts"
import type { Refusal as UnprovenReason } from "./WebhookAuthentication.ts"

/** What OpenTelemetry's semantic conventions advise for HTTP. */
const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]

const durations = histograms(
  "http_server_request_duration_seconds",
  "From a request's headers until its answer began",
  BUCKETS,
  ["http_request_method", "http_route", "http_response_status_code"]
)
const webhooks = counters("wso_webhook_requests_total", "Webhooks that were handled, by event and answer", [
  "event",
  "result"
])
const rejections = counters(
  "wso_webhook_rejections_total",
  "Webhooks that were refused: how their proof failed, or the code of the error",
  ["reason"]
)
const authFailures = counters("wso_auth_failures_total", "Requests that did not prove who sends them", [
  "endpoint",
  "reason"
])

const subscribers = gauge("wso_event_subscribers", "Clients that watch GET /events")
subscribers.set(0)

for (const event of ["workspace.created", "workspace.deleted"]) {
  for (const result of ["monitoring_started", "already_monitored", "monitoring_stopped", "already_stopped"]) {
    webhooks(event, result)
  }
  for (const result of ["reconcile_queued", "duplicate"]) webhooks(event, result)
}
for (const reason of ["missing", "secret", "malformed", "signature", "stale", "unsigned"] as const) {
  rejections(reason)
  authFailures("webhook", reason)
}
for (const reason of ["missing", "wrong"]) authFailures("admin", reason)
for (const reason of chatOpsReasons) authFailures("chatops", reason)

/** A request was answered. `path` is without its query. */
export const answered = (method: string, path: string, status: number, seconds: number): void =>
  durations(methodOf(method), routeOf(path), String(status)).observe(seconds)

export const webhookHandled = (event: string, result: string): void => webhooks(event, result).add()

export const webhookUnproven = (reason: UnprovenReason): void => {
  rejections(reason).add()
  authFailures("webhook", reason).add()
}

export const watchedBy = (clients: number): void => subscribers.set(clients)

/** `code` is one of our errors' codes. */
export const webhookRefused = (code: string): void => rejections(code.toLowerCase()).add()

export const chatOpsUnproven = (reason: ChatOpsReason): void => authFailures("chatops", reason).add()

export const adminRefused = (reason: "missing" | "wrong"): void => authFailures("admin", reason).add()
