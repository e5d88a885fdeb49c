/**
 * Handlers of the user messages that were given up.
 */
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as Effect from "effect/Effect"
import * as Encoding from "effect/Encoding"
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import { type Decision, MessageAdministration } from "../../orchestration/MessageAdministration.ts"
import type { NotParked, UnknownMessage } from "../../stores/EventProcessor.ts"
import type { LedgerError, ParkedQuery } from "../../stores/messages/MessageLedger.ts"
import { Administrators } from "../Administrators.ts"
import { answer, json } from "../Answer.ts"
import { Api } from "../Api.ts"
import { MessagesQuery } from "../api/MessagesApi.ts"
import { decodeQuery } from "../api/Query.ts"
import { badRequest, Refusal, stateUnavailable } from "../Refusal.ts"
import { noInput } from "../RequestBody.ts"

const DEFAULT_PAGE = 100

const Position = Schema.parseJson(Schema.Tuple(Schema.String, Schema.String))
const decodePosition = Schema.decodeEither(Position)

const cursorOf = ({ messageId, storeId }: { readonly storeId: string; readonly messageId: string }): string =>
  Encoding.encodeBase64Url(JSON.stringify([storeId, messageId]))

const positionOf = (cursor: string | undefined): Effect.Effect<ParkedQuery["after"], Refusal> => {
  if (cursor === undefined) return Effect.succeed(null)
  return Encoding.decodeBase64UrlString(cursor).pipe(
    Either.flatMap(decodePosition),
    Either.map(([storeId, messageId]) => ({ storeId, messageId })),
    Effect.mapError(() => badRequest("cursor takes the nextCursor of the page before."))
  )
}

const refusalOf = (error: UnknownMessage | NotParked | LedgerError): Refusal => {
  switch (error._tag) {
    case "UnknownMessage":
      return new Refusal({
        status: 404,
        code: "MESSAGE_NOT_FOUND",
        message: "No such message is known in this workspace, or no longer."
      })
    case "NotParked":
      return new Refusal({
        status: 409,
        code: "MESSAGE_NOT_PARKED",
        message: `Only a parked message can be retried or dropped; this one is ${error.state}.`,
        details: { state: error.state }
      })
    case "LedgerError":
      return stateUnavailable
  }
}

const statuses = { retry: "retrying", drop: "dropped" } as const

export const layer = HttpApiBuilder.group(Api, "messages", (handlers) =>
  Effect.gen(function* () {
    const messages = yield* MessageAdministration
    const administrators = yield* Administrators

    const list = Effect.gen(function* () {
      yield* administrators.requireReader
      const {
        cursor,
        limit = DEFAULT_PAGE,
        storeId = null
      } = yield* decodeQuery(MessagesQuery, { call: "reads" })
      const after = yield* positionOf(cursor)
      const page = yield* Effect.mapError(messages.parked({ storeId, limit, after }), refusalOf)
      const last = page.at(-1)
      return json({
        messages: page,
        nextCursor: last === undefined || page.length < limit ? null : cursorOf(last)
      })
    })

    const decide = (
      decision: Decision,
      { messageId, storeId }: { readonly storeId: string; readonly messageId: string }
    ) =>
      Effect.gen(function* () {
        const actor = yield* administrators.require
        yield* noInput
        yield* Effect.mapError(messages.decide(decision, storeId, messageId, actor), refusalOf)
        return json({ status: statuses[decision], storeId, messageId })
      })

    return handlers
      .handleRaw("list", () => answer(list))
      .handleRaw("retry", ({ path }) => answer(decide("retry", path)))
      .handleRaw("drop", ({ path }) => answer(decide("drop", path)))
  })
)
