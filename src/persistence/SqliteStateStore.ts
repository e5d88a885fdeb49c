/** Pauses, approvals, removals, audit, transitions, retired data, the lockdown and the age of secrets in SQLite. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import { letTurn } from "../controller/EventLoop.ts"
import * as Supervised from "../controller/Supervised.ts"
import {
  type AuditEntry,
  AuditRecord,
  GENESIS,
  hashOf,
  lastingEntry,
  verify
} from "../orchestration/Audit.ts"
import { MAX_TRANSITIONS, StateStore, StateWriteFailed } from "../orchestration/StateStore.ts"
import type { Transition } from "../orchestration/WorkspaceStatus.ts"
import * as Column from "./Column.ts"
import * as PersistenceMetrics from "./PersistenceMetrics.ts"
import { StateDatabase, type Value } from "./StateDatabase.ts"

const PauseRow = Schema.Struct({
  store_id: Schema.String,
  reason: Schema.String,
  actor: Schema.String,
  since: Schema.Number,
  expires_at: Schema.NullOr(Schema.Number)
})
const ApprovalRow = Schema.Struct({
  hash: Schema.String,
  store_ids: Schema.parseJson(Schema.Array(Schema.String)),
  actor: Schema.String,
  approved_at: Schema.Number,
  expires_at: Schema.Number
})
const TransitionRow = Schema.Struct({ at: Schema.Number, type: Schema.String, message: Schema.String })
const RemovalRow = Schema.Struct({ at: Schema.Number, explicit: Schema.Number })
const HeldRow = Schema.Struct({
  store_id: Schema.String,
  since: Schema.Number,
  reason: Schema.Literal("limit", "everything")
})
const RejectedRow = Schema.Struct({
  store_id: Schema.String,
  kind: Schema.Literal("deleted", "absent"),
  rejected_at: Schema.Number,
  actor: Schema.String
})
const LockdownRow = Schema.Struct({ reason: Schema.String, actor: Schema.String, since: Schema.Number })
const FirstSeen = Schema.Struct({ fingerprint: Schema.String, first_seen_at: Schema.Number })
const StoreId = Schema.Struct({ store_id: Schema.String })

/** The loop as a key: no workspace has an empty id. */
const keyOf = (storeId: string | null): string => storeId ?? ""

/** Transitions are written together, this often: thousands of stores that open at once must not wait for the disk. */
const FLUSH_EVERY = "500 millis"
/** Audit records that wait in memory while the state cannot be written; what comes above is counted. */
const MAX_UNRECORDED = 1_000
/** And this many in one transaction, before other work gets its turn on the event loop. */
const FLUSH_STEP = 1_000

export const layer: Layer.Layer<StateStore, never, StateDatabase> = Layer.scoped(
  StateStore,
  Effect.gen(function* () {
    const database = yield* StateDatabase
    /** Reads happen at start and for people; a file that cannot be read then is a defect to be shown, not hidden. */
    const select = <A, I>(schema: Schema.Schema<A, I>, sql: string, ...values: ReadonlyArray<Value>) =>
      Effect.sync(() => Schema.decodeUnknownSync(Schema.Array(schema))(database.all(sql, ...values)))

    /** A write that its caller must know to have failed. */
    const mustWrite = (name: string, write: () => void): Effect.Effect<void, StateWriteFailed> =>
      Effect.suspend(() => {
        let isWritten = false
        const attempt = database.attempt(name, () => {
          write()
          isWritten = true
        })
        return Effect.flatMap(attempt, () =>
          isWritten ? Effect.void : Effect.fail(new StateWriteFailed({ write: name }))
        )
      })

    const newest = yield* select(AuditRecord, "SELECT * FROM audit ORDER BY seq DESC LIMIT 1")
    let seq = newest[0]?.seq ?? 0
    let hash = newest[0]?.hash ?? GENESIS

    let unwritten: Array<{ readonly storeId: string; readonly transition: Transition }> = []
    /** One statement for all of them: a call of SQLite costs more than the row that it writes. */
    const writeTransitions = (rows: typeof unwritten): void => {
      const values = rows.map(({ storeId, transition: { at, message, type } }) => [
        storeId,
        at,
        type,
        message
      ])
      database.run(
        `INSERT INTO transition (store_id, at, type, message)
           SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM json_each(?)`,
        Column.encodeRows(values)
      )
      database.run(
        `DELETE FROM transition WHERE id IN (
           SELECT id FROM (
             SELECT id, row_number() OVER (PARTITION BY store_id ORDER BY id DESC) AS place FROM transition
             WHERE store_id IN (SELECT value FROM json_each(?))
           ) WHERE place > ?)`,
        Column.encodeList([...new Set(rows.map(({ storeId }) => storeId))]),
        MAX_TRANSITIONS
      )
    }
    const appendOne = (given: AuditEntry): void => {
      const entry = lastingEntry(given)
      const next = hashOf(hash, seq + 1, entry)
      database.run(
        "INSERT INTO audit (seq, at, actor, address, action, subject, detail, outcome, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        seq + 1,
        entry.at,
        entry.actor,
        entry.address,
        entry.action,
        entry.subject,
        entry.detail,
        entry.outcome,
        next
      )
      seq += 1
      hash = next
      PersistenceMetrics.recorded(entry.outcome)
    }
    /** What was done and is not in the trail yet, oldest first: usually nothing, else what a full disk has kept out. */
    let unrecorded: Array<AuditEntry> = []
    /** How many did not even fit here. */
    let lost = 0
    /** Appends what it can, in order. What cannot be appended now stays, and is tried again with the next flush. */
    const appendUnrecorded = Effect.suspend(() =>
      unrecorded.length === 0
        ? Effect.void
        : database.attempt("audit", () => {
            let done = 0
            try {
              for (const entry of unrecorded) {
                appendOne(entry)
                done++
              }
              if (lost > 0) {
                const at = unrecorded.at(-1)?.at ?? 0
                appendOne({
                  at,
                  actor: "controller",
                  address: "",
                  action: "audit.lost",
                  subject: "",
                  detail: `${lost} records could not be kept while the state could not be written`,
                  outcome: "failed"
                })
                lost = 0
              }
            } finally {
              unrecorded = unrecorded.slice(done)
            }
          })
    )

    const flush = Effect.gen(function* () {
      yield* appendUnrecorded
      const due = unwritten
      unwritten = []
      for (let from = 0; from < due.length; from += FLUSH_STEP) {
        yield* database.attempt("transitions", () =>
          database.transaction(() => writeTransitions(due.slice(from, from + FLUSH_STEP)))
        )
        if (from + FLUSH_STEP < due.length) yield* letTurn
      }
      // Whole, or the end of the program would lose what has been taken out and not been written.
    }).pipe(Effect.uninterruptible)
    yield* Effect.addFinalizer(() => flush)
    yield* Supervised.run("state-flush", Effect.repeat(flush, Schedule.spaced(FLUSH_EVERY)))

    return StateStore.of({
      pauses: {
        load: select(PauseRow, "SELECT * FROM pause").pipe(
          Effect.map((rows) =>
            rows.map(({ actor, expires_at, reason, since, store_id }) => ({
              storeId: store_id === "" ? null : store_id,
              reason,
              actor,
              since,
              expiresAt: expires_at
            }))
          )
        ),
        save: (pause) =>
          mustWrite("pause", () => {
            database.run(
              `INSERT OR REPLACE INTO pause (store_id, reason, actor, since, expires_at) VALUES (?, ?, ?, ?, ?)`,
              keyOf(pause.storeId),
              pause.reason,
              pause.actor,
              pause.since,
              pause.expiresAt
            )
          }),
        remove: (storeId) =>
          mustWrite("pause", () => {
            database.run("DELETE FROM pause WHERE store_id = ?", keyOf(storeId))
          })
      },
      removals: {
        load: select(RemovalRow, "SELECT at, explicit FROM removal ORDER BY at").pipe(
          Effect.map((rows) => rows.map(({ at, explicit }) => ({ at, explicit: explicit === 1 })))
        ),
        record: ({ at, explicit }, forgetBefore) =>
          database.attempt("removal", () =>
            database.transaction(() => {
              database.run("DELETE FROM removal WHERE at < ?", forgetBefore)
              database.run("INSERT INTO removal (at, explicit) VALUES (?, ?)", at, explicit ? 1 : 0)
            })
          )
      },
      held: {
        load: select(HeldRow, "SELECT store_id, since, reason FROM held_removal").pipe(
          Effect.map((rows) => rows.map(({ store_id, ...row }) => ({ storeId: store_id, ...row })))
        ),
        rejected: select(RejectedRow, "SELECT store_id, kind, rejected_at, actor FROM rejected_removal").pipe(
          Effect.map((rows) =>
            rows.map(({ actor, kind, rejected_at, store_id }) => ({
              storeId: store_id,
              kind,
              rejectedAt: rejected_at,
              actor
            }))
          )
        ),
        save: (ids, held, rejected) =>
          mustWrite("held", () =>
            database.transaction(() => {
              for (const table of ["held_removal", "rejected_removal"]) {
                database.run(
                  `DELETE FROM ${table} WHERE store_id IN (SELECT value FROM json_each(?))`,
                  Column.encodeList([...ids])
                )
              }
              database.run(
                `INSERT INTO held_removal (store_id, since, reason)
                   SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?)`,
                Column.encodeRows(held.map(({ reason, since, storeId }) => [storeId, since, reason]))
              )
              database.run(
                `INSERT INTO rejected_removal (store_id, kind, rejected_at, actor)
                   SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM json_each(?)`,
                Column.encodeRows(
                  rejected.map(({ actor, kind, rejectedAt, storeId }) => [storeId, kind, rejectedAt, actor])
                )
              )
            })
          )
      },
      approvals: {
        load: select(ApprovalRow, "SELECT * FROM approval ORDER BY approved_at").pipe(
          Effect.map((rows) =>
            rows.map((row) => ({
              hash: row.hash,
              storeIds: row.store_ids,
              actor: row.actor,
              approvedAt: row.approved_at,
              expiresAt: row.expires_at
            }))
          )
        ),
        save: (approval) =>
          mustWrite("approval", () =>
            database.transaction(() => {
              database.run("DELETE FROM approval WHERE expires_at < ?", approval.approvedAt)
              database.run(
                "INSERT INTO approval (hash, store_ids, actor, approved_at, expires_at) VALUES (?, ?, ?, ?, ?)",
                approval.hash,
                JSON.stringify(approval.storeIds),
                approval.actor,
                approval.approvedAt,
                approval.expiresAt
              )
            })
          )
      },
      audit: {
        append: (entry) =>
          Effect.suspend(() => {
            if (unrecorded.length < MAX_UNRECORDED) unrecorded.push(entry)
            else lost++
            return appendUnrecorded
          }),
        read: ({ action, before, limit }) =>
          select(
            AuditRecord,
            "SELECT * FROM audit WHERE seq < ? AND (? = '' OR action = ?) ORDER BY seq DESC LIMIT ?",
            before ?? Number.MAX_SAFE_INTEGER,
            action ?? "",
            action ?? "",
            limit
          ),
        verify: Effect.map(select(AuditRecord, "SELECT * FROM audit ORDER BY seq"), verify)
      },
      transitions: {
        append: (storeId, transition) => Effect.sync(() => void unwritten.push({ storeId, transition })),
        read: (storeId, limit) =>
          Effect.zipRight(
            flush,
            select(
              TransitionRow,
              "SELECT at, type, message FROM transition WHERE store_id = ? ORDER BY id DESC LIMIT ?",
              storeId,
              limit
            )
          ).pipe(Effect.map((rows) => rows.toReversed())),
        forget: (storeId) =>
          Effect.zipRight(
            flush,
            database.attempt("transitions", () => {
              database.run("DELETE FROM transition WHERE store_id = ?", storeId)
            })
          )
      },
      retired: {
        add: (storeId, at) =>
          database.attempt("retired", () => {
            database.run("INSERT OR REPLACE INTO retired (store_id, at) VALUES (?, ?)", storeId, at)
          }),
        remove: (storeId) =>
          database.attempt("retired", () => {
            database.run("DELETE FROM retired WHERE store_id = ?", storeId)
          }),
        before: (at) =>
          select(StoreId, "SELECT store_id FROM retired WHERE at < ?", at).pipe(
            Effect.map((rows) => rows.map(({ store_id }) => store_id))
          )
      },
      lockdown: {
        load: Effect.map(select(LockdownRow, "SELECT reason, actor, since FROM lockdown"), ([row]) => row),
        save: ({ actor, reason, since }) =>
          mustWrite("lockdown", () => {
            database.run(
              "INSERT OR REPLACE INTO lockdown (one, reason, actor, since) VALUES (1, ?, ?, ?)",
              reason,
              actor,
              since
            )
          }),
        remove: mustWrite("lockdown", () => {
          database.run("DELETE FROM lockdown")
        })
      },
      secrets: {
        seen: (variable, fingerprints, at) =>
          database
            .attempt("secret", () =>
              database.transaction(() => {
                for (const fingerprint of fingerprints) {
                  database.run(
                    "INSERT OR IGNORE INTO secret (variable, fingerprint, first_seen_at) VALUES (?, ?, ?)",
                    variable,
                    fingerprint,
                    at
                  )
                }
              })
            )
            .pipe(
              Effect.zipRight(
                select(
                  FirstSeen,
                  "SELECT fingerprint, first_seen_at FROM secret WHERE variable = ?",
                  variable
                )
              ),
              Effect.map((rows) => new Map(rows.map((row) => [row.fingerprint, row.first_seen_at])))
            )
      },
      health: () => {
        const lastError = database.lastError()
        return { healthy: lastError === null, path: database.path, lastError }
      }
    })
  })
)
