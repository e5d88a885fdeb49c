import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { AuthConfig } from "./AuthConfig.ts"
import { Sql } from "./Sql.ts"

/**
 * When the alarm looks after what is due already. The request that owes a webhook also starts its delivery; the alarm is for
 * the case that this process ends first, and a second's patience spares an alarm for every one that goes well. While an answer is waited for it goes off every second.
 */
const alarmLeadMs = 1_000

/** Compaction is not oftener than this, in milliseconds: an hour, or the retention where that is shorter. */
const compactionIntervalMs = 3_600_000

/** When there will be something to forget, in ms since the epoch; none while nothing is remembered. */
export const nextCompaction = Effect.gen(function* () {
  const sql = yield* Sql
  const { CHANGES_RETENTION_MS: retention } = yield* AuthConfig
  const oldest = yield* sql.first<{ at: number }>(`SELECT at FROM changes ORDER BY revision LIMIT 1`)
  const now = yield* Clock.currentTimeMillis
  const last = yield* sql.first<{ value: string }>(`SELECT value FROM meta WHERE key = 'compacted_at'`)
  const earliest = Option.match(last, {
    onNone: () => now,
    onSome: ({ value }) => Number(value) + Math.min(compactionIntervalMs, retention)
  })
  return Option.map(oldest, ({ at }) => Math.max(at + retention + 1, earliest))
})

/** Before when the receiver wants nothing, in ms since the epoch; 0 when it never said so. */
export const notBefore = (url: string) =>
  Effect.gen(function* () {
    const sql = yield* Sql
    const row = yield* sql.first<{ not_before: number }>(
      `SELECT not_before FROM endpoints WHERE url = ?`,
      url
    )
    return Option.match(row, { onNone: () => 0, onSome: (found) => found.not_before })
  })

/**
 * Sets the object's alarm for the earliest thing that it owes: a webhook, or compaction. Called in the transactions that
 * change what is owed: the alarm survives a crash together with the debt, and fires after a restart without anything touching
 * the object. While webhooks are switched off, they wait for the first request that finds them on.
 */
export const armAlarm = Effect.gen(function* () {
  const sql = yield* Sql
  const { SERVER_WEBHOOK_URL: url } = yield* AuthConfig
  const now = yield* Clock.currentTimeMillis
  const times = Option.toArray(yield* nextCompaction)
  if (url !== undefined) {
    const opens = yield* notBefore(url)
    const owed = yield* sql.first<{ due: number | null; later: number | null }>(
      `SELECT (SELECT 1 FROM outbox WHERE status = 'pending' AND next_at <= ?1 LIMIT 1) AS due,
              (SELECT MIN(next_at) FROM outbox WHERE status = 'pending' AND next_at > ?1) AS later`,
      now
    )
    for (const { due, later } of Option.toArray(owed)) {
      if (due !== null) times.push(Math.max(opens, now + alarmLeadMs))
      if (later !== null) times.push(Math.max(opens, later))
    }
  }
  if (times.length > 0) yield* sql.alarmBy(Math.min(...times))
})
