import { describe, expect, it } from "@effect/vitest"
import fc from "fast-check"
import { isDeeperThan } from "../../../src/http/JsonDepth.ts"

const depthOf = (value: unknown): number =>
  typeof value === "object" && value !== null
    ? 1 + Math.max(0, ...Object.values(value).map((inner) => depthOf(inner)))
    : 0

describe("the depth of JSON", () => {
  it("is told from the bytes exactly as from the value, whatever its strings contain", () => {
    const string = fc.oneof(fc.string(), fc.constantFrom('[[["', "\\", '\\"[', "{{{", '"'))
    fc.assert(
      fc.property(fc.object({ key: string, values: [string, fc.integer()], maxDepth: 8 }), (value) => {
        const bytes = Buffer.from(JSON.stringify(value))
        const depth = depthOf(value)
        expect(isDeeperThan(bytes, depth)).toBe(false)
        expect(isDeeperThan(bytes, depth - 1)).toBe(true)
      })
    )
  })

  it("is told of a million brackets", () => {
    expect(isDeeperThan(Buffer.alloc(1_000_000, "["), 32)).toBe(true)
  })
})
