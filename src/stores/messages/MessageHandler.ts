/** What is done with a user message: the team's own code, or one of the built-in handlers. */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type { Reply, UserMessage } from "./Message.ts"

/** One attempt to handle a message. */
export interface MessageRequest {
  readonly storeId: string
  readonly message: UserMessage
  /** The same at every attempt: an effect on another system is made once by saying it along. */
  readonly idempotencyKey: string
  /** 1 is the first. */
  readonly attempt: number
}

/** The message was not handled. */
export class HandlerError extends Schema.TaggedError<HandlerError>()("HandlerError", {
  /**
   * `failed` and `timeout` speak against the message, which is parked after too many of them. `unavailable` speaks
   * against the handler: the message only waits.
   */
  reason: Schema.Literal("failed", "timeout", "unavailable"),
  /** For people: never the message's content. */
  message: Schema.String,
  /** The handler's own wish, in milliseconds. */
  retryAfterMs: Schema.optional(Schema.Number),
  /** Nobody was asked: the circuit breaker is open. The attempt does not count, and the whole store waits. */
  refused: Schema.optional(Schema.Boolean)
}) {}

export class MessageHandler extends Context.Tag("workspace-orchestrator/stores/MessageHandler")<
  MessageHandler,
  {
    readonly name: string
    /** Answers the message, or null where no answer is due. None: messages are only counted. */
    readonly handle: ((request: MessageRequest) => Effect.Effect<Reply | null, HandlerError>) | null
  }
>() {}

/** Counts messages and answers none. */
export const layerNone: Layer.Layer<MessageHandler> = Layer.succeed(MessageHandler, {
  name: "none",
  handle: null
})

/** A handler in this process. */
export const layerEffect = (
  name: string,
  handle: (request: MessageRequest) => Effect.Effect<Reply | null, HandlerError>
): Layer.Layer<MessageHandler> => Layer.succeed(MessageHandler, { name, handle })
