/**
 * A request that is not done, and what its sender is told. Every error that leaves this server has this form, so that
 * no internal message, and nothing that the sender wrote, can leave with it.
 */
import * as Schema from "effect/Schema"

export class Refusal extends Schema.TaggedError<Refusal>()("Refusal", {
  status: Schema.Int,
  /** SCREAMING_SNAKE: for programs. */
  code: Schema.String,
  /** A sentence: for people. */
  message: Schema.String,
  /** Seconds, as `Retry-After`; rounded up. */
  retryAfterSeconds: Schema.optional(Schema.Number),
  headers: Schema.optional(Schema.Record({ key: Schema.String, value: Schema.String })),
  /** Further fields of the body, beside `error`. */
  details: Schema.optional(Schema.Record({ key: Schema.String, value: Schema.Unknown }))
}) {}

export const badRequest = (message: string): Refusal =>
  new Refusal({ status: 400, code: "BAD_REQUEST", message })

export const unauthorized = (message: string, headers: Readonly<Record<string, string>>): Refusal =>
  new Refusal({ status: 401, code: "UNAUTHORIZED", message, headers })

export const notFound = new Refusal({
  status: 404,
  code: "NOT_FOUND",
  message: "There is nothing at this path."
})

export const methodNotAllowed = (allow: ReadonlyArray<string>): Refusal =>
  new Refusal({
    status: 405,
    code: "METHOD_NOT_ALLOWED",
    message: `This path takes ${allow.join(", ")}.`,
    headers: { allow: allow.join(", ") }
  })

/** The state could not be written, so what was asked for has not been done. */
export const stateUnavailable = new Refusal({
  status: 503,
  code: "STATE_UNAVAILABLE",
  message: "The server's own state cannot be read or written, so nothing was changed: see GET /health/db."
})

export const internal = new Refusal({
  status: 500,
  code: "INTERNAL",
  message: "The server failed to answer; the log has the reason under this request id."
})
