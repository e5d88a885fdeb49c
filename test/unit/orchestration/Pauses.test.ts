/** A pause ends when its time has passed, whatever a wall clock that is set says. */
import { describe, expect, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/TestClock"
import * as Pauses from "../../../src/orchestration/Pauses.ts"
import { layerMemory, type Pause } from "../../../src/orchestration/StateStore.ts"
import { settableClock } from "../../support/SettableClock.ts"

const HOUR_MS = 3_600_000

describe("a pause of five seconds", () => {
  const pauseNow = (storeId: string) =>
    Effect.map(Clock.currentTimeMillis, (since): Pause => ({
      storeId,
      reason: "test",
      actor: "test",
      since,
      expiresAt: since + 5_000
    }))

  it.effect("ends after five seconds, though the clock is set back by two hours", () =>
    Effect.gen(function* () {
      const { clock, set } = yield* settableClock
      yield* Effect.gen(function* () {
        const pauses = yield* Pauses.make
        yield* pauses.pause(yield* pauseNow("one"))
        set(-2 * HOUR_MS)
        yield* TestClock.adjust("4 seconds")
        expect(pauses.holding("one")).toBeDefined()
        yield* TestClock.adjust("1 second")
        expect(pauses.holding("one")).toBeUndefined()
        expect(pauses.list()).toEqual([])
        // And over a restart: what began in the future is long past.
        const again = yield* pauseNow("two")
        yield* pauses.pause(again)
        set(-2 * HOUR_MS)
        expect((yield* Pauses.make).holding("two")).toBeUndefined()
      }).pipe(Effect.withClock(clock))
    }).pipe(Effect.provide(layerMemory))
  )
})
