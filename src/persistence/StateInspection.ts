/** Whether a state database can be relied on: all of it is read. */
import * as Schema from "effect/Schema"
import Database from "libsql"
import { AuditRecord, type Verification, verify } from "../orchestration/Audit.ts"
import type { StateReport } from "../orchestration/Backups.ts"
import { migrations } from "./migrations.ts"

/** Runs a query; throws what SQLite throws. */
export type Query = (sql: string) => ReadonlyArray<unknown>

/** SQLite names each fault on a row of its own; the first so many are enough to know what to do. */
const MAX_FAULTS = 10

const Integrity = Schema.Array(Schema.Struct({ integrity_check: Schema.String }))
const Version = Schema.Tuple(Schema.Struct({ user_version: Schema.Number }))
const Rows = Schema.Tuple(Schema.Struct({ rows: Schema.Number }))
const Meta = Schema.Array(
  Schema.Struct({
    revision: Schema.NullOr(Schema.String),
    environment_id: Schema.NullOr(Schema.String),
    fetched_at: Schema.Number
  })
)

/** What is counted, by the name that people know it by. */
const counted = {
  workspaces: "workspace",
  pauses: "pause",
  approvals: "approval",
  auditRecords: "audit",
  transitions: "transition",
  retired: "retired",
  messages: "message"
} as const

const UNREAD: Omit<StateReport, "problems"> = {
  intact: false,
  schemaVersion: 0,
  counts: {},
  audit: { intact: false, records: 0, firstBrokenSeq: null },
  snapshot: null
}

/** A state that cannot be read at all. */
export const unreadable = (problem: string): StateReport => ({ ...UNREAD, problems: [problem] })

const brokenTrail = ({ firstBrokenSeq }: Verification): string =>
  `The audit trail is broken at record ${firstBrokenSeq ?? "?"}`

/**
 * Whether the database is whole: nothing speaks against it but, perhaps, its audit trail. Somebody may have changed the
 * trail long ago; a state that can no longer be backed up or restored for that would only add to the damage.
 */
export const isWhole = ({ audit, problems }: StateReport): boolean =>
  problems.every((problem) => !audit.intact && problem === brokenTrail(audit))

const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause))

const Objects = Schema.Array(
  Schema.Struct({ type: Schema.String, name: Schema.String, sql: Schema.NullOr(Schema.String) })
)
/** SQLite's own (`sqlite_…`) are no part of a schema. */
const OBJECTS = "SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"

const objectsOf = (query: Query): ReadonlyMap<string, string> =>
  new Map(
    Schema.decodeUnknownSync(Objects)(query(OBJECTS)).map(({ name, sql, type }) => [
      `${type} ${name}`,
      sql ?? ""
    ])
  )

/** What the migrations up to a version make: the only schema that is taken. */
const knownObjects = (schemaVersion: number): ReadonlyMap<string, string> => {
  const database = new Database(":memory:")
  try {
    for (const migration of migrations.slice(0, schemaVersion)) database.exec(migration)
    return objectsOf((sql) => database.prepare(sql).all())
  } finally {
    database.close()
  }
}

/** A planted file may have a trigger or a view that acts when a server writes: whatever the migrations do not make is a fault. */
const foreignObjects = (query: Query, schemaVersion: number): ReadonlyArray<string> => {
  const known = knownObjects(schemaVersion)
  const found = objectsOf(query)
  const foreign = [...found].filter(([name, sql]) => known.get(name) !== sql).map(([name]) => name)
  const missing = [...known.keys()].filter((name) => !found.has(name))
  return [
    ...(foreign.length === 0
      ? []
      : [`It has what this program did not make: ${foreign.slice(0, MAX_FAULTS).join(", ")}`]),
    ...(missing.length === 0 ? [] : [`It lacks ${missing.slice(0, MAX_FAULTS).join(", ")}`])
  ]
}

const inspectReadable = (query: Query): StateReport => {
  const faults = Schema.decodeUnknownSync(Integrity)(query(`PRAGMA integrity_check(${MAX_FAULTS})`))
    .map(({ integrity_check }) => integrity_check)
    .filter((fault) => fault !== "ok")
  const [{ user_version: schemaVersion }] = Schema.decodeUnknownSync(Version)(query("PRAGMA user_version"))
  if (schemaVersion > migrations.length) {
    return {
      ...UNREAD,
      schemaVersion,
      problems: [
        ...faults,
        `It was written by a newer version of this program (schema ${schemaVersion}, this one knows ${migrations.length})`
      ]
    }
  }
  // An older schema is no fault: it is migrated when a server starts on it. What it has not yet is not counted.
  const tables = new Set(
    Schema.decodeUnknownSync(Schema.Array(Schema.Struct({ name: Schema.String })))(
      query("SELECT name FROM sqlite_master WHERE type = 'table'")
    ).map(({ name }) => name)
  )
  const counts = Object.fromEntries(
    Object.entries(counted).flatMap(([name, table]) => {
      if (!tables.has(table)) return []
      const [{ rows }] = Schema.decodeUnknownSync(Rows)(query(`SELECT count(*) AS rows FROM ${table}`))
      return [[name, rows] as const]
    })
  )
  const audit: Verification = tables.has("audit")
    ? verify(Schema.decodeUnknownSync(Schema.Array(AuditRecord))(query("SELECT * FROM audit ORDER BY seq")))
    : { intact: false, records: 0, firstBrokenSeq: null }
  const [meta] = tables.has("snapshot")
    ? Schema.decodeUnknownSync(Meta)(query("SELECT revision, environment_id, fetched_at FROM snapshot"))
    : []
  const problems = [
    ...faults,
    ...(schemaVersion === 0 ? [] : foreignObjects(query, schemaVersion)),
    ...(schemaVersion === 0 ? ["It holds no state of this program"] : []),
    ...(schemaVersion > 0 && !audit.intact ? [brokenTrail(audit)] : [])
  ]
  return {
    intact: problems.length === 0,
    problems,
    schemaVersion,
    counts,
    audit,
    snapshot:
      meta === undefined
        ? null
        : {
            revision: meta.revision,
            environmentId: meta.environment_id,
            fetchedAt: new Date(meta.fetched_at).toISOString()
          }
  }
}

/** Reads the whole database. Never throws: what cannot be read is a problem. */
export const inspect = (query: Query): StateReport => {
  try {
    return inspectReadable(query)
  } catch (cause) {
    return unreadable(`It cannot be read: ${messageOf(cause)}`)
  }
}
