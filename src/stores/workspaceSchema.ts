/**
 * The built-in LiveStore schema of a workspace: conversations and their messages.
 *
 * Importing this file loads LiveStore. What only needs the event names imports `workspaceEvents.ts`.
 */
import { Events, makeSchema, Schema, State } from "@livestore/livestore"
import { AssistantMessageSent, ConversationCreated, eventNames, UserMessageSent } from "./workspaceEvents.ts"

export const tables = {
  conversations: State.SQLite.table({
    name: "conversations",
    columns: {
      id: State.SQLite.text({ primaryKey: true }),
      title: State.SQLite.text(),
      createdAt: State.SQLite.integer({ schema: Schema.DateFromNumber })
    }
  }),
  messages: State.SQLite.table({
    name: "messages",
    columns: {
      id: State.SQLite.text({ primaryKey: true }),
      conversationId: State.SQLite.text(),
      role: State.SQLite.text({ schema: Schema.Literal("user", "assistant") }),
      content: State.SQLite.text(),
      userId: State.SQLite.text({ nullable: true }),
      replyTo: State.SQLite.text({ nullable: true }),
      createdAt: State.SQLite.integer({ schema: Schema.DateFromNumber })
    },
    indexes: [{ name: "messages_by_conversation", columns: ["conversationId"] }]
  })
}

export const events = {
  conversationCreated: Events.synced({ name: eventNames.conversationCreated, schema: ConversationCreated }),
  userMessageSent: Events.synced({ name: eventNames.userMessageSent, schema: UserMessageSent }),
  assistantMessageSent: Events.synced({ name: eventNames.assistantMessageSent, schema: AssistantMessageSent })
}

// An event may arrive twice: a commit whose confirmation was lost is repeated with the same id. So the first one
// wins and the second changes nothing.
const materializers = State.SQLite.materializers(events, {
  [eventNames.conversationCreated]: ({ id, title, createdAt }) =>
    tables.conversations.insert({ id, title, createdAt }).onConflict("id", "ignore"),
  [eventNames.userMessageSent]: ({ id, conversationId, content, userId, createdAt }) =>
    tables.messages
      .insert({ id, conversationId, role: "user", content, userId: userId ?? null, replyTo: null, createdAt })
      .onConflict("id", "ignore"),
  [eventNames.assistantMessageSent]: ({ id, conversationId, replyTo, content, createdAt }) =>
    tables.messages
      .insert({ id, conversationId, role: "assistant", content, userId: null, replyTo, createdAt })
      .onConflict("id", "ignore")
})

/** The schema a store is opened with unless the team brings its own. */
export const schema = makeSchema({ events, state: State.SQLite.makeState({ tables, materializers }) })
