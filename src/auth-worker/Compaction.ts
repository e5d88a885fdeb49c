import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { nextCompaction } from "./Alarm.ts"
import { AuthConfig } from "./AuthConfig.ts"
import { compactedThrough } from "./Revision.ts"
import { Sql } from "./Sql.ts"

/** Changes forgotten at a time: other requests wait for one object's turn. */
const changesPerRun = 10_000

/** How long idempotency keys answer for what they created, in milliseconds: a day. */
const idempotencyMs = 86_400_000

/**
 * Forgets what is older than the retention: change records, and with them the memberships and names that only a listing of that
 * age would show; settled webhooks, used keys, ended sessions and invitations. A deleted workspace's id is never forgotten.
 */
export const compact = Effect.gen(function* () {
  const sql = yield* Sql
  const { CHANGES_RETENTION_MS: retention } = yield* AuthConfig
  const now = yield* Clock.currentTimeMillis
  yield* sql.transaction(
    Effect.gen(function* () {
      const from = yield* compactedThrough
      const old = yield* sql.first<{ through: number | null }>(
        `SELECT MAX(revision) AS through FROM
           (SELECT revision, at FROM changes WHERE revision > ? ORDER BY revision LIMIT ?) WHERE at < ?`,
        from,
        changesPerRun,
        now - retention
      )
      const through = Option.getOrElse(
        Option.flatMapNullable(old, (row) => row.through),
        () => from
      )
      yield* sql.run(`UPDATE meta SET value = ? WHERE key = 'compacted'`, String(through))
      yield* sql.run(`INSERT OR REPLACE INTO meta (key, value) VALUES ('compacted_at', ?)`, String(now))
      yield* sql.run(`DELETE FROM changes WHERE revision <= ?`, through)
      yield* sql.run(`DELETE FROM memberships WHERE removed_revision <= ?`, through)
      yield* sql.run(
        `UPDATE workspaces SET name = '' WHERE deleted_revision > ? AND deleted_revision <= ?`,
        from,
        through
      )
      yield* sql.run(`DELETE FROM outbox WHERE status <> 'pending' AND settled_at < ?`, now - retention)
      yield* sql.run(`DELETE FROM idempotency WHERE created_at < ?`, now - idempotencyMs)
      yield* sql.run(`DELETE FROM sessions WHERE expires_at < ?`, now)
      yield* sql.run(`DELETE FROM invitations WHERE expires_at < ?`, now - retention)
    })
  )
})

/** Compacts when it is time. */
export const compactWhenDue = Effect.gen(function* () {
  const due = yield* nextCompaction
  if (Option.isSome(due) && due.value <= (yield* Clock.currentTimeMillis)) yield* compact
})
