/** Incidents and owed notifications in SQLite. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { Incident } from "../incidents/Incident.ts"
import { IncidentStore, KEPT_RESOLVED } from "../incidents/IncidentStore.ts"
import { Owed } from "../incidents/Notification.ts"
import { StateDatabase } from "./StateDatabase.ts"

const IncidentRow = Schema.Struct({ content: Schema.parseJson(Incident) })
const encodeIncident = Schema.encodeSync(Schema.parseJson(Incident))

const OwedRow = Schema.Struct({
  id: Schema.String,
  kind: Owed.fields.kind,
  body: Schema.String,
  created_at: Schema.Number,
  attempts: Schema.Number,
  next_attempt_at: Schema.Number
})

export const layer: Layer.Layer<IncidentStore, never, StateDatabase> = Layer.effect(
  IncidentStore,
  Effect.gen(function* () {
    const database = yield* StateDatabase

    /**
     * A row that this version cannot read, such as one of a kind of a later version, is left alone: what is wrong is
     * found again by looking.
     */
    const readable = <A, I>(schema: Schema.Schema<A, I>, rows: ReadonlyArray<unknown>): ReadonlyArray<A> => {
      const decode = Schema.decodeUnknownOption(schema)
      return rows.flatMap((row) => {
        const decoded = decode(row)
        return decoded._tag === "Some" ? [decoded.value] : []
      })
    }

    const writeOwed = (owed: Owed): void =>
      database.run(
        `INSERT OR REPLACE INTO notification (id, kind, body, created_at, attempts, next_attempt_at)
         VALUES (?, ?, ?, ?, ?, ?)`,
        owed.id,
        owed.kind,
        owed.body,
        owed.createdAt,
        owed.attempts,
        owed.nextAttemptAt
      )

    return IncidentStore.of({
      incidents: Effect.sync(() =>
        readable(
          IncidentRow,
          database.all("SELECT content FROM incident ORDER BY resolved_at IS NOT NULL, opened_at DESC")
        ).map(({ content }) => content)
      ),
      owed: Effect.sync(() =>
        readable(OwedRow, database.all("SELECT * FROM notification ORDER BY created_at, id")).map(
          ({ attempts, body, created_at, id, kind, next_attempt_at }) => ({
            id,
            kind,
            body,
            createdAt: created_at,
            attempts,
            nextAttemptAt: next_attempt_at
          })
        )
      ),
      record: (incidents, owed) =>
        database.attempt("incident", () =>
          database.transaction(() => {
            for (const incident of incidents) {
              database.run(
                "INSERT OR REPLACE INTO incident (id, opened_at, resolved_at, content) VALUES (?, ?, ?, ?)",
                incident.id,
                incident.openedAt,
                incident.resolvedAt,
                encodeIncident(incident)
              )
            }
            for (const one of owed) writeOwed(one)
            database.run(
              `DELETE FROM incident WHERE resolved_at IS NOT NULL AND id NOT IN
                 (SELECT id FROM incident WHERE resolved_at IS NOT NULL ORDER BY opened_at DESC LIMIT ?)`,
              KEPT_RESOLVED
            )
          })
        ),
      putOff: (owed) => database.attempt("notification", () => writeOwed(owed)),
      settle: (id) =>
        database.attempt("notification", () => {
          database.run("DELETE FROM notification WHERE id = ?", id)
        })
    })
  })
)
