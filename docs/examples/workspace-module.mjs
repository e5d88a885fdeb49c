/**
 * A workspace of one's own: notes instead of chat. Run the server with
 *
 *   WORKSPACE_MODULE=docs/examples/workspace-module.mjs
 *
 * It exports what every such module exports:
 *   schema    the LiveStore schema of the workspaces
 *   handler   called for each user message; answers a text, { content, data }, or null where no answer is due
 *   messages  only for a schema with events of its own: which of them are user messages and answers
 */
import { Events, makeSchema, Schema, State } from "@livestore/livestore"

const NoteWritten = Schema.Struct({
  id: Schema.String,
  notebook: Schema.String,
  text: Schema.String,
  writtenAt: Schema.Date
})
const NoteSummarised = Schema.Struct({
  id: Schema.String,
  noteId: Schema.String,
  summary: Schema.String,
  words: Schema.Number
})

const events = {
  noteWritten: Events.synced({ name: "v1.NoteWritten", schema: NoteWritten }),
  noteSummarised: Events.synced({ name: "v1.NoteSummarised", schema: NoteSummarised })
}

const notes = State.SQLite.table({
  name: "notes",
  columns: {
    id: State.SQLite.text({ primaryKey: true }),
    notebook: State.SQLite.text(),
    text: State.SQLite.text(),
    summary: State.SQLite.text({ nullable: true })
  }
})

const materializers = State.SQLite.materializers(events, {
  // An event may arrive twice, so the second one must change nothing.
  "v1.NoteWritten": ({ id, notebook, text }) =>
    notes.insert({ id, notebook, text, summary: null }).onConflict("id", "ignore"),
  "v1.NoteSummarised": ({ noteId, summary }) => notes.update({ summary }).where({ id: noteId })
})

export const schema = makeSchema({
  events,
  state: State.SQLite.makeState({ tables: { notes }, materializers })
})

export const messages = {
  /** Notes of one notebook are handled in order, those of different notebooks in parallel. */
  userMessage: ({ args, name }) =>
    name === "v1.NoteWritten"
      ? {
          id: args.id,
          conversationId: args.notebook,
          content: args.text,
          sentAt: args.writtenAt.getTime(),
          args
        }
      : undefined,
  answeredMessage: ({ args, name }) => (name === "v1.NoteSummarised" ? args.noteId : undefined),
  answer: ({ id, reply, replyTo }) => ({
    name: "v1.NoteSummarised",
    args: { id, noteId: replyTo, summary: reply.content, words: reply.data?.words ?? 0 }
  })
}

/**
 * Called at least once for each note, with the same `idempotencyKey` at each attempt; what it answers is committed once.
 * An error makes another attempt later. An Effect may be returned as well as a promise.
 */
export const handler = async ({ message }) => {
  const words = message.content.split(/\s+/).filter((word) => word !== "")
  return { content: words.slice(0, 3).join(" "), data: { words: words.length } }
}
