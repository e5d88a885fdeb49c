import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { refuse, tooManyFailures } from "./ApiError.ts"
import { AuthConfig } from "./AuthConfig.ts"
import { countFailure } from "./Failures.ts"
import { Sql } from "./Sql.ts"

/**
 * A refresh token is `<session>.<secret>`; the registry knows the secret's digest only. Every use replaces the secret. A session
 * named with another secret than its own means that two hold it, one of whom stole it: it ends for both.
 */

/** For so long after a rotation the secret before is taken as the same client's, whose answer was lost, in milliseconds. */
const repeatWindowMs = 10_000

/** Opens a session for a user, inside a transaction or alone. */
export const insertSession = (sessionId: string, userId: string, tokenHash: string) =>
  Effect.gen(function* () {
    const sql = yield* Sql
    const now = yield* Clock.currentTimeMillis
    const { REFRESH_TOKEN_TTL_SECONDS } = yield* AuthConfig
    yield* sql.run(
      `INSERT INTO sessions (id, user_id, token_hash, created_at, rotated_at, expires_at) VALUES (?, ?, ?, ?, ?, ?)`,
      sessionId,
      userId,
      tokenHash,
      now,
      now,
      now + REFRESH_TOKEN_TTL_SECONDS * 1_000
    )
  })

const invalid = refuse("INVALID_CREDENTIALS", "The refresh token is not valid or has expired.")

/** A wrong refresh token counts as a failure of its address; a right one is never refused for those of others. */
const refusalOf = (address: string) =>
  Effect.flatMap(countFailure(address), (retryAfterSeconds) =>
    Effect.fail(retryAfterSeconds > 0 ? tooManyFailures(retryAfterSeconds) : invalid)
  )

type StoredSession = {
  user_id: string
  token_hash: string
  previous_hash: string | null
  rotated_at: number
  expires_at: number
}

/** Replaces a session's secret and says whose session it is; INVALID_CREDENTIALS when the given one is not its secret. */
export const rotateSession = (input: {
  readonly sessionId: string
  readonly tokenHash: string
  readonly nextHash: string
  readonly address: string
}) =>
  Effect.gen(function* () {
    const sql = yield* Sql
    const notValid = refusalOf(input.address)
    const { REFRESH_TOKEN_TTL_SECONDS } = yield* AuthConfig
    // Not in a transaction that a refusal rolls back: ending a stolen session must stay.
    const found = yield* sql.first<StoredSession>(
      `SELECT s.user_id, s.token_hash, s.previous_hash, s.rotated_at, s.expires_at FROM sessions s
       JOIN users u ON u.id = s.user_id WHERE s.id = ? AND u.deleted_at IS NULL`,
      input.sessionId
    )
    const now = yield* Clock.currentTimeMillis
    if (Option.isNone(found) || found.value.expires_at <= now) return yield* notValid
    const session = found.value
    const repeated =
      session.previous_hash === input.tokenHash &&
      session.token_hash === input.nextHash &&
      now - session.rotated_at <= repeatWindowMs
    if (repeated) return { userId: session.user_id }
    if (session.token_hash !== input.tokenHash) {
      yield* sql.run(`DELETE FROM sessions WHERE id = ?`, input.sessionId)
      yield* Effect.logWarning("a session was named with a secret that is not its own: it is ended").pipe(
        Effect.annotateLogs({ userId: session.user_id })
      )
      return yield* notValid
    }
    yield* sql.run(
      `UPDATE sessions SET token_hash = ?, previous_hash = ?, rotated_at = ?, expires_at = ? WHERE id = ?`,
      input.nextHash,
      input.tokenHash,
      now,
      now + REFRESH_TOKEN_TTL_SECONDS * 1_000,
      input.sessionId
    )
    return { userId: session.user_id }
  })

/** Ends a session whose secret is given; nothing happens when it is not. */
export const endSession = (input: { readonly sessionId: string; readonly tokenHash: string }) =>
  Effect.gen(function* () {
    const sql = yield* Sql
    yield* sql.run(
      `DELETE FROM sessions WHERE id = ?1 AND (token_hash = ?2 OR previous_hash = ?2)`,
      input.sessionId,
      input.tokenHash
    )
  })
