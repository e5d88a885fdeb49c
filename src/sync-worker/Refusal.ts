/** Why a connection is not let in. The message is for the client's log: it never repeats what the client sent. */
import * as Schema from "effect/Schema"

export class Refusal extends Schema.TaggedError<Refusal>()("Refusal", {
  status: Schema.Literal(400, 401, 403, 405, 421, 426, 503),
  code: Schema.String,
  message: Schema.String
}) {}

/** The error shape of the contract. */
export const refusalResponse = (refusal: Refusal): Response =>
  Response.json(
    { error: { code: refusal.code, message: refusal.message } },
    { status: refusal.status, headers: { "cache-control": "no-store" } }
  )

export const malformed = (message: string) => new Refusal({ status: 400, code: "BAD_REQUEST", message })
export const unauthorized = (message: string) => new Refusal({ status: 401, code: "UNAUTHORIZED", message })
export const forbidden = (message: string) => new Refusal({ status: 403, code: "FORBIDDEN", message })
