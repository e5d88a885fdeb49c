/** Clocks that are set: what is elapsed, what is stored as a start and a duration, and what is ordered by an id. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/TestClock"
import { isOver, steadyEpochMs, stopwatch, timed } from "../../../src/controller/Elapsed.ts"
import { settableClock } from "../../support/SettableClock.ts"

const HOUR_MS = 3_600_000

describe("elapsed time", () => {
  it.effect("does not change with a wall clock that is set, back or forth", () =>
    Effect.gen(function* () {
      const { clock, set } = yield* settableClock
      yield* Effect.gen(function* () {
        const elapsedMs = yield* stopwatch
        yield* TestClock.adjust("5 seconds")
        set(-2 * HOUR_MS)
        expect(yield* elapsedMs).toBe(5_000)
        set(4 * HOUR_MS)
        expect(yield* elapsedMs).toBe(5_000)
        const fiber = yield* Effect.fork(timed(Effect.sleep("3 seconds")))
        yield* TestClock.adjust("3 seconds")
        expect((yield* Fiber.join(fiber))[0]).toBe(3_000)
      }).pipe(Effect.withClock(clock))
    })
  )
})

describe("the steady epoch", () => {
  it.effect("goes on with the time that passes, and not with a clock that is set", () =>
    Effect.gen(function* () {
      const { clock, set } = yield* settableClock
      const now = steadyEpochMs(clock)
      const before = now()
      set(-2 * HOUR_MS)
      yield* TestClock.adjust("7 seconds")
      expect(now() - before).toBe(7_000)
    })
  )
})

describe("a stored deadline", () => {
  it("is a start and a duration, and a start in the future is long past", () => {
    expect(isOver(1_000, 500, 1_499)).toBe(false)
    expect(isOver(1_000, 500, 1_500)).toBe(true)
    expect(isOver(1_000, 500, 999)).toBe(true)
  })
})
