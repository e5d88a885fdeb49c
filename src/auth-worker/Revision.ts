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

/** Identifies this database: revisions of different environments cannot be compared. */
export const environmentId = Effect.gen(function* () {
  const sql = yield* Sql
  const row = yield* sql.first<{ value: string }>(`SELECT value FROM meta WHERE key = 'environment'`)
  return Option.match(row, { onNone: () => "", onSome: ({ value }) => value })
})
