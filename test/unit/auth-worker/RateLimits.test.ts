import { it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/TestClock"
import { describe, expect } from "vitest"
import { make } from "../../../src/auth-worker/RateLimits.ts"

describe("a rate limit", () => {
  it.effect("gives each caller its requests, and one back whenever its share of the minute is over", () =>
    Effect.gen(function* () {
      const limits = make()
      const allowed = (caller: string) => Effect.isSuccess(limits.take(caller, 3))
      expect(yield* Effect.all(Array.from({ length: 4 }, () => allowed("alice")))).toEqual([
        true,
        true,
        true,
        false
      ])
      expect(yield* allowed("bob")).toBe(true)
      const refusal = yield* Effect.flip(limits.take("alice", 3))
      expect([refusal.code, refusal.retryAfterSeconds]).toEqual(["RATE_LIMITED", 20])
      yield* TestClock.adjust("20 seconds")
      expect(yield* Effect.all([allowed("alice"), allowed("alice")])).toEqual([true, false])
      yield* TestClock.adjust("1 hour")
      expect(yield* Effect.all(Array.from({ length: 4 }, () => allowed("alice")))).toEqual([
        true,
        true,
        true,
        false
      ])
    })
  )

  it.effect("forgets who was not seen for longest when there are too many", () =>
    Effect.gen(function* () {
      const limits = make()
      const allowed = (caller: string) => Effect.isSuccess(limits.take(caller, 1))
      yield* allowed("first")
      yield* allowed("second")
      for (let count = 0; count < 9_998; count++) yield* allowed(`caller ${count}`)
      expect(yield* allowed("second")).toBe(false)
      yield* allowed("one too many")
      expect(yield* allowed("second")).toBe(false)
      expect(yield* allowed("first")).toBe(true)
    })
  )
})
