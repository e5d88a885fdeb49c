import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/TestClock"
import * as RateLimiter from "../../../src/http/RateLimiter.ts"

const rate = { count: 3, windowMs: 60_000 }

describe("a rate limiter", () => {
  it.effect("gives each source its own allowance, and says when to come back", () =>
    Effect.gen(function* () {
      let rejected = 0
      const limiter = RateLimiter.make({ rate }, () => rejected++)
      for (let index = 0; index < 3; index++) expect(yield* limiter.take("a")).toBe(0)
      expect(yield* limiter.take("a")).toBe(20_000)
      expect(yield* limiter.take("b")).toBe(0)
      yield* TestClock.adjust("20 seconds")
      expect([yield* limiter.take("a"), yield* limiter.take("a")]).toEqual([0, 20_000])
      expect(rejected).toBe(2)
    })
  )

  it.effect("shows the source that has used most, and when nothing will be used any more", () =>
    Effect.gen(function* () {
      const limiter = RateLimiter.make({ rate })
      yield* TestClock.setTime(1_000_000)
      yield* limiter.take("a")
      yield* limiter.take("b")
      yield* limiter.take("b")
      expect(yield* limiter.usage).toEqual({
        limit: 3,
        windowMs: 60_000,
        used: 2,
        resetAt: 1_040_000,
        busiest: "b",
        sources: 2,
        rejected: 0
      })
      yield* TestClock.adjust("1 minute")
      expect(yield* limiter.usage).toMatchObject({ used: 0, busiest: null, sources: 0, resetAt: 1_060_000 })
    })
  )

  it.effect("remembers a bounded number of sources: the one heard of longest ago goes first", () =>
    Effect.gen(function* () {
      const limiter = RateLimiter.make({ rate: { count: 1, windowMs: 60_000 }, capacity: 2 })
      yield* limiter.take("a")
      yield* limiter.take("b")
      yield* limiter.take("a")
      yield* limiter.take("c")
      expect((yield* limiter.usage).sources).toBe(2)
      expect(yield* limiter.take("a")).toBeGreaterThan(0)
      expect(yield* limiter.take("b")).toBe(0)
    })
  )
})
