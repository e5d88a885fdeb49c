/** The accepted snapshot in SQLite: what the loop starts from when the Auth Worker is down (law 12). */
import * as Effect from "effect/Effect"
import * as Iterable from "effect/Iterable"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { letTurn } from "../controller/EventLoop.ts"
import { SnapshotStore, type Entry, type Snapshot } from "../workspaces/SnapshotStore.ts"
import { knownFeatures } from "../workspaces/Workspace.ts"
import * as Column from "./Column.ts"
import { StateDatabase } from "./StateDatabase.ts"

const Meta = Schema.Struct({
  revision: Schema.NullOr(Schema.String),
  environment_id: Schema.NullOr(Schema.String),
  features: Schema.String,
  fetched_at: Schema.Number
})

const Row = Schema.Struct({
  store_id: Schema.String,
  absence_kind: Schema.NullOr(Schema.Literal("deleted", "absent")),
  absence_confirmations: Schema.NullOr(Schema.Number),
  absence_since: Schema.NullOr(Schema.Number)
})

/** Rows written in one transaction, before other work gets its turn on the event loop. */
const WRITE_STEP = 2_000

const PRESENT: Entry = { absence: null }

const entryOf = (row: typeof Row.Type): Entry =>
  row.absence_kind === null
    ? PRESENT
    : {
        absence: {
          kind: row.absence_kind,
          confirmations: row.absence_confirmations ?? 0,
          since: row.absence_since ?? 0
        }
      }

export const layer: Layer.Layer<SnapshotStore, never, StateDatabase> = Layer.effect(
  SnapshotStore,
  Effect.gen(function* () {
    const database = yield* StateDatabase
    // Of the rows that a very first save left which was cut short, nobody would know when they are no longer true.
    yield* database.attempt("snapshot", () => {
      database.run("DELETE FROM workspace WHERE NOT EXISTS (SELECT 1 FROM snapshot)")
    })
    /** What the file lacks: the rows of a write that is under way or has failed. */
    const unwritten = new Set<string>()

    /** A few statements for all of them: a call of SQLite costs more than the row that it writes. */
    const writeRows = (ids: ReadonlyArray<string>, entries: Snapshot["entries"]): void => {
      const gone: Array<string> = []
      const rows: Array<ReadonlyArray<string | number | null>> = []
      for (const id of ids) {
        const entry = entries.get(id)
        if (entry === undefined) gone.push(id)
        else if (entry.absence === null) rows.push([id, null, null, null])
        else rows.push([id, entry.absence.kind, entry.absence.confirmations, entry.absence.since])
      }
      if (gone.length > 0) {
        database.run(
          "DELETE FROM workspace WHERE store_id IN (SELECT value FROM json_each(?))",
          Column.encodeList(gone)
        )
      }
      if (rows.length > 0) {
        database.run(
          `INSERT INTO workspace (store_id, absence_kind, absence_confirmations, absence_since)
             SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM json_each(?) WHERE true
           ON CONFLICT (store_id) DO UPDATE SET absence_kind = excluded.absence_kind,
             absence_confirmations = excluded.absence_confirmations, absence_since = excluded.absence_since`,
          Column.encodeRows(rows)
        )
      }
    }

    const writeMeta = (snapshot: Snapshot): void => {
      database.run(
        `INSERT INTO snapshot (one, revision, environment_id, features, fetched_at) VALUES (1, ?, ?, ?, ?)
         ON CONFLICT (one) DO UPDATE SET revision = excluded.revision, environment_id = excluded.environment_id,
           features = excluded.features, fetched_at = excluded.fetched_at`,
        snapshot.revision,
        snapshot.environmentId,
        [...snapshot.features].join(","),
        snapshot.fetchedAt
      )
    }

    /**
     * Writes some of what the file lacks, and with the last of it what the rows are a snapshot of: cut in between, the
     * directory is read again. False: it could not be written.
     */
    const writeStep = (snapshot: Snapshot): Effect.Effect<boolean> =>
      Effect.suspend(() => {
        const ids = [...Iterable.take(unwritten, WRITE_STEP)]
        const isLast = ids.length === unwritten.size
        let isWritten = false
        const attempt = database.attempt("snapshot", () => {
          database.transaction(() => {
            writeRows(ids, snapshot.entries)
            if (isLast) writeMeta(snapshot)
          })
          for (const id of ids) unwritten.delete(id)
          isWritten = true
        })
        return Effect.map(attempt, () => isWritten)
      })

    return SnapshotStore.of({
      load: Effect.sync(() => {
        const [meta] = Schema.decodeUnknownSync(Schema.Array(Meta))(
          database.all("SELECT revision, environment_id, features, fetched_at FROM snapshot")
        )
        if (meta === undefined) return Option.none()
        const rows = Schema.decodeUnknownSync(Schema.Array(Row))(
          database.all("SELECT store_id, absence_kind, absence_confirmations, absence_since FROM workspace")
        )
        const announced = meta.features.split(",")
        return Option.some({
          entries: new Map(rows.map((row) => [row.store_id, entryOf(row)])),
          revision: meta.revision,
          environmentId: meta.environment_id,
          features: new Set(knownFeatures.filter((feature) => announced.includes(feature))),
          fetchedAt: meta.fetched_at
        })
      }),
      save: (snapshot, touched) =>
        Effect.gen(function* () {
          for (const id of touched) unwritten.add(id)
          let isLast = false
          while (!isLast) {
            isLast = unwritten.size <= WRITE_STEP
            if (!(yield* writeStep(snapshot))) return
            if (!isLast) yield* letTurn
          }
        })
    })
  })
)
