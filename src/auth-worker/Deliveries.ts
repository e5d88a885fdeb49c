import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { AuthConfig, plain } from "./AuthConfig.ts"
import { type OwedWebhook, settleAttempt, takeNextDue } from "./Outbox.ts"
import { sendWebhook } from "./WebhookSender.ts"

/** Deliveries at a time; the platform allows an object six open connections. */
const concurrency = 6

/**
 * Sends what is due until nothing is. There is one per object, and any number of calls share its workers: a row is never
 * in two hands (law 2), and a webhook owed while all wait for slow answers is taken by the next free one.
 */
export const makeDeliveries = () => {
  const inFlight = new Set<number>()
  let workers = 0

  const deliver = (row: OwedWebhook, url: string) =>
    Effect.gen(function* () {
      const config = yield* AuthConfig
      const outcome = yield* sendWebhook(row, {
        url,
        secrets: plain(config.WEBHOOK_SECRET),
        timeoutMs: config.WEBHOOK_TIMEOUT_MS
      })
      yield* settleAttempt(row, outcome, {
        url,
        maxAttempts: config.WEBHOOK_MAX_ATTEMPTS,
        backoffMs: config.WEBHOOK_BACKOFF_MS
      })
      const log =
        outcome._tag === "Delivered"
          ? Effect.logInfo("webhook delivered")
          : Effect.logWarning("webhook not delivered")
      yield* log.pipe(
        Effect.annotateLogs({
          webhookId: row.webhook_id,
          event: row.event,
          instanceId: row.instance_id,
          attempt: row.attempts + 1,
          status: Option.getOrNull(outcome.status),
          ...(outcome._tag === "Delivered" ? {} : { reason: outcome.reason })
        })
      )
    })

  const worker = (url: string) =>
    Effect.gen(function* () {
      const next = takeNextDue(url, inFlight)
      for (let due = yield* next; Option.isSome(due); due = yield* next) {
        const row = due.value
        yield* deliver(row, url).pipe(Effect.ensuring(Effect.sync(() => inFlight.delete(row.id))))
      }
    })

  /** Delivers what is due now, and returns when this call's workers found nothing more. */
  return Effect.gen(function* () {
    const { SERVER_WEBHOOK_URL: url } = yield* AuthConfig
    if (url === undefined) return
    const free = concurrency - workers
    if (free <= 0) return
    workers += free
    yield* Effect.all(
      Array.from({ length: free }, () =>
        worker(url).pipe(Effect.ensuring(Effect.sync(() => (workers -= 1))))
      ),
      { concurrency: "unbounded", discard: true }
    )
  })
}
