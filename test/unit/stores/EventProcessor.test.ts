import { describe, expect, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/TestClock"
import { HandlerError, type MessageRequest } from "../../../src/stores/messages/MessageHandler.ts"
import {
  answer,
  answered,
  answers,
  begin,
  type Handle,
  makeDurable,
  say,
  shout
} from "../../support/MessageWorld.ts"

/** Lets everything run that can run without time passing, and what is due within a second. */
const settle = TestClock.adjust(1_000)
const sequence = (count: number, prefix = "m") =>
  Array.from({ length: count }, (_, index) => ({ id: `${prefix}${index}` }))

const failing = (message = "broken") => Effect.fail(new HandlerError({ reason: "failed", message }))

describe("handling user messages", () => {
  it.scoped("answers every message once, in the order of its conversation", () =>
    Effect.gen(function* () {
      const durable = yield* makeDurable
      const life = yield* begin(durable, shout)
      yield* life.monitor("ws-a")
      say(durable, "ws-a", ...sequence(20))
      yield* settle
      expect(answered(durable, "ws-a")).toEqual(sequence(20).map(({ id }) => id))
      expect(answers(durable, "ws-a")[3]?.content).toBe("SAY M3")
      expect(life.processor.totals()).toMatchObject({
        userMessages: 20,
        processedUserMessages: 20,
        pendingUserMessages: 0
      })
    })
  )

  it.scoped("handles what came while the server was down, and nothing twice", () =>
    Effect.gen(function* () {
      const durable = yield* makeDurable
      const first = yield* begin(durable, shout)
      yield* first.monitor("ws-a")
      say(durable, "ws-a", { id: "one" })
      yield* settle
      yield* first.end
      say(durable, "ws-a", { id: "two" })
      const second = yield* begin(durable, shout)
      yield* second.monitor("ws-a")
      yield* settle
      expect(answered(durable, "ws-a")).toEqual(["one", "two"])
      expect(second.processor.totals()).toMatchObject({ userMessages: 2, processedUserMessages: 2 })
    })
  )

  it.scoped("answers nothing again when its state is lost", () =>
    Effect.gen(function* () {
      const durable = yield* makeDurable
      // The history of a life of which nothing is known any more; the answers are several batches behind.
      say(durable, "ws-a", ...sequence(450))
      for (const { id } of sequence(449)) answer(durable, "ws-a", id)
      // Reading takes its time, so that an eager handler would be done before the answers are found.
      const { backend, ledger } = durable
      const find: typeof ledger.find = (storeId, ids) => Effect.delay(ledger.find(storeId, ids), 10)
      const slow = { backend, ledger: { ...ledger, find } }
      const life = yield* begin(slow, shout, { maxOpen: 10 })
      yield* life.monitor("ws-a")
      yield* settle
      yield* settle
      expect(answers(durable, "ws-a").filter(({ content }) => content !== "other")).toMatchObject([
        { replyTo: "m449" }
      ])
      expect(life.processor.totals()).toMatchObject({
        userMessages: 450,
        processedUserMessages: 450,
        pendingUserMessages: 0
      })
    })
  )

  it.scoped("counts a repeated event once", () =>
    Effect.gen(function* () {
      const durable = yield* makeDurable
      const life = yield* begin(durable, shout)
      yield* life.monitor("ws-a")
      say(durable, "ws-a", { id: "one" }, { id: "one" })
      yield* settle
      say(durable, "ws-a", { id: "one" })
      yield* settle
      expect(answered(durable, "ws-a")).toEqual(["one"])
      expect(life.processor.totals().userMessages).toBe(1)
    })
  )

  it.scoped("holds no more open messages than it may, and still handles all", () =>
    Effect.gen(function* () {
      const durable = yield* makeDurable
      const gate = yield* Deferred.make<void>()
      let most = 0
      const handle: Handle = (request) => Effect.zipRight(Deferred.await(gate), shout(request))
      const life = yield* begin(durable, handle, { maxOpen: 7 })
      yield* life.monitor("ws-a")
      say(durable, "ws-a", ...sequence(300))
      yield* settle
      most = (yield* durable.ledger.load("ws-a"))?.open.length ?? 0
      expect(most).toBe(7)
      expect(life.processor.totals()).toMatchObject({ userMessages: 300, pendingUserMessages: 300 })
      yield* Deferred.succeed(gate, undefined)
      yield* settle
      expect(answered(durable, "ws-a")).toEqual(sequence(300).map(({ id }) => id))
    })
  )

  it.scoped("only counts without a handler", () =>
    Effect.gen(function* () {
      const durable = yield* makeDurable
      const life = yield* begin(durable, null)
      yield* life.monitor("ws-a")
      say(durable, "ws-a", ...sequence(250))
      yield* settle
      expect(answers(durable, "ws-a")).toEqual([])
      expect(life.processor.processing("ws-a")).toMatchObject({
        userMessages: 250,
        processedUserMessages: 250,
        pendingUserMessages: 0
      })
    })
  )

  it.scoped("commits nothing when the handler has no answer", () =>
    Effect.gen(function* () {
      const durable = yield* makeDurable
      const life = yield* begin(durable, () => Effect.succeed(null))
      yield* life.monitor("ws-a")
      say(durable, "ws-a", { id: "one" })
      yield* settle
      expect(answers(durable, "ws-a")).toEqual([])
      expect(life.processor.totals().processedUserMessages).toBe(1)
    })
  )
})

describe("an attempt that fails", () => {
  it.scoped(
    "is repeated with the same key, and the message parked in the end; its conversation goes on",
    () =>
      Effect.gen(function* () {
        const durable = yield* makeDurable
        const requests: Array<MessageRequest> = []
        const life = yield* begin(
          durable,
          (request) => {
            requests.push(request)
            return request.message.id === "bad" ? failing("too hard") : shout(request)
          },
          { maxAttempts: 3 }
        )
        yield* life.monitor("ws-a")
        say(durable, "ws-a", { id: "bad" }, { id: "good" }, { id: "other", conversationId: "elsewhere" })
        yield* settle
        expect(answered(durable, "ws-a")).toEqual(["other"])
        yield* TestClock.adjust(60_000)
        expect(answered(durable, "ws-a")).toEqual(["other", "good"])
        const tries = requests.filter(({ message }) => message.id === "bad")
        expect(tries.map(({ attempt }) => attempt)).toEqual([1, 2, 3])
        expect(new Set(tries.map(({ idempotencyKey }) => idempotencyKey)).size).toBe(1)
        const query = { storeId: null, limit: 10, after: null }
        expect(yield* life.processor.parked(query)).toMatchObject([
          { storeId: "ws-a", messageId: "bad", failures: 3, lastError: "failed: too hard" }
        ])
        expect(life.processor.totals()).toMatchObject({
          userMessages: 3,
          processedUserMessages: 2,
          parkedUserMessages: 1,
          pendingUserMessages: 0
        })
      })
  )

  it.scoped("can be retried or dropped by hand once it is parked", () =>
    Effect.gen(function* () {
      const durable = yield* makeDurable
      let isBroken = true
      const life = yield* begin(durable, (request) => (isBroken ? failing() : shout(request)), {
        maxAttempts: 1
      })
      yield* life.monitor("ws-a")
      say(durable, "ws-a", { id: "one" }, { id: "two" })
      yield* settle
      isBroken = false
      expect(life.processor.totals()).toMatchObject({ parkedUserMessages: 2, pendingUserMessages: 0 })
      yield* life.processor.retry("ws-a", "one")
      yield* life.processor.drop("ws-a", "two")
      yield* settle
      expect(answered(durable, "ws-a")).toEqual(["one"])
      expect(life.processor.totals()).toMatchObject({ parkedUserMessages: 0, processedUserMessages: 2 })
      expect(yield* Effect.flip(life.processor.retry("ws-a", "one"))).toMatchObject({
        _tag: "NotParked",
        state: "done"
      })
      expect(yield* Effect.flip(life.processor.drop("ws-a", "nothing"))).toMatchObject({
        _tag: "UnknownMessage"
      })
    })
  )

  it.scoped("does not count when nobody was asked", () =>
    Effect.gen(function* () {
      const durable = yield* makeDurable
      let isOpen = true
      const life = yield* begin(
        durable,
        (request) =>
          isOpen
            ? Effect.fail(
                new HandlerError({
                  reason: "unavailable",
                  message: "open",
                  retryAfterMs: 5_000,
                  refused: true
                })
              )
            : shout(request),
        { maxAttempts: 1 }
      )
      yield* life.monitor("ws-a")
      say(durable, "ws-a", ...sequence(5))
      yield* TestClock.adjust(600_000)
      isOpen = false
      yield* TestClock.adjust(5_000)
      expect(answered(durable, "ws-a")).toHaveLength(5)
    })
  )

  it.scoped("is ended after its time, as any other failure", () =>
    Effect.gen(function* () {
      const durable = yield* makeDurable
      const life = yield* begin(
        durable,
        (request) => (request.message.id === "slow" ? Effect.never : shout(request)),
        { maxAttempts: 1, handlerTimeoutMs: 2_000 }
      )
      yield* life.monitor("ws-a")
      say(durable, "ws-a", { id: "slow" }, { id: "next" })
      yield* TestClock.adjust(3_000)
      expect(answered(durable, "ws-a")).toEqual(["next"])
      expect(life.processor.totals().parkedUserMessages).toBe(1)
    })
  )
})

describe("a store that fails", () => {
  it.scoped("has its answer committed once it confirms again, without handling it twice", () =>
    Effect.gen(function* () {
      const durable = yield* makeDurable
      let handled = 0
      const life = yield* begin(durable, (request) => {
        handled += 1
        return shout(request)
      })
      yield* life.monitor("ws-a")
      durable.backend.setDropsCommits("ws-a", true)
      say(durable, "ws-a", { id: "one" })
      yield* TestClock.adjust(10_000)
      expect(answered(durable, "ws-a")).toEqual([])
      durable.backend.setDropsCommits("ws-a", false)
      yield* TestClock.adjust(2_000)
      expect(answered(durable, "ws-a")).toEqual(["one"])
      expect(handled).toBe(1)
    })
  )

  it.scoped("goes on when it has died and is opened afresh", () =>
    Effect.gen(function* () {
      const durable = yield* makeDurable
      const life = yield* begin(durable, (request) => {
        if (request.message.id === "m3" && request.attempt === 1) durable.backend.kill("ws-a")
        return shout(request)
      })
      yield* life.monitor("ws-a")
      say(durable, "ws-a", ...sequence(6))
      yield* settle
      expect(answered(durable, "ws-a")).toEqual(["m0", "m1", "m2"])
      yield* life.monitor("ws-a")
      yield* settle
      expect(answered(durable, "ws-a")).toEqual(sequence(6).map(({ id }) => id))
    })
  )

  it.scoped("begins nothing while it is disconnected, and goes on when it hears again", () =>
    Effect.gen(function* () {
      const durable = yield* makeDurable
      const life = yield* begin(durable, shout)
      yield* life.monitor("ws-a")
      durable.backend.setConnected("ws-a", false)
      say(durable, "ws-a", { id: "one" })
      yield* TestClock.adjust(60_000)
      expect(answered(durable, "ws-a")).toEqual([])
      durable.backend.setConnected("ws-a", true)
      yield* settle
      expect(answered(durable, "ws-a")).toEqual(["one"])
    })
  )
})

describe("many stores", () => {
  it.scoped(
    "answers the one message of a quiet store among a noisy one's first few",
    () =>
      Effect.gen(function* () {
        const durable = yield* makeDurable
        const order: Array<string> = []
        const life = yield* begin(
          durable,
          (request) => {
            order.push(request.storeId)
            return Effect.delay(shout(request), 10)
          },
          { storeConcurrency: 2, concurrency: 2 }
        )
        yield* life.monitor("ws-noisy")
        yield* life.monitor("ws-quiet")
        const noise = sequence(1_000).map(({ id }, index) => ({ id, conversationId: `talk-${index % 50}` }))
        say(durable, "ws-noisy", ...noise)
        say(durable, "ws-quiet", { id: "please" })
        yield* TestClock.adjust(60_000)
        expect(answered(durable, "ws-quiet")).toEqual(["please"])
        expect(order.indexOf("ws-quiet")).toBeLessThan(10)
        expect(answered(durable, "ws-noisy")).toHaveLength(1_000)
      }),
    60_000
  )

  it.scoped("keeps the limits of one store and of all", () =>
    Effect.gen(function* () {
      const durable = yield* makeDurable
      const active = new Map<string, number>()
      let mostOfOne = 0
      let mostOfAll = 0
      const life = yield* begin(
        durable,
        (request) =>
          Effect.gen(function* () {
            active.set(request.storeId, (active.get(request.storeId) ?? 0) + 1)
            mostOfOne = Math.max(mostOfOne, active.get(request.storeId) ?? 0)
            mostOfAll = Math.max(
              mostOfAll,
              [...active.values()].reduce((sum, one) => sum + one, 0)
            )
            yield* Effect.sleep(10)
            active.set(request.storeId, (active.get(request.storeId) ?? 0) - 1)
            return null
          }),
        { storeConcurrency: 3, concurrency: 8 }
      )
      for (const storeId of ["ws-a", "ws-b", "ws-c", "ws-d"]) {
        yield* life.monitor(storeId)
        say(
          durable,
          storeId,
          ...sequence(60).map(({ id }, index) => ({ id, conversationId: `talk-${index % 10}` }))
        )
      }
      yield* TestClock.adjust(30_000)
      expect(mostOfOne).toBe(3)
      expect(mostOfAll).toBe(8)
      expect(life.processor.totals()).toMatchObject({ processedUserMessages: 240, activeHandlers: 0 })
    })
  )

  it.scoped("forgets a store that is no longer followed, and stops its handlers", () =>
    Effect.gen(function* () {
      const durable = yield* makeDurable
      let interrupted = 0
      const life = yield* begin(durable, () =>
        Effect.onInterrupt(Effect.never, () => Effect.sync(() => (interrupted += 1)))
      )
      yield* life.monitor("ws-a")
      say(durable, "ws-a", { id: "one" })
      yield* settle
      expect(life.processor.totals().activeHandlers).toBe(1)
      yield* life.processor.stopMonitoring("ws-a")
      expect(interrupted).toBe(1)
      expect(life.processor.totals()).toMatchObject({ userMessages: 0, activeHandlers: 0 })
      yield* life.processor.forget("ws-a")
      expect(yield* durable.ledger.load("ws-a")).toBeUndefined()
    })
  )
})
