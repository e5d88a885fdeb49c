/**
 * Shapes of the answers about user messages.
 */
import * as Schema from "effect/Schema"
import { IsoTime } from "./Common.ts"

const ParkedMessage = Schema.Struct({
  storeId: Schema.String,
  messageId: Schema.String,
  conversationId: Schema.String,
  attempts: Schema.Int,
  failures: Schema.Int,
  lastError: Schema.NullOr(Schema.String).annotations({ description: "never what the user wrote" }),
  parkedAt: IsoTime
}).annotations({ identifier: "ParkedMessage" })

export const Messages = Schema.Struct({
  messages: Schema.Array(ParkedMessage),
  nextCursor: Schema.NullOr(Schema.String)
}).annotations({ identifier: "Messages" })

export const Decided = Schema.Struct({
  status: Schema.Literal("retrying", "dropped"),
  storeId: Schema.String,
  messageId: Schema.String
}).annotations({ identifier: "MessageDecided" })
