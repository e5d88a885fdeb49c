import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/TestClock"
import * as TokenBucket from "../../../src/http/TokenBucket.ts"

describe("the token bucket", () => {
  it.effect("admits a burst, then the rate, and says how long to wait", () =>
    Effect.gen(function* () {
      const { take } = TokenBucket.make({ burst: 3, perSecond: 2 })
      const several = (count: number) => Effect.all(Array.from({ length: count }, () => take))
      expect(yield* several(4)).toEqual([0, 0, 0, 500])
      yield* TestClock.adjust("500 millis")
      expect(yield* several(2)).toEqual([0, 500])
      yield* TestClock.adjust("1 hour")
      expect(yield* several(4)).toEqual([0, 0, 0, 500])
    })
  )

  it.effect("gives nothing for a clock that goes back", () =>
    Effect.gen(function* () {
      const { take } = TokenBucket.make({ burst: 1, perSecond: 1 })
      yield* TestClock.setTime(10_000)
      expect(yield* take).toBe(0)
      yield* TestClock.setTime(5_000)
      expect(yield* take).toBe(1_000)
    })
  )
})
