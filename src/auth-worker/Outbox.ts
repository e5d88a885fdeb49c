import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { AuthConfig } from "./AuthConfig.ts"
import { Sql } from "./Sql.ts"
import type { AttemptOutcome } from "./WebhookSender.ts"

/** A webhook that is owed. */
export type OwedWebhook = {
  id: number
  webhook_id: string
  event: string
  instance_id: string
  body: string
  traceparent: string
  attempts: number
}

/**
 * When the alarm looks after what is due already. The request that owes a webhook also starts its delivery; the alarm is for
 * the case that this process ends first, and a second's patience spares an alarm for every one that goes well.
 */
const alarmLeadMs = 1_000

/** A `Retry-After` beyond this is cut to it: an hour. */
const maxRetryAfterMs = 3_600_000

/** The backoff stops growing here: an hour. */
const maxBackoffMs = 3_600_000

/**
 * Sets the object's alarm to the earliest thing it owes. Called in the transactions that change what is owed: the alarm
 * survives a crash together with the debt, and fires after a restart without anything touching the object. While webhooks are
 * switched off, what is still owed waits for the next request that finds them on.
 */
export const armAlarm = Effect.gen(function* () {
  const sql = yield* Sql
  const { SERVER_WEBHOOK_URL: url } = yield* AuthConfig
  if (url === undefined) return yield* sql.alarmAt(Option.none())
  const now = yield* Clock.currentTimeMillis
  const owed = yield* sql.first<{ due: number | null; later: number | null }>(
    `SELECT (SELECT 1 FROM outbox WHERE status = 'pending' AND next_at <= ?1 LIMIT 1) AS due,
            (SELECT MIN(next_at) FROM outbox WHERE status = 'pending' AND next_at > ?1) AS later`,
    now
  )
  const times = Option.toArray(owed).flatMap(({ due, later }) => [
    ...(due === null ? [] : [now + alarmLeadMs]),
    ...(later === null ? [] : [later])
  ])
  yield* sql.alarmAt(times.length === 0 ? Option.none() : Option.some(Math.min(...times)))
})

/** The webhook that has been due longest, those in `except` left out. */
export const nextDue = (except: ReadonlySet<number>) =>
  Effect.gen(function* () {
    const sql = yield* Sql
    const due = yield* sql.all<OwedWebhook>(
      `SELECT id, webhook_id, event, instance_id, body, traceparent, attempts FROM outbox
       WHERE status = 'pending' AND next_at <= ? ORDER BY next_at, id LIMIT ?`,
      yield* Clock.currentTimeMillis,
      except.size + 1
    )
    return Option.fromNullable(due.find((row) => !except.has(row.id)))
  })

/** Doubles from `baseMs` with every failed attempt, to an hour. */
export const backoffMs = (baseMs: number, failedAttempts: number): number =>
  Math.min(maxBackoffMs, baseMs * 2 ** (failedAttempts - 1))

/**
 * Writes down how an attempt ended, and arms the alarm for what is owed next. A row that was superseded meanwhile stays so,
 * unless the server has now answered it.
 */
export const settleAttempt = (
  row: OwedWebhook,
  outcome: AttemptOutcome,
  policy: { readonly maxAttempts: number; readonly backoffMs: number }
) =>
  Effect.gen(function* () {
    const sql = yield* Sql
    const now = yield* Clock.currentTimeMillis
    const attempts = row.attempts + 1
    const delivered = outcome._tag === "Delivered"
    const over = outcome._tag === "Gone" || attempts >= policy.maxAttempts
    const wait =
      outcome._tag === "Failed"
        ? Math.max(
            backoffMs(policy.backoffMs, attempts),
            Math.min(
              maxRetryAfterMs,
              Option.getOrElse(outcome.retryAfterMs, () => 0)
            )
          )
        : 0
    yield* sql.transaction(
      Effect.gen(function* () {
        yield* sql.run(
          `UPDATE outbox SET
             status = CASE WHEN ?1 = 'delivered' THEN ?1 WHEN status = 'pending' THEN ?1 ELSE status END,
             attempts = ?2, last_attempt_at = ?3, last_status = ?4, last_error = ?5, next_at = ?6,
             settled_at = CASE WHEN ?1 = 'pending' THEN settled_at ELSE ?3 END
           WHERE id = ?7`,
          delivered ? "delivered" : over ? "failed" : "pending",
          attempts,
          now,
          Option.getOrNull(outcome.status),
          outcome._tag === "Delivered" ? null : outcome.reason,
          now + wait,
          row.id
        )
        yield* armAlarm
      })
    )
  })
