/**
 * Sends what is owed, one at a time and off the loop: at least once, in order for each kind, again after a failure, and
 * not for ever.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Random from "effect/Random"
import * as Backoff from "../controller/Backoff.ts"
import * as IncidentMetrics from "./IncidentMetrics.ts"
import { IncidentStore } from "./IncidentStore.ts"
import * as NotificationWebhook from "./NotificationWebhook.ts"
import type { Owed } from "./Notification.ts"
import * as Supervised from "../controller/Supervised.ts"

export interface Delivery {
  readonly pending: number
  /** Milliseconds since the epoch; null: none in this life. */
  readonly lastDeliveredAt: number | null
  readonly lastError: string | null
}

export interface Notifier {
  /** Takes notifications that the store has already. */
  readonly enqueue: (owed: ReadonlyArray<Owed>) => Effect.Effect<void>
  readonly delivery: () => Delivery
}

/** 2 s · 2^n, at most 5 min, with jitter: the thirty attempts take about two hours. */
const BACKOFF: Backoff.Policy = { baseMs: 2_000, maxMs: 300_000, jitter: 0.2 }
const MAX_ATTEMPTS = 30
/** What an earlier life has left owed for longer is news no more. */
const MAX_AGE_MS = 86_400_000
/** What more comes in while the receiver is down makes the oldest be given up. */
const MAX_OWED = 100

export const make = (webhook: NotificationWebhook.Options) =>
  Effect.gen(function* () {
    const store = yield* IncidentStore
    const news = yield* Queue.sliding<void>(1)
    let owed: ReadonlyArray<Owed> = yield* store.owed
    const startedAt = yield* Clock.currentTimeMillis
    let lastDeliveredAt: number | null = null
    let lastError: string | null = null

    const settle = (id: string) => {
      owed = owed.filter((one) => one.id !== id)
      return store.settle(id)
    }

    const giveUp = ({ attempts, id, kind }: Owed, why: string) => {
      IncidentMetrics.notified("given_up")
      return Effect.zipRight(
        settle(id),
        Effect.logError("notification.given_up", { notification: id, kind, attempts, reason: why })
      )
    }

    const putOff = (one: Owed, message: string) =>
      Effect.gen(function* () {
        const attempts = one.attempts + 1
        lastError = message
        if (attempts >= MAX_ATTEMPTS) return yield* giveUp({ ...one, attempts }, message)
        IncidentMetrics.notified("failed")
        // Whole, as every time that is stored.
        const delayMs = Math.ceil(Backoff.delayMs(BACKOFF, attempts, yield* Random.next))
        const later = { ...one, attempts, nextAttemptAt: (yield* Clock.currentTimeMillis) + delayMs }
        owed = owed.map((other) => (other.id === one.id ? later : other))
        yield* store.putOff(later)
        yield* Effect.logWarning("notification.failed", {
          notification: one.id,
          kind: one.kind,
          attempts,
          reason: message,
          nextAttemptInMs: delayMs
        })
      })

    const deliver = (one: Owed) =>
      NotificationWebhook.post(webhook, one.id, one.body).pipe(
        Effect.matchEffect({
          onSuccess: () =>
            Effect.gen(function* () {
              lastDeliveredAt = yield* Clock.currentTimeMillis
              lastError = null
              IncidentMetrics.notified("delivered")
              yield* settle(one.id)
              yield* Effect.logInfo("notification.delivered", { notification: one.id, kind: one.kind })
            }),
          onFailure: ({ message }) => putOff(one, message)
        })
      )

    /** The one that is due first; a later one of a kind never overtakes an earlier one. */
    const next = (): Owed | undefined => {
      const seen = new Set<string>()
      const heads = owed.filter(({ kind }) => !seen.has(kind) && seen.add(kind))
      return heads.sort((one, other) => one.nextAttemptAt - other.nextAttemptAt)[0]
    }

    const turn = Effect.gen(function* () {
      const one = next()
      if (one === undefined) return yield* Queue.take(news)
      const waitMs = one.nextAttemptAt - (yield* Clock.currentTimeMillis)
      // What is due later than that was put off before the clock was set back.
      if (waitMs <= 0 || waitMs > BACKOFF.maxMs) return yield* deliver(one)
      yield* Effect.timeoutTo(Queue.take(news), {
        duration: waitMs,
        onSuccess: () => undefined,
        onTimeout: () => undefined
      })
    })
    yield* Effect.forEach(
      owed.filter(({ createdAt }) => startedAt - createdAt > MAX_AGE_MS),
      (old) => giveUp(old, "it is older than a day")
    )
    yield* Supervised.run("notifier", Effect.forever(turn))

    const notifier: Notifier = {
      enqueue: (more) =>
        Effect.gen(function* () {
          if (more.length === 0) return
          owed = [...owed, ...more]
          yield* Effect.forEach(owed.slice(0, Math.max(0, owed.length - MAX_OWED)), (oldest) =>
            giveUp(oldest, `more than ${MAX_OWED} are owed`)
          )
          yield* Queue.offer(news, undefined)
        }),
      delivery: () => ({ pending: owed.length, lastDeliveredAt, lastError })
    }
    return notifier
  })
