/**
 * Operators' views of the machinery. In production for administrators, since they name workspaces; but for the metrics,
 * which do not.
 */
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as HttpApiSchema from "@effect/platform/HttpApiSchema"
import * as OpenApi from "@effect/platform/OpenApi"
import * as Schema from "effect/Schema"
import { adminOnly } from "./AdminSecurity.ts"
import { ErrorBody } from "./Common.ts"
import { describeQuery, shortText, wholeNumber } from "./Query.ts"
import { CircuitBreakers, Explanation, Queue, RecentErrors, StuckList } from "./Views.ts"

/** How long something must have been out of place to count as stuck, if the query does not say. */
export const DEFAULT_STUCK_MS = 60_000
const MAX_STUCK_MS = 604_800_000

export const StuckQuery = Schema.Struct({ olderThanMs: Schema.optional(wholeNumber(0, MAX_STUCK_MS)) })

/** In the place of an event's id: only the events to come. */
export const LIVE = "live"

/** `after` is for who cannot set `Last-Event-ID`; 0 begins with the oldest event that is kept. */
export const EventsQuery = Schema.Struct({ after: Schema.optional(shortText(64)) })

const storeId = HttpApiSchema.param("storeId", Schema.String)

const explain = HttpApiEndpoint.get("explain")`/stores/${storeId}`
  .addSuccess(Explanation)
  .addError(ErrorBody, { status: 400 })
  .addError(ErrorBody, { status: 401 })
  .addError(ErrorBody, { status: 404 })
  .annotateContext(OpenApi.annotations({ summary: "Why one workspace is as it is", override: adminOnly }))

const queue = HttpApiEndpoint.get("queue", "/queue")
  .addSuccess(Queue)
  .addError(ErrorBody, { status: 400 })
  .addError(ErrorBody, { status: 401 })
  .annotateContext(
    OpenApi.annotations({ summary: "What is being worked on, and what waits", override: adminOnly })
  )

const stuck = HttpApiEndpoint.get("stuck", "/queue/stuck")
  .addSuccess(StuckList)
  .addError(ErrorBody, { status: 400 })
  .addError(ErrorBody, { status: 401 })
  .annotateContext(
    OpenApi.annotations({
      summary: "What has been out of place for long, the longest first",
      override: adminOnly,
      transform: describeQuery(StuckQuery)
    })
  )

const circuitBreakers = HttpApiEndpoint.get("circuitBreakers", "/circuit-breakers")
  .addSuccess(CircuitBreakers)
  .addError(ErrorBody, { status: 400 })
  .addError(ErrorBody, { status: 401 })
  .annotateContext(OpenApi.annotations({ summary: "The circuit breakers", override: adminOnly }))

const recentErrors = HttpApiEndpoint.get("recentErrors", "/recent-errors")
  .addSuccess(RecentErrors)
  .addError(ErrorBody, { status: 400 })
  .addError(ErrorBody, { status: 401 })
  .annotateContext(OpenApi.annotations({ summary: "The newest errors, by kind", override: adminOnly }))

const events = HttpApiEndpoint.get("events", "/events")
  .addSuccess(
    Schema.String.pipe(HttpApiSchema.withEncoding({ kind: "Text", contentType: "text/event-stream" }))
  )
  .addError(ErrorBody, { status: 400 })
  .addError(ErrorBody, { status: 401 })
  .addError(ErrorBody, { status: 503 })
  .annotateContext(
    OpenApi.annotations({
      summary: "Every transition, live",
      description:
        "Server-sent events with ids, which browsers send back as Last-Event-ID when they reconnect: what was missed is sent first, as far as it is kept.",
      override: adminOnly,
      transform: describeQuery(EventsQuery)
    })
  )

/** The text format of Prometheus, version 0.0.4, is what every scraper reads. */
export const METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"

const metrics = HttpApiEndpoint.get("metrics", "/metrics")
  .addSuccess(Schema.String.pipe(HttpApiSchema.withEncoding({ kind: "Text", contentType: METRICS_TYPE })))
  .annotateContext(
    OpenApi.annotations({
      summary: "The metrics, for Prometheus",
      description: "For everybody: no label names a workspace, a user or a sender."
    })
  )

export class OperatorsApi extends HttpApiGroup.make("operators")
  .add(explain)
  .add(queue)
  .add(stuck)
  .add(circuitBreakers)
  .add(recentErrors)
  .add(events)
  .add(metrics) {}
