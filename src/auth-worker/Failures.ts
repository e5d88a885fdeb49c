import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { AuthConfig } from "./AuthConfig.ts"
import { Sql } from "./Sql.ts"

/**
 * Failed proofs, counted where all isolates meet. Only failures are limited, and an account never by itself: by the address
 * they come from, and by that address and the account, so that strangers cannot shut anybody out.
 */

/** Failures of one address and account within the window (ms). */
const maxOfAccount = 10
const accountWindowMs = 15 * 60_000
const addressWindowMs = 60_000

/** Counts that are kept; those that end soonest are forgotten first. */
const maxCounts = 20_000

interface Counted {
  readonly key: string
  readonly limit: number
  readonly windowMs: number
}

const countedOf = (address: string, account: string | undefined) =>
  Effect.map(AuthConfig, ({ AUTH_RATE_PER_MINUTE }): ReadonlyArray<Counted> => [
    { key: `address ${address}`, limit: AUTH_RATE_PER_MINUTE, windowMs: addressWindowMs },
    ...(account === undefined
      ? []
      : [{ key: `account ${address} ${account}`, limit: maxOfAccount, windowMs: accountWindowMs }])
  ])

const count = ({ key, limit, windowMs }: Counted) =>
  Effect.gen(function* () {
    const sql = yield* Sql
    const now = yield* Clock.currentTimeMillis
    const row = yield* sql.first<{ failed: number; ends_at: number }>(
      `INSERT INTO failures (key, failed, ends_at) VALUES (?1, 1, ?2 + ?3)
       ON CONFLICT (key) DO UPDATE SET
         failed = CASE WHEN ends_at > ?2 AND ends_at <= ?2 + ?3 THEN failed + 1 ELSE 1 END,
         ends_at = CASE WHEN ends_at > ?2 AND ends_at <= ?2 + ?3 THEN ends_at ELSE ?2 + ?3 END
       RETURNING failed, ends_at`,
      key,
      now,
      windowMs
    )
    return Option.match(row, {
      onNone: () => 0,
      onSome: ({ ends_at, failed }) => (failed > limit ? Math.max(1, Math.ceil((ends_at - now) / 1_000)) : 0)
    })
  })

/**
 * Counts a proof as failed before it is looked at, so that guesses at the same time are all counted; `forgive` takes it
 * back. Answers the seconds until a failure is answered as one again, 0 for now.
 */
export const countFailure = (address: string, account?: string) =>
  Effect.gen(function* () {
    const sql = yield* Sql
    const now = yield* Clock.currentTimeMillis
    yield* sql.run(`DELETE FROM failures WHERE ends_at <= ?`, now)
    yield* sql.run(
      `DELETE FROM failures WHERE key IN (
         SELECT key FROM failures ORDER BY ends_at LIMIT max(0, (SELECT COUNT(*) FROM failures) - ?))`,
      maxCounts
    )
    const waits = yield* Effect.forEach(yield* countedOf(address, account), count)
    return Math.max(...waits)
  })

/** The proof was right: it is no failure, and the account's own count from this address ends. */
export const forgive = (address: string, account?: string) =>
  Effect.gen(function* () {
    const sql = yield* Sql
    yield* sql.run(
      `UPDATE failures SET failed = failed - 1 WHERE key = ? AND failed > 0`,
      `address ${address}`
    )
    if (account !== undefined) {
      yield* sql.run(`DELETE FROM failures WHERE key = ?`, `account ${address} ${account}`)
    }
  })
