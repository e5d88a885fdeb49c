/**
 * The vocabulary of a workspace, without LiveStore: names and arguments of the events that every client of the
 * built-in schema writes. `workspaceSchema.ts` makes a LiveStore schema of it; the memory driver checks with it.
 */
import * as Schema from "effect/Schema"

/** Somebody has begun a conversation. */
export const ConversationCreated = Schema.Struct({
  id: Schema.String,
  title: Schema.String,
  createdAt: Schema.Date
})

/** A user has said something: what an event processor has to answer. */
export const UserMessageSent = Schema.Struct({
  id: Schema.String,
  conversationId: Schema.String,
  content: Schema.String,
  userId: Schema.optional(Schema.String),
  createdAt: Schema.Date
})

/** The answer to the user message `replyTo`. Its id is a function of `replyTo`, so that a repeat is harmless. */
export const AssistantMessageSent = Schema.Struct({
  id: Schema.String,
  conversationId: Schema.String,
  replyTo: Schema.String,
  content: Schema.String,
  createdAt: Schema.Date
})

export const eventNames = {
  conversationCreated: "v1.ConversationCreated",
  userMessageSent: "v1.UserMessageSent",
  assistantMessageSent: "v1.AssistantMessageSent"
} as const

/** The schema of an event's arguments, by the event's name. */
export const eventSchemas: ReadonlyMap<string, Schema.Schema.AnyNoContext> = new Map<
  string,
  Schema.Schema.AnyNoContext
>([
  [eventNames.conversationCreated, ConversationCreated],
  [eventNames.userMessageSent, UserMessageSent],
  [eventNames.assistantMessageSent, AssistantMessageSent]
])
