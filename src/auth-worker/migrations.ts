import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { randomId } from "./Secrets.ts"
import { Sql } from "./Sql.ts"

/**
 * The schema's versions; an entry is never edited once released, new ones are appended.
 *
 * The set of workspaces is kept bitemporally: a workspace and a membership say at which revision they came and at which
 * they went, so that a listing of many pages shows one revision from beginning to end, however much changes meanwhile.
 */
const versions: ReadonlyArray<ReadonlyArray<string>> = [
  [
    `CREATE TABLE users (
       id TEXT PRIMARY KEY, email TEXT, created_at INTEGER NOT NULL, deleted_at INTEGER
     )`,
    `CREATE UNIQUE INDEX users_email ON users (email) WHERE email IS NOT NULL`,
    // A deleted workspace keeps its row for ever: its id must never name another workspace's data.
    `CREATE TABLE workspaces (
       id TEXT PRIMARY KEY, name TEXT NOT NULL, created_by TEXT NOT NULL,
       created_at INTEGER NOT NULL, created_revision INTEGER NOT NULL,
       deleted_at INTEGER, deleted_revision INTEGER, deleted_by TEXT
     ) WITHOUT ROWID`,
    `CREATE INDEX workspaces_deleted ON workspaces (deleted_revision) WHERE deleted_revision IS NOT NULL`,
    `CREATE TABLE memberships (
       seq INTEGER PRIMARY KEY AUTOINCREMENT, workspace_id TEXT NOT NULL, user_id TEXT NOT NULL, role TEXT NOT NULL,
       is_default INTEGER NOT NULL, created_at INTEGER NOT NULL, last_accessed_at INTEGER NOT NULL,
       added_revision INTEGER NOT NULL, removed_revision INTEGER
     )`,
    `CREATE UNIQUE INDEX memberships_live ON memberships (workspace_id, user_id) WHERE removed_revision IS NULL`,
    `CREATE INDEX memberships_of_user ON memberships (user_id) WHERE removed_revision IS NULL`,
    `CREATE INDEX memberships_removed ON memberships (removed_revision) WHERE removed_revision IS NOT NULL`,
    `CREATE TABLE changes (
       revision INTEGER PRIMARY KEY, kind TEXT NOT NULL, instance_id TEXT NOT NULL, at INTEGER NOT NULL
     )`,
    `CREATE TABLE outbox (
       id INTEGER PRIMARY KEY AUTOINCREMENT, webhook_id TEXT NOT NULL UNIQUE, event TEXT NOT NULL,
       instance_id TEXT NOT NULL, user_id TEXT NOT NULL, body TEXT NOT NULL, traceparent TEXT NOT NULL,
       status TEXT NOT NULL, attempts INTEGER NOT NULL, created_at INTEGER NOT NULL, next_at INTEGER NOT NULL,
       last_attempt_at INTEGER, last_status INTEGER, last_error TEXT, settled_at INTEGER
     )`,
    `CREATE INDEX outbox_due ON outbox (next_at) WHERE status = 'pending'`,
    `CREATE INDEX outbox_pending_of ON outbox (instance_id) WHERE status = 'pending'`,
    `CREATE TABLE idempotency (
       user_id TEXT NOT NULL, key TEXT NOT NULL, instance_id TEXT NOT NULL, created_at INTEGER NOT NULL,
       PRIMARY KEY (user_id, key)
     ) WITHOUT ROWID`
  ],
  [
    `ALTER TABLE users ADD COLUMN password TEXT`,
    // Failed log-ins since the window's beginning: the throttle of one account, whatever address they come from.
    `ALTER TABLE users ADD COLUMN failed_logins INTEGER NOT NULL DEFAULT 0`,
    `ALTER TABLE users ADD COLUMN failed_since INTEGER NOT NULL DEFAULT 0`,
    `CREATE TABLE sessions (
       id TEXT PRIMARY KEY, user_id TEXT NOT NULL, token_hash TEXT NOT NULL, previous_hash TEXT,
       created_at INTEGER NOT NULL, rotated_at INTEGER NOT NULL, expires_at INTEGER NOT NULL
     ) WITHOUT ROWID`,
    `CREATE INDEX sessions_of_user ON sessions (user_id)`,
    `CREATE INDEX sessions_by_expiry ON sessions (expires_at)`,
    `CREATE TABLE invitations (
       id TEXT PRIMARY KEY, workspace_id TEXT NOT NULL, email TEXT NOT NULL, role TEXT NOT NULL, token_hash TEXT NOT NULL,
       invited_by TEXT NOT NULL, created_at INTEGER NOT NULL, expires_at INTEGER NOT NULL
     ) WITHOUT ROWID`,
    `CREATE UNIQUE INDEX invitations_of_workspace ON invitations (workspace_id, email)`,
    `CREATE INDEX invitations_by_expiry ON invitations (expires_at)`,
    `CREATE INDEX idempotency_by_age ON idempotency (created_at)`,
    `DROP INDEX outbox_pending_of`,
    `CREATE INDEX outbox_undelivered_of ON outbox (instance_id) WHERE status IN ('pending', 'failed')`,
    `CREATE INDEX outbox_settled ON outbox (settled_at) WHERE status <> 'pending'`,
    // What a receiver asked of us as a whole: nothing is sent to it before this time.
    `CREATE TABLE endpoints (url TEXT PRIMARY KEY, not_before INTEGER NOT NULL, reason TEXT NOT NULL) WITHOUT ROWID`
  ],
  [
    // By address, and by address and account: the counts of an account alone let strangers lock it (users.failed_logins).
    `CREATE TABLE failures (key TEXT PRIMARY KEY, failed INTEGER NOT NULL, ends_at INTEGER NOT NULL) WITHOUT ROWID`,
    `CREATE INDEX failures_by_end ON failures (ends_at)`,
    `CREATE INDEX invitations_by_inviter ON invitations (invited_by)`
  ],
  [
    // A random token of each revision (Revision.ts).
    `ALTER TABLE changes ADD COLUMN lineage TEXT`
  ]
]

/**
 * Brings the database to this program's schema, in one transaction per version, and gives a new database its
 * environment id. A schema newer than the program is a defect: an old program must not write to it.
 */
export const migrate = Effect.gen(function* () {
  const sql = yield* Sql
  yield* sql.run(`CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID`)
  const stored = yield* sql.first<{ value: string }>(`SELECT value FROM meta WHERE key = 'schema'`)
  const current = Option.match(stored, { onNone: () => 0, onSome: (row) => Number(row.value) })
  if (current > versions.length) {
    return yield* Effect.dieMessage(
      `The database has schema ${current}, this program knows ${versions.length}.`
    )
  }
  for (const [index, statements] of versions.entries()) {
    if (index < current) continue
    yield* sql.transaction(
      Effect.gen(function* () {
        for (const statement of statements) yield* sql.run(statement)
        if (index === 0) {
          // A new database is a new environment: its revisions cannot be compared with another's.
          yield* sql.run(
            `INSERT INTO meta (key, value) VALUES ('environment', ?), ('revision', '0'), ('compacted', '0')`,
            yield* randomId
          )
        }
        yield* sql.run(`INSERT OR REPLACE INTO meta (key, value) VALUES ('schema', ?)`, String(index + 1))
      })
    )
  }
})
