import { it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/TestClock"
import { describe, expect } from "vitest"
import { IncidentStore, layerMemory } from "../../../src/incidents/IncidentStore.ts"
import type { Owed } from "../../../src/incidents/Notification.ts"
import * as Notifier from "../../../src/incidents/Notifier.ts"
import { eventually } from "../../support/Eventually.ts"
import { freePort } from "../../support/Program.ts"
import { headerOf, startReceiver } from "../../support/Receiver.ts"

const secrets = [Redacted.make("whsec_bm90aWZpY2F0aW9ucy1vZi10aGUtdGVzdA==")]

const owed = (id: string, kind: Owed["kind"], createdAt = 0): Owed => ({
  id,
  kind,
  body: JSON.stringify({ id }),
  createdAt,
  attempts: 0,
  nextAttemptAt: createdAt
})

const receiving = Effect.acquireRelease(
  Effect.promise(() => startReceiver()),
  (receiver) => Effect.promise(() => receiver[Symbol.asyncDispose]())
)

const found = (what: string, look: () => boolean) => Effect.promise(() => eventually(what, look))

const fresh = Effect.provide(Layer.fresh(layerMemory))

describe("what is owed", () => {
  it.scopedLive("is sent in the order of its kind, and a kind that fails does not hold up another", () =>
    Effect.gen(function* () {
      const receiver = yield* receiving
      const notifier = yield* Notifier.make({ url: receiver.url, secrets })
      const ids = () => receiver.received.map((one) => headerOf(one, "webhook-id"))
      receiver.answerWith(503)
      yield* notifier.enqueue([owed("guard-1", "removal-guard")])
      yield* found("the first attempt", () => notifier.delivery().lastError !== null)
      expect(notifier.delivery()).toEqual({
        pending: 1,
        lastDeliveredAt: null,
        lastError: "The receiver answered 503."
      })
      receiver.answerWith(204)
      yield* notifier.enqueue([owed("guard-2", "removal-guard"), owed("paused-1", "paused")])
      yield* found("all have arrived", () => notifier.delivery().pending === 0)
      expect(ids()).toEqual(["guard-1", "paused-1", "guard-1", "guard-2"])
      expect(notifier.delivery().lastError).toBeNull()
    }).pipe(fresh)
  )

  it.scoped("is given up after many attempts, so that nothing is sent for ever", () =>
    Effect.gen(function* () {
      const port = yield* Effect.promise(() => freePort())
      const store = yield* IncidentStore
      yield* store.record([], [owed("guard-1", "removal-guard")])
      const notifier = yield* Notifier.make({ url: `http://127.0.0.1:${port}/`, secrets })
      let looks = 0
      while (notifier.delivery().pending > 0) {
        expect(looks++).toBeLessThan(2_000)
        yield* TestClock.adjust("5 minutes")
        yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
      }
      expect(yield* store.owed).toEqual([])
      // Not before an hour has passed.
      expect(looks * 5).toBeGreaterThan(60)
    }).pipe(fresh)
  )

  it.scoped("since an earlier life, for more than a day, is news no more", () =>
    Effect.gen(function* () {
      const receiver = yield* receiving
      const store = yield* IncidentStore
      yield* TestClock.setTime(100_000_000)
      yield* store.record(
        [],
        [owed("old-1", "removal-guard", 13_000_000), owed("new-1", "paused", 14_000_000)]
      )
      const notifier = yield* Notifier.make({ url: receiver.url, secrets })
      yield* found("the new one arrives", () => receiver.received.length > 0)
      yield* found("and is settled", () => notifier.delivery().pending === 0)
      expect(receiver.received.map((one) => headerOf(one, "webhook-id"))).toEqual(["new-1"])
      expect(yield* store.owed).toEqual([])
    }).pipe(fresh)
  )

  it.scoped("does not wait for a clock that was set back to catch up", () =>
    Effect.gen(function* () {
      const receiver = yield* receiving
      const store = yield* IncidentStore
      yield* store.record([], [owed("guard-1", "removal-guard", 500_000_000)])
      const notifier = yield* Notifier.make({ url: receiver.url, secrets })
      yield* found("it arrives", () => notifier.delivery().pending === 0)
    }).pipe(fresh)
  )

  it.scoped("is bounded: of more than a hundred the oldest are given up", () =>
    Effect.gen(function* () {
      const receiver = yield* receiving
      receiver.answerWith(null)
      const notifier = yield* Notifier.make({ url: receiver.url, secrets })
      yield* notifier.enqueue(Array.from({ length: 130 }, (_, index) => owed(`one-${index}`, "paused")))
      expect(notifier.delivery().pending).toBe(100)
    }).pipe(fresh)
  )
})
