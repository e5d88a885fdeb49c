import { describe, expect, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import * as Ref from "effect/Ref"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/TestClock"
import * as CircuitBreaker from "../../../src/controller/CircuitBreaker.ts"

class Refused extends Schema.TaggedError<Refused>()("Refused", { retryAfterMs: Schema.Number }) {}
class NotFound extends Schema.TaggedError<NotFound>()("NotFound", {}) {}

const refused = Effect.fail(new Refused({ retryAfterMs: 0 }))
const make = CircuitBreaker.make({ name: "source" })

const stateOf = (breaker: CircuitBreaker.CircuitBreaker) => Effect.map(breaker.status, ({ state }) => state)

/** A breaker that five failures have opened. */
const makeOpen = Effect.gen(function* () {
  const breaker = yield* make
  yield* Effect.replicateEffect(Effect.either(breaker.protect(refused)), 5)
  expect(yield* stateOf(breaker)).toBe("open")
  return breaker
})

/** A source of chance that draws 0: the longest delay of each jitter. */
const noJitter = Random.fixed([0])

/** Lets the longest open time pass, so that a probe is due whatever the jitter. */
const untilProbe = TestClock.adjust("5 minutes")

describe("CircuitBreaker", () => {
  it.effect("passes calls and their errors through while closed", () =>
    Effect.gen(function* () {
      const breaker = yield* make
      expect(yield* breaker.protect(Effect.succeed(1))).toBe(1)
      expect(yield* Effect.flip(breaker.protect(refused))).toEqual(new Refused({ retryAfterMs: 0 }))
      expect(yield* breaker.status).toMatchObject({
        state: "closed",
        failureCount: 1,
        lastErrorTag: "Refused"
      })
    })
  )

  it.effect("opens after five failures in a row, and then fails fast without making the call", () =>
    Effect.gen(function* () {
      const breaker = yield* makeOpen
      const calls = yield* Ref.make(0)
      const error = yield* Effect.flip(breaker.protect(Ref.update(calls, (n) => n + 1)))
      expect(error).toMatchObject({ _tag: "CircuitOpen", name: "source" })
      expect(error.retryAfterMs).toBeGreaterThanOrEqual(24_000)
      expect(error.retryAfterMs).toBeLessThanOrEqual(30_000)
      expect(yield* Ref.get(calls)).toBe(0)
      const status = yield* breaker.status
      expect(status.openedAt).toBe(0)
      expect(Math.abs((status.willResetAt ?? 0) - error.retryAfterMs)).toBeLessThanOrEqual(1)
    })
  )

  it.effect("counts failures in a row only", () =>
    Effect.gen(function* () {
      const breaker = yield* make
      for (let i = 0; i < 20; i++) {
        yield* Effect.either(breaker.protect(refused))
        if (i % 4 === 3) yield* breaker.protect(Effect.void)
      }
      expect(yield* stateOf(breaker)).toBe("closed")
    })
  )

  it.effect("takes an error that does not speak against the system for a success", () =>
    Effect.gen(function* () {
      const breaker = yield* make
      const call: Effect.Effect<never, NotFound | Refused> = Effect.fail(new NotFound())
      const isFailure = (error: NotFound | Refused) => error._tag === "Refused"
      yield* Effect.replicateEffect(Effect.either(breaker.protect(call, { isFailure })), 20)
      expect(yield* breaker.status).toMatchObject({ state: "closed", failureCount: 0 })
    })
  )

  it.effect("counts defects as failures", () =>
    Effect.gen(function* () {
      const breaker = yield* make
      yield* Effect.replicateEffect(Effect.exit(breaker.protect(Effect.die("boom"))), 5)
      expect(yield* breaker.status).toMatchObject({ state: "open", lastErrorTag: "Defect" })
    })
  )

  it.effect("is half-open once its time is over, and a probe that succeeds closes it", () =>
    Effect.gen(function* () {
      const breaker = yield* makeOpen
      yield* TestClock.adjust("30 seconds")
      expect(yield* stateOf(breaker)).toBe("half-open")
      yield* breaker.protect(Effect.void)
      expect(yield* breaker.status).toMatchObject({ state: "closed", failureCount: 0, openedAt: null })
    })
  )

  it.effect("stays open twice as long after each probe that fails, up to five minutes", () =>
    Effect.gen(function* () {
      const breaker = yield* makeOpen
      for (const expected of [60_000, 120_000, 240_000, 300_000, 300_000]) {
        yield* untilProbe
        yield* Effect.either(breaker.protect(refused))
        const { openedAt, willResetAt } = yield* breaker.status
        const openMs = (willResetAt ?? 0) - (openedAt ?? 0)
        expect(openMs).toBeLessThanOrEqual(expected)
        expect(openMs).toBeGreaterThanOrEqual(expected * 0.8 - 1)
      }
      yield* untilProbe
      yield* breaker.protect(Effect.void)
      yield* Effect.replicateEffect(Effect.either(breaker.protect(refused)), 5)
      yield* TestClock.adjust("30 seconds")
      expect(yield* stateOf(breaker)).toBe("half-open")
    })
  )

  it.effect("admits one probe at a time", () =>
    Effect.gen(function* () {
      const breaker = yield* makeOpen
      yield* untilProbe
      const answer = yield* Deferred.make<void>()
      const probe = yield* Effect.fork(breaker.protect(Deferred.await(answer)))
      yield* Effect.yieldNow()
      const others = yield* Effect.all(
        Array.from({ length: 10 }, () => Effect.either(breaker.protect(Effect.void))),
        { concurrency: "unbounded" }
      )
      expect(others.every(Either.isLeft)).toBe(true)
      yield* Deferred.succeed(answer, undefined)
      yield* Fiber.join(probe)
      expect(yield* stateOf(breaker)).toBe("closed")
    })
  )

  it.effect("gives the probe's slot back when the probe is interrupted", () =>
    Effect.gen(function* () {
      const breaker = yield* makeOpen
      yield* untilProbe
      const probe = yield* Effect.fork(breaker.protect(Effect.never))
      yield* Effect.yieldNow()
      yield* Fiber.interrupt(probe)
      expect(yield* stateOf(breaker)).toBe("half-open")
      yield* breaker.protect(Effect.void)
      expect(yield* stateOf(breaker)).toBe("closed")
    })
  )

  it.effect("learns nothing from an interrupted call", () =>
    Effect.gen(function* () {
      const breaker = yield* make
      for (let i = 0; i < 10; i++) {
        const call = yield* Effect.fork(breaker.protect(Effect.never))
        yield* Effect.yieldNow()
        yield* Fiber.interrupt(call)
      }
      expect(yield* breaker.status).toMatchObject({ state: "closed", failureCount: 0 })
    })
  )

  it.effect("learns nothing from a call that began before the state changed", () =>
    Effect.gen(function* () {
      const breaker = yield* make
      const answer = yield* Deferred.make<void>()
      const slow = yield* Effect.fork(breaker.protect(Deferred.await(answer)))
      yield* Effect.yieldNow()
      yield* Effect.replicateEffect(Effect.either(breaker.protect(refused)), 5)
      yield* Deferred.succeed(answer, undefined)
      yield* Fiber.join(slow)
      expect(yield* stateOf(breaker)).toBe("open")
    })
  )

  it.effect("stays open as long as the system asks for, within an hour", () =>
    Effect.gen(function* () {
      for (const [wished, expected] of [
        [600_000, 600_000],
        [Infinity, 3_600_000],
        [Number.NaN, 30_000],
        [-1, 30_000]
      ] as const) {
        const breaker = yield* make
        const call = Effect.fail(new Refused({ retryAfterMs: wished }))
        const protection = { retryAfterMs: (error: Refused) => error.retryAfterMs }
        yield* Effect.replicateEffect(Effect.either(breaker.protect(call, protection)), 5).pipe(
          Effect.withRandom(noJitter)
        )
        const { openedAt, willResetAt } = yield* breaker.status
        expect((willResetAt ?? 0) - (openedAt ?? 0)).toBe(expected)
      }
    })
  )

  it.effect("is half-open after a reset by hand, and only an open one changes", () =>
    Effect.gen(function* () {
      const closed = yield* make
      yield* closed.reset
      expect(yield* stateOf(closed)).toBe("closed")
      const breaker = yield* makeOpen
      yield* breaker.reset
      expect(yield* stateOf(breaker)).toBe("half-open")
      yield* Effect.either(breaker.protect(refused))
      expect(yield* stateOf(breaker)).toBe("open")
    })
  )

  it.effect("tells every transition, survives a hook that dies, and keeps the last fifty", () =>
    Effect.gen(function* () {
      const told: Array<string> = []
      const breaker = yield* CircuitBreaker.make({
        name: "source",
        failureThreshold: 1,
        onTransition: ({ from, to, reason }) =>
          Effect.sync(() => {
            told.push(`${from} -> ${to}: ${reason}`)
            throw new Error("hook")
          })
      })
      for (let i = 0; i < 30; i++) {
        yield* Effect.either(breaker.protect(refused))
        yield* breaker.reset
        yield* breaker.protect(Effect.void)
      }
      expect(told.slice(0, 3)).toEqual([
        "closed -> open: failures",
        "open -> half-open: manual-reset",
        "half-open -> closed: probe-succeeded"
      ])
      expect(told).toHaveLength(90)
      expect((yield* breaker.status).history).toHaveLength(50)
    })
  )
})
