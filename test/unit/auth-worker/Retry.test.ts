import * as Option from "effect/Option"
import { describe, expect, it } from "vitest"
import { backoffMs, parseRetryAfter } from "../../../src/auth-worker/Retry.ts"

describe("the backoff between attempts", () => {
  it("doubles from its base to an hour", () => {
    expect([1, 2, 3, 4].map((failed) => backoffMs(10_000, failed))).toEqual([10_000, 20_000, 40_000, 80_000])
    expect(backoffMs(10_000, 60)).toBe(3_600_000)
  })
})

describe("Retry-After", () => {
  const now = Date.UTC(2026, 0, 1)

  it("is read as seconds or as a date, never into the past", () => {
    expect(parseRetryAfter("120", now)).toEqual(Option.some(120_000))
    expect(parseRetryAfter(" 0 ", now)).toEqual(Option.some(0))
    expect(parseRetryAfter("Thu, 01 Jan 2026 00:01:00 GMT", now)).toEqual(Option.some(60_000))
    expect(parseRetryAfter("Wed, 31 Dec 2025 00:00:00 GMT", now)).toEqual(Option.some(0))
  })

  it("is nothing when it is absent or neither", () => {
    for (const header of [null, "", "soon", "-5x"])
      expect(parseRetryAfter(header, now)).toEqual(Option.none())
  })
})
