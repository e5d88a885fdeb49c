import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { armAlarm, notBefore } from "./Alarm.ts"
import { Sql } from "./Sql.ts"
import { backoffMs } from "./Retry.ts"
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

/** A `Retry-After` beyond this is cut to it: an hour. */
const maxRetryAfterMs = 3_600_000

/** How long a receiver that answered 410 is left alone, before the next webhook asks again: an hour. */
const goneMs = 3_600_000

/**
 * Takes the webhook that has been due longest, of those that are not in flight, and counts it among them: in one step, so that
 * no other worker takes it as well (law 2). None while the receiver wants none.
 */
export const takeNextDue = (url: string, inFlight: Set<number>) =>
  Effect.gen(function* () {
    const sql = yield* Sql
    const now = yield* Clock.currentTimeMillis
    if ((yield* notBefore(url)) > now) return Option.none<OwedWebhook>()
    const due = yield* sql.all<OwedWebhook>(
      `SELECT id, webhook_id, event, instance_id, body, traceparent, attempts FROM outbox
       WHERE status = 'pending' AND next_at <= ? ORDER BY next_at, id LIMIT ?`,
      now,
      inFlight.size + 1
    )
    const next = Option.fromNullable(due.find((row) => !inFlight.has(row.id)))
    if (Option.isSome(next)) inFlight.add(next.value.id)
    return next
  })

/** What the receiver asked for all webhooks by this outcome: `Retry-After`, or 410. */
const pauseOf = (outcome: AttemptOutcome): Option.Option<number> => {
  if (outcome._tag === "Gone") return Option.some(goneMs)
  if (outcome._tag === "Delivered") return Option.none()
  return Option.map(outcome.retryAfterMs, (asked) => Math.min(maxRetryAfterMs, asked))
}

/**
 * Writes down how an attempt ended, and arms the alarm for what is owed next. A row that was superseded meanwhile stays so,
 * unless the server has now answered it.
 */
export const settleAttempt = (
  row: OwedWebhook,
  outcome: AttemptOutcome,
  policy: { readonly url: string; readonly maxAttempts: number; readonly backoffMs: number }
) =>
  Effect.gen(function* () {
    const sql = yield* Sql
    const now = yield* Clock.currentTimeMillis
    const attempts = row.attempts + 1
    const pause = pauseOf(outcome)
    const over = outcome._tag === "Gone" || attempts >= policy.maxAttempts
    const wait = Math.max(
      backoffMs(policy.backoffMs, attempts),
      Option.getOrElse(pause, () => 0)
    )
    yield* sql.transaction(
      Effect.gen(function* () {
        yield* sql.run(
          `UPDATE outbox SET
             status = CASE WHEN ?1 = 'delivered' OR status = 'pending' THEN ?1 ELSE status END,
             attempts = ?2, last_attempt_at = ?3, last_status = ?4, last_error = ?5, next_at = ?6,
             settled_at = CASE WHEN ?1 = 'pending' THEN settled_at ELSE ?3 END
           WHERE id = ?7`,
          outcome._tag === "Delivered" ? "delivered" : over ? "failed" : "pending",
          attempts,
          now,
          Option.getOrNull(outcome.status),
          outcome._tag === "Delivered" ? null : outcome.reason,
          now + wait,
          row.id
        )
        if (Option.isSome(pause) && outcome._tag !== "Delivered") {
          yield* sql.run(
            `INSERT OR REPLACE INTO endpoints (url, not_before, reason) VALUES (?, ?, ?)`,
            policy.url,
            now + pause.value,
            outcome.reason
          )
        }
        yield* armAlarm
      })
    )
  })
