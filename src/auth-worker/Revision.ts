import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { Sql } from "./Sql.ts"

const metaNumber = (key: "revision" | "compacted") =>
  Effect.gen(function* () {
    const sql = yield* Sql
    const row = yield* sql.first<{ value: string }>(`SELECT value FROM meta WHERE key = ?`, key)
    return Option.match(row, { onNone: () => 0, onSome: ({ value }) => Number(value) })
  })

/** The newest change's revision; 0 when nothing ever changed. */
export const currentRevision = metaNumber("revision")

/** Changes up to this revision have been forgotten. */
export const compactedThrough = metaNumber("compacted")

/**
 * The lineage of a revision: a random token that was made together with it. After a restore to an earlier state the same
 * revision numbers are given out again, for other changes, and with other tokens; so a number and its token together name
 * one state of the set for ever, and nothing has to survive outside of what is restored. Null where there is none (revision
 * 0, a change of an older program, a change that has been forgotten).
 */
export const lineageOf = (revision: number) =>
  Effect.gen(function* () {
    const sql = yield* Sql
    const row = yield* sql.first<{ lineage: string | null }>(
      `SELECT lineage FROM changes WHERE revision = ?`,
      revision
    )
    const newest = yield* sql.first<{ value: string }>(`SELECT value FROM meta WHERE key = 'lineage'`)
    const newestLineage = Option.match(newest, {
      onNone: () => null,
      onSome: ({ value }) => {
        const prefix = `${revision}:`
        return value.startsWith(prefix) ? value.slice(prefix.length) : null
      }
    })
    return Option.match(row, {
      // The newest change may have been forgotten; its token has not.
      onNone: () => newestLineage,
      onSome: ({ lineage }) => lineage
    })
  })

/** Notes the token of a revision, which is the newest. */
export const noteLineage = (revision: number, lineage: string) =>
  Effect.flatMap(Sql, (sql) =>
    sql.run(`INSERT OR REPLACE INTO meta (key, value) VALUES ('lineage', ?)`, `${revision}:${lineage}`)
  )

/** Identifies this database: revisions of different environments cannot be compared. */
export const environmentId = Effect.gen(function* () {
  const sql = yield* Sql
  const row = yield* sql.first<{ value: string }>(`SELECT value FROM meta WHERE key = 'environment'`)
  return Option.match(row, { onNone: () => "", onSome: ({ value }) => value })
})
