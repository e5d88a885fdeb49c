import * as DateTime from "effect/DateTime"
import * as Schema from "effect/Schema"
import { describe, expect, it } from "vitest"
import { Condition, makeCondition, MAX_MESSAGE_LENGTH } from "../../../src/controller/Conditions.ts"

const early = DateTime.unsafeMake("2025-01-01T00:00:00Z")

const ready = {
  type: "Ready",
  status: "True",
  reason: "AllGood",
  message: "All is well.",
  observedRevision: "7"
} as const

describe("makeCondition", () => {
  it("says since when the status holds", () => {
    expect(makeCondition(ready, DateTime.toEpochMillis(early))).toEqual({
      ...ready,
      lastTransitionTime: early
    })
  })

  it("cuts a message that is too long", () => {
    const { message } = makeCondition({ ...ready, message: "x".repeat(100_000) }, 0)
    expect(message).toHaveLength(MAX_MESSAGE_LENGTH)
  })
})

describe("Condition", () => {
  it("is written in the shape of Kubernetes and read back", () => {
    const condition = makeCondition(ready, DateTime.toEpochMillis(early))
    const json = Schema.encodeSync(Condition)(condition)
    expect(json).toEqual({ ...ready, lastTransitionTime: "2025-01-01T00:00:00.000Z" })
    expect(Schema.decodeSync(Condition)(json)).toEqual(condition)
  })

  it.each(["all good", "allGood", ""])("refuses %j as a reason", (reason) => {
    const json = { ...ready, reason, lastTransitionTime: "2025-01-01T00:00:00.000Z" }
    expect(() => Schema.decodeSync(Condition)(json)).toThrow()
  })
})
