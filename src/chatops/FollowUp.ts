/**
 * An answer that comes after Discord's three seconds: POSTed to the interaction's own webhook. Where that is, is known
 * here and never read from a message; its token is a secret and in no error.
 */
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Outgoing from "../transport/Outgoing.ts"
import { type Command, messageData } from "./Discord.ts"

export const DISCORD_API = "https://discord.com/api/v10"

const TIMEOUT_MS = 10_000
/** 1 s, 2 s, 4 s between them. */
const RETRIES = 3

class NotFollowed extends Schema.TaggedError<NotFollowed>()("NotFollowed", {
  /** Asking again will not change it. */
  isFinal: Schema.Boolean,
  /** Of HTTP; null without an answer. */
  status: Schema.NullOr(Schema.Int),
  /** Why, without the address. */
  problem: Schema.String
}) {}

/** Sends the text; what goes wrong is logged, since there is nobody left to tell. */
export const send = (
  apiUrl: string,
  { application_id, token }: Pick<Command, "application_id" | "token">,
  text: string
): Effect.Effect<void> =>
  Outgoing.send(
    `${apiUrl}/webhooks/${application_id}/${token}`,
    {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(messageData(text))
    },
    Outgoing.statusOnly
  ).pipe(
    Effect.mapError(
      (error) =>
        new NotFollowed({
          isFinal: error._tag === "Redirected",
          status: error._tag === "Redirected" ? error.status : null,
          problem: error.message
        })
    ),
    Effect.timeoutFail({
      duration: TIMEOUT_MS,
      onTimeout: () =>
        new NotFollowed({ isFinal: false, status: null, problem: `no answer within ${TIMEOUT_MS} ms` })
    }),
    Effect.filterOrFail(
      (status) => status >= 200 && status <= 299,
      (status) => new NotFollowed({ isFinal: false, status, problem: `Discord answered ${status}` })
    ),
    Effect.retry({
      times: RETRIES,
      schedule: Schedule.exponential("1 second"),
      while: ({ isFinal }) => !isFinal
    }),
    Effect.catchAll(({ problem, status }) =>
      Effect.logWarning("chatops.follow_up_failed", { status, problem })
    ),
    Effect.asVoid
  )
