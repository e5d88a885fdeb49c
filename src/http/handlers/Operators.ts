/**
 * Handlers of the operators' views.
 */
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as SingleFlight from "../../controller/SingleFlight.ts"
import { Administration } from "../../orchestration/Administration.ts"
import { Credentials } from "../../orchestration/Credentials.ts"
import type { FeedEvent } from "../../orchestration/EventFeed.ts"
import * as Prometheus from "../../telemetry/Prometheus.ts"
import { Administrators } from "../Administrators.ts"
import { answer, json } from "../Answer.ts"
import { Api } from "../Api.ts"
import { DEFAULT_STUCK_MS, EventsQuery, LIVE, METRICS_TYPE, StuckQuery } from "../api/OperatorsApi.ts"
import { decodeQuery, noFilter } from "../api/Query.ts"
import * as HttpMetrics from "../HttpMetrics.ts"
import { Draining } from "../HttpServer.ts"
import { Limits } from "../Limits.ts"
import { Refusal } from "../Refusal.ts"
import * as ServerSentEvents from "../ServerSentEvents.ts"

/** Each watcher holds a connection and a buffer. */
const MAX_WATCHERS = 100

const tooManyWatchers = new Refusal({
  status: 503,
  code: "TOO_MANY_WATCHERS",
  message: `At most ${MAX_WATCHERS} clients may watch the events at once.`,
  retryAfterSeconds: 30
})

const unknownWorkspace = new Refusal({
  status: 404,
  code: "WORKSPACE_NOT_FOUND",
  message: "This server does not know this workspace."
})

export const layer = HttpApiBuilder.group(Api, "operators", (handlers) =>
  Effect.gen(function* () {
    const administration = yield* Administration
    const administrators = yield* Administrators
    const limits = yield* Limits
    const credentials = yield* Credentials
    const draining = yield* Draining
    /** Event ids begin anew in each process: an id of an earlier one must not hide the events of this one. */
    const processId = (yield* Clock.currentTimeMillis).toString(36)
    let watchers = 0

    const explain = (storeId: string) =>
      Effect.gen(function* () {
        yield* administrators.requireReader
        yield* noFilter
        return json(yield* Effect.mapError(administration.explain(storeId), () => unknownWorkspace))
      })

    const queue = Effect.gen(function* () {
      yield* administrators.requireReader
      yield* noFilter
      return json(yield* administration.queue)
    })

    const stuck = Effect.gen(function* () {
      yield* administrators.requireReader
      const { olderThanMs } = yield* decodeQuery(StuckQuery, { call: "reads" })
      const stuckOnes = yield* administration.stuck(olderThanMs ?? DEFAULT_STUCK_MS)
      return json({ stuck: stuckOnes, checks: yield* administration.checks("stuck") })
    })

    const circuitBreakers = Effect.gen(function* () {
      yield* administrators.requireReader
      yield* noFilter
      return json({ circuitBreakers: yield* administration.breakers })
    })

    const recentErrors = Effect.gen(function* () {
      yield* administrators.requireReader
      yield* noFilter
      return json({ errors: yield* administration.recentErrors })
    })

    /** The number behind an id of this process; the events of another process begin with the oldest that is kept. */
    const positionOf = (id: string): number => {
      const match = /^(?:([0-9a-z]+)-)?(\d{1,15})$/.exec(id)
      if (match === null) return 0
      const [, process, position] = match
      return process === undefined || process === processId ? Number(position) : 0
    }

    const toSent = ({ at, id, message, storeId, type }: FeedEvent): ServerSentEvents.ServerSentEvent => ({
      id: `${processId}-${id}`,
      event: type,
      data: { id, at: new Date(at).toISOString(), type, storeId, message }
    })

    const watching = Effect.acquireRelease(
      Effect.sync(() => HttpMetrics.watchedBy(++watchers)),
      () => Effect.sync(() => HttpMetrics.watchedBy(--watchers))
    )

    const events = Effect.gen(function* () {
      yield* administrators.requireReader
      const query = yield* decodeQuery(EventsQuery, { call: "reads" })
      const { headers } = yield* HttpServerRequest.HttpServerRequest
      if (watchers >= MAX_WATCHERS) return yield* tooManyWatchers
      const lastSeen = headers["last-event-id"] ?? query.after ?? "0"
      // By its id, never by its time: after a clock that was set back, what comes looks older than now.
      const after = lastSeen === LIVE ? Infinity : positionOf(lastSeen)
      const feed = Stream.map(administration.events(after), toSent)
      const watched = Stream.unwrapScoped(Effect.as(watching, feed))
      return ServerSentEvents.response(Stream.interruptWhenDeferred(watched, draining))
    })

    /** No limit holds a scraper back, so that a flood of scrapes must cost no more than one after the other. */
    const scrape = yield* SingleFlight.make(
      Effect.zipRight(
        Effect.all([administration.measure, limits.measure, credentials.measure], { discard: true }),
        Prometheus.render
      )
    )

    // Public in production too: a scraper has no admin token, and there is no id in it.
    const metrics = Effect.map(scrape, (text) => HttpServerResponse.text(text, { contentType: METRICS_TYPE }))

    return handlers
      .handleRaw("explain", ({ path: { storeId } }) => answer(explain(storeId)))
      .handleRaw("queue", () => answer(queue))
      .handleRaw("stuck", () => answer(stuck))
      .handleRaw("circuitBreakers", () => answer(circuitBreakers))
      .handleRaw("recentErrors", () => answer(recentErrors))
      .handleRaw("events", () => answer(events))
      .handleRaw("metrics", () => metrics)
  })
)
