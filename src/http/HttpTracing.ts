/**
 * The trace that a request belongs to: its sender's (W3C Trace Context), or one of its own where spans are exported. Its
 * id is in every answer, so that whoever got it can ask for what happened.
 */
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as HttpTraceContext from "@effect/platform/HttpTraceContext"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Tracer from "effect/Tracer"
import type { Spans } from "../telemetry/Tracing.ts"
import { methodOf, pathOf, routeOf } from "./Routes.ts"

/** The header that every answer within a trace carries. */
export const TRACE_ID_HEADER = "x-trace-id"

/** Probes and scrapes come every few seconds and say nothing: they are followed only if their sender follows them. */
const NOISE = /^\/(?:health\/(?:live|ready)|metrics)\/?$/
const ZEROS = /^0+$/
const SERVER_ERROR = 500

/** The sender's span; none if it sent none, or nonsense. */
const senderOf = ({ headers }: HttpServerRequest.HttpServerRequest): Option.Option<Tracer.ExternalSpan> =>
  Option.filter(
    HttpTraceContext.w3c(headers),
    ({ spanId, traceId }) => !ZEROS.test(traceId) && !ZEROS.test(spanId)
  )

/** An answer that speaks against the server, so that its span says so; it is an answer all the same. */
class Faulty extends Error {
  readonly response: HttpServerResponse.HttpServerResponse
  constructor(response: HttpServerResponse.HttpServerResponse) {
    super(`answered ${response.status}`)
    this.name = "ServerError"
    this.response = response
  }
}

/** The id of the trace that the calling fiber is in. */
export const currentTraceId: Effect.Effect<string | undefined> = Effect.map(
  Effect.option(Effect.currentParentSpan),
  (span) => Option.getOrUndefined(span)?.traceId
)

const inServerSpan = <E, R>(
  spans: Spans,
  app: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>,
  request: HttpServerRequest.HttpServerRequest,
  sender: Option.Option<Tracer.ExternalSpan>
) => {
  const path = pathOf(request.url)
  const method = methodOf(request.method)
  const route = routeOf(path)
  const answered = Effect.flatMap(app, (response) =>
    Effect.zipRight(
      spans.annotate({ "http.response.status_code": response.status }),
      response.status >= SERVER_ERROR ? Effect.fail(new Faulty(response)) : Effect.succeed(response)
    )
  )
  return spans
    .within(answered, route === "" ? method : `${method} ${route}`, {
      kind: "server",
      ...Option.match(sender, { onNone: () => ({ root: true }), onSome: (parent) => ({ parent }) }),
      // Not the query, and no header but this: they are where people put secrets.
      attributes: { "http.request.method": method, "http.route": route, "url.path": path }
    })
    .pipe(
      Effect.catchIf(
        (error) => error instanceof Faulty,
        (error) => (error instanceof Faulty ? Effect.succeed(error.response) : Effect.fail(error))
      )
    )
}

/** The application within its request's trace. */
export const traced =
  (spans: Spans) =>
  <E, R>(
    app: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>
  ): Effect.Effect<HttpServerResponse.HttpServerResponse, E, R | HttpServerRequest.HttpServerRequest> => {
    const told = Effect.flatMap(app, (response) =>
      Effect.map(currentTraceId, (traceId) =>
        traceId === undefined ? response : HttpServerResponse.setHeader(response, TRACE_ID_HEADER, traceId)
      )
    )
    return Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) => {
      const sender = senderOf(request)
      if (spans.areOn && (Option.isSome(sender) || !NOISE.test(pathOf(request.url)))) {
        return inServerSpan(spans, told, request, sender)
      }
      return Option.isSome(sender) ? Effect.withParentSpan(told, sender.value) : app
    })
  }
