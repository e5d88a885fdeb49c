/** A user message and its answer, apart from how a schema writes them down. */
import * as Schema from "effect/Schema"
import { createHash } from "node:crypto"

/** What a user has said. */
export interface UserMessage {
  /** Unique within its store, and the same however often the event arrives. */
  readonly id: string
  /** Messages of one conversation are handled one after the other, in the order of the store's history. */
  readonly conversationId: string
  readonly content: string
  /** Milliseconds since the epoch, by the clock of whoever wrote it; null when the schema does not say. */
  readonly sentAt: number | null
  /** The event's own arguments, as the schema decodes them. */
  readonly args: unknown
  /** What the team's module did wrong when it was asked what this event is: the message cannot be handled as it is. */
  readonly fault?: string
}

/** What a handler answers. It is kept until its commit is confirmed, so it has to survive JSON. */
export const Reply = Schema.Struct({
  content: Schema.String,
  /** What a schema of one's own keeps beside the text. */
  data: Schema.optional(Schema.Unknown)
})
export type Reply = typeof Reply.Type

/** Enough of SHA-256 that nobody will ever see two alike. */
const HASH_LENGTH = 32

const hashOf = (...parts: ReadonlyArray<string>): string =>
  createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, HASH_LENGTH)

/** The same at every attempt to handle the message, in every life of every replica. */
export const idempotencyKeyOf = (storeId: string, messageId: string): string => hashOf(storeId, messageId)

/** The id of the answer to a message: a function of the message, so that a repeated commit changes nothing. */
export const answerIdOf = (messageId: string): string => `answer-${hashOf(messageId)}`
