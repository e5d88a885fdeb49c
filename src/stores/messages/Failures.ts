/** What a failed attempt means for its message: another one later, or an operator's decision. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Backoff from "../../controller/Backoff.ts"
import type { Followed, Recorder } from "./FollowedStore.ts"
import type { LedgerRow } from "./MessageLedger.ts"

export interface FailuresOptions {
  readonly record: Recorder
  /** Failures that speak against a message before it is parked. */
  readonly maxAttempts: number
  readonly backoff: Backoff.Policy
}

export interface Failure {
  readonly reason: "failed" | "timeout" | "unavailable"
  readonly message: string
  readonly retryAfterMs?: number | undefined
}

/**
 * A message on which the handler is always unavailable, or the process always dies, may be the reason for it. After so many
 * times the usual attempts it is parked too, so that nothing blocks its conversation for ever.
 */
const PATIENCE = 4
/** A handler's wish beyond this is a mistake. */
const MAX_RETRY_AFTER_MS = 3_600_000
/** How much of an error's text is kept. */
const MAX_ERROR_LENGTH = 500

export const makeFailures = ({ backoff, maxAttempts, record }: FailuresOptions) => ({
  note: (one: Followed, row: LedgerRow, failure: Failure) =>
    Effect.gen(function* () {
      const now = yield* Clock.currentTimeMillis
      const failures = row.failures + (failure.reason === "unavailable" ? 0 : 1)
      const lastError = `${failure.reason}: ${failure.message}`.slice(0, MAX_ERROR_LENGTH)
      const failed: LedgerRow = { ...row, failures, lastError, at: now }
      if (failures >= maxAttempts || row.attempts >= PATIENCE * maxAttempts) {
        yield* record(one, { parked: 1, rows: [{ ...failed, state: "parked", nextAttemptAt: null }] })
        return yield* Effect.logWarning("message.parked").pipe(
          Effect.annotateLogs({
            storeId: one.storeId,
            messageId: row.messageId,
            attempts: row.attempts,
            error: lastError
          })
        )
      }
      const wishedMs = Math.min(MAX_RETRY_AFTER_MS, Math.max(0, failure.retryAfterMs ?? 0))
      const delayMs = Backoff.delayMs(backoff, Math.max(row.attempts, 1), yield* Random.next)
      yield* record(one, {
        rows: [{ ...failed, state: "pending", nextAttemptAt: now + Math.max(wishedMs, delayMs) }]
      })
    })
})

export type Failures = ReturnType<typeof makeFailures>
