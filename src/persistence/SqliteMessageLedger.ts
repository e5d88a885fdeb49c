/** The ledger of user messages in SQLite. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { Reply } from "../stores/messages/Message.ts"
import { LedgerError, MessageLedger, type LedgerRow } from "../stores/messages/MessageLedger.ts"
import * as Column from "./Column.ts"
import { IN_MEMORY, StateDatabase, type Value } from "./StateDatabase.ts"

const Row = Schema.Struct({
  store_id: Schema.String,
  message_id: Schema.String,
  conversation_id: Schema.String,
  seq: Schema.NullOr(Schema.Number),
  since: Schema.NullOr(Schema.String),
  state: Schema.Literal("pending", "handling", "handled", "parked", "done"),
  attempts: Schema.Number,
  failures: Schema.Number,
  next_attempt_at: Schema.NullOr(Schema.Number),
  last_error: Schema.NullOr(Schema.String),
  reply: Schema.NullOr(Schema.parseJson(Reply)),
  at: Schema.Number
})
const Head = Schema.Struct({
  cursor: Schema.NullOr(Schema.String),
  scanned: Schema.NullOr(Schema.String),
  user_messages: Schema.Number,
  processed: Schema.Number,
  last_user_message_at: Schema.NullOr(Schema.Number)
})
const Sums = Schema.Struct({ parked: Schema.Number, last_seq: Schema.NullOr(Schema.Number) })
const StoreId = Schema.Struct({ store_id: Schema.String })

const rowOf = (row: typeof Row.Type): LedgerRow => ({
  messageId: row.message_id,
  conversationId: row.conversation_id,
  seq: row.seq,
  since: row.since,
  state: row.state,
  attempts: row.attempts,
  failures: row.failures,
  nextAttemptAt: row.next_attempt_at,
  lastError: row.last_error,
  reply: row.reply,
  at: row.at
})

export const layer: Layer.Layer<MessageLedger, never, StateDatabase> = Layer.effect(
  MessageLedger,
  Effect.gen(function* () {
    const database = yield* StateDatabase

    const select = <A, I>(schema: Schema.Schema<A, I>, sql: string, ...values: ReadonlyArray<Value>) =>
      Schema.decodeUnknownSync(Schema.Array(schema))(database.all(sql, ...values))
    const reading = <A>(operation: string, read: () => A): Effect.Effect<A, LedgerError> =>
      Effect.try({
        try: read,
        catch: (cause) =>
          new LedgerError({ operation, message: cause instanceof Error ? cause.message : String(cause) })
      })
    /** Logged and shown by /health as every failed write is, and known to the caller. */
    const writing = (operation: string, write: () => void): Effect.Effect<void, LedgerError> =>
      Effect.suspend(() => {
        let written = false
        return database
          .attempt(operation, () => {
            write()
            written = true
          })
          .pipe(
            Effect.zipRight(
              Effect.suspend(() =>
                written
                  ? Effect.void
                  : Effect.fail(new LedgerError({ operation, message: database.lastError() ?? "unknown" }))
              )
            )
          )
      })

    /** Stores of which there is anything: the others, which are most, are never asked for. */
    const known = new Set(
      select(StoreId, "SELECT store_id FROM message_store").map(({ store_id }) => store_id)
    )

    const writeRow = (storeId: string, row: LedgerRow): void => {
      database.run(
        `INSERT INTO message (store_id, message_id, conversation_id, seq, since, state, attempts, failures,
           next_attempt_at, last_error, reply, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (store_id, message_id) DO UPDATE SET conversation_id = excluded.conversation_id,
           seq = excluded.seq, since = excluded.since, state = excluded.state, attempts = excluded.attempts,
           failures = excluded.failures, next_attempt_at = excluded.next_attempt_at,
           last_error = excluded.last_error, reply = excluded.reply, at = excluded.at`,
        storeId,
        row.messageId,
        row.conversationId,
        row.seq,
        row.since,
        row.state,
        row.attempts,
        row.failures,
        row.nextAttemptAt,
        row.lastError,
        row.reply === null ? null : JSON.stringify(row.reply),
        row.at
      )
    }

    return MessageLedger.of({
      path: database.path === IN_MEMORY ? null : database.path,
      knows: (storeId) => known.has(storeId),
      load: (storeId) =>
        reading("load", () => {
          if (!known.has(storeId)) return undefined
          const [head] = select(Head, "SELECT * FROM message_store WHERE store_id = ?", storeId)
          if (head === undefined) return undefined
          const open = select(
            Row,
            `SELECT * FROM message WHERE store_id = ? AND state IN ('pending', 'handling', 'handled')
             ORDER BY seq`,
            storeId
          )
          const [sums] = select(
            Sums,
            `SELECT count(*) FILTER (WHERE state = 'parked') AS parked, max(seq) AS last_seq
             FROM message WHERE store_id = ?`,
            storeId
          )
          return {
            head: {
              cursor: head.cursor,
              scanned: head.scanned,
              userMessages: head.user_messages,
              processed: head.processed,
              lastUserMessageAt: head.last_user_message_at
            },
            open: open.map(rowOf),
            parked: sums?.parked ?? 0,
            lastSeq: sums?.last_seq ?? 0
          }
        }),
      find: (storeId, messageIds) =>
        reading("find", () => {
          if (messageIds.length === 0 || !known.has(storeId)) return new Map()
          const rows = select(
            Row,
            "SELECT * FROM message WHERE store_id = ? AND message_id IN (SELECT value FROM json_each(?))",
            storeId,
            Column.encodeList(messageIds)
          )
          return new Map(rows.map((row) => [row.message_id, rowOf(row)]))
        }),
      write: (storeId, change) =>
        writing("messages", () => {
          const { lastUserMessageAt = null, position, processed = 0, userMessages = 0 } = change
          database.transaction(() => {
            database.run("INSERT OR IGNORE INTO message_store (store_id) VALUES (?)", storeId)
            database.run(
              `UPDATE message_store SET user_messages = user_messages + ?, processed = processed + ?,
                 last_user_message_at = coalesce(?, last_user_message_at) WHERE store_id = ?`,
              userMessages,
              processed,
              lastUserMessageAt,
              storeId
            )
            if (position !== undefined) {
              database.run(
                "UPDATE message_store SET cursor = ?, scanned = ? WHERE store_id = ?",
                position.cursor,
                position.scanned,
                storeId
              )
            }
            for (const row of change.rows) writeRow(storeId, row)
          })
          known.add(storeId)
        }),
      parked: ({ after, limit, storeId }) =>
        reading("parked", () =>
          select(
            Row,
            `SELECT * FROM message WHERE state = 'parked' AND (? IS NULL OR store_id = ?)
               AND (store_id, message_id) > (?, ?) ORDER BY store_id, message_id LIMIT ?`,
            storeId,
            storeId,
            after?.storeId ?? "",
            after?.messageId ?? "",
            limit
          ).map((row) => ({ ...rowOf(row), storeId: row.store_id }))
        ),
      prune: (storeId, keep) =>
        writing("messages", () => {
          database.run(
            `DELETE FROM message WHERE store_id = ? AND state = 'done' AND seq <=
               (SELECT seq FROM message WHERE store_id = ? AND state = 'done' AND seq IS NOT NULL
                ORDER BY seq DESC LIMIT 1 OFFSET ?)`,
            storeId,
            storeId,
            keep
          )
        }),
      forget: (storeId) =>
        writing("messages", () => {
          if (!known.has(storeId)) return
          database.transaction(() => {
            database.run("DELETE FROM message WHERE store_id = ?", storeId)
            database.run("DELETE FROM message_store WHERE store_id = ?", storeId)
          })
          known.delete(storeId)
        })
    })
  })
)
