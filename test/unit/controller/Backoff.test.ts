import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as Backoff from "../../../src/controller/Backoff.ts"

const policies = fc.record({
  baseMs: fc.integer({ min: 1, max: 10_000 }),
  maxMs: fc.integer({ min: 10_000, max: 1_000_000 }),
  jitter: fc.double({ min: 0, max: 1, noNaN: true })
})
const failures = fc.integer({ min: 1, max: 5_000 })
const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })

describe("Backoff", () => {
  it("doubles from the base to the maximum when there is no jitter", () => {
    const policy = { baseMs: 1_000, maxMs: 10_000, jitter: 0 }
    expect([1, 2, 3, 4, 5, 6].map((n) => Backoff.delayMs(policy, n, 0.5))).toEqual([
      1_000, 2_000, 4_000, 8_000, 10_000, 10_000
    ])
  })

  it("stays within the jitter below the exponential, after any number of failures", () => {
    fc.assert(
      fc.property(policies, failures, random, (policy, n, r) => {
        const delay = Backoff.delayMs(policy, n, r)
        const ceiling = Backoff.delayMs({ ...policy, jitter: 0 }, n, r)
        expect(ceiling).toBeLessThanOrEqual(policy.maxMs)
        expect(delay).toBeLessThanOrEqual(ceiling)
        expect(delay).toBeGreaterThanOrEqual(ceiling * (1 - policy.jitter) - 1e-6)
        expect(Number.isSafeInteger(delay)).toBe(true)
      })
    )
  })

  it("never shrinks with one more failure and the same luck", () => {
    fc.assert(
      fc.property(policies, failures, random, (policy, n, r) => {
        expect(Backoff.delayMs(policy, n + 1, r)).toBeGreaterThanOrEqual(Backoff.delayMs(policy, n, r))
      })
    )
  })

  it("parts keys that failed together", () => {
    const delays = new Set([0, 0.25, 0.5, 0.75].map((r) => Backoff.delayMs(Backoff.defaultPolicy, 3, r)))
    expect(delays.size).toBe(4)
  })
})
