import { describe, expect, it } from "@effect/vitest"
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import fc from "fast-check"
import { WorkspaceEvent } from "../../../src/http/api/WebhooksApi.ts"
import { describeIssue } from "../../../src/http/Expectation.ts"

const described = (value: unknown): string | undefined => {
  const result = Schema.decodeUnknownEither(WorkspaceEvent, { errors: "all" })(value)
  return Either.isLeft(result) ? describeIssue(result.left.issue, "the body") : undefined
}

describe("the description of a wrong input", () => {
  it("names every place and what belongs there", () => {
    expect(described({ instanceId: "x", userId: 7, timestamp: "2025-02-10T20:15:00.000Z" })).toBe(
      "event is missing; instanceId must be a workspace id: 3 to 64 letters, digits, _ and -, beginning with a letter or digit; userId must be a text of 1 to 256 characters."
    )
    expect(described([])).toBe("the body must be a JSON object.")
  })

  it("never contains what was there, and never grows with it", () => {
    const marked = fc.anything().map((value) => ({ "evil-key": value, evil: "evil-value" }))
    const field = fc.oneof(fc.constant("evil-value"), fc.constant(["evil-value"]), marked, fc.integer())
    const body = fc.oneof(
      fc.record(
        { event: field, instanceId: field, userId: marked, timestamp: field, further: field },
        { requiredKeys: [] }
      ),
      marked,
      fc.constant("evil-value")
    )
    fc.assert(
      fc.property(body, (value) => {
        const text = described(value) ?? ""
        expect(text).not.toContain("evil")
        expect(text.length).toBeLessThan(600)
      })
    )
  })
})
