/**
 * Answers as JSON, refusals included.
 */
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Effect from "effect/Effect"
import { currentTraceId } from "./HttpTracing.ts"
import type { Refusal } from "./Refusal.ts"

/** The header that every request has here (HttpServer gives it one) and every answer carries. */
export const REQUEST_ID_HEADER = "x-request-id"

export const json = (
  body: unknown,
  status = 200,
  headers: Readonly<Record<string, string>> = {}
): HttpServerResponse.HttpServerResponse => HttpServerResponse.unsafeJson(body, { status, headers })

/** What the sender of a refused request can name when asking about it. */
export interface Ids {
  readonly requestId: string
  /** Undefined where the request belongs to no trace. */
  readonly traceId: string | undefined
}

/** The answer to a request that was refused. */
export const refusalResponse = (refusal: Refusal, ids: Ids): HttpServerResponse.HttpServerResponse => {
  const { code, details, headers, message, retryAfterSeconds, status } = refusal
  return json({ ...details, error: { code, message, ...ids } }, status, {
    ...headers,
    ...(retryAfterSeconds === undefined ? {} : { "retry-after": String(Math.ceil(retryAfterSeconds)) })
  })
}

/** A handler's effect with its refusals answered. */
export const answer = <R>(
  effect: Effect.Effect<HttpServerResponse.HttpServerResponse, Refusal, R>
): Effect.Effect<HttpServerResponse.HttpServerResponse, never, R | HttpServerRequest.HttpServerRequest> =>
  Effect.catchTag(effect, "Refusal", (refusal) =>
    Effect.zipWith(HttpServerRequest.HttpServerRequest, currentTraceId, ({ headers }, traceId) =>
      refusalResponse(refusal, { requestId: headers[REQUEST_ID_HEADER] ?? "", traceId })
    )
  )
