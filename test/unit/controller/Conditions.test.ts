import * as DateTime from "effect/DateTime"
import * as Schema from "effect/Schema"
import { describe, expect, it } from "vitest"
import { Condition, MAX_MESSAGE_LENGTH, setCondition } from "../../../src/controller/Conditions.ts"

const at = (time: string) => DateTime.unsafeMake(time)
const early = at("2025-01-01T00:00:00Z")
const late = at("2025-01-02T00:00:00Z")

const ready = {
  type: "Ready",
  status: "True",
  reason: "AllGood",
  message: "All is well.",
  observedRevision: "7"
} as const

describe("setCondition", () => {
  it("adds a condition of a new type with the time of now", () => {
    expect(setCondition([], ready, early)).toEqual([{ ...ready, lastTransitionTime: early }])
  })

  it("keeps the time while the status stays, and takes over reason, message and revision", () => {
    const before = setCondition([], ready, early)
    const after = setCondition(
      before,
      { ...ready, reason: "StillGood", message: "Yes.", observedRevision: "8" },
      late
    )
    expect(after).toEqual([
      { ...ready, reason: "StillGood", message: "Yes.", observedRevision: "8", lastTransitionTime: early }
    ])
  })

  it("moves the time when the status changes, to Unknown as well", () => {
    const before = setCondition([], ready, early)
    const after = setCondition(before, { ...ready, status: "Unknown", reason: "Stale" }, late)
    expect(after[0]?.lastTransitionTime).toEqual(late)
  })

  it("keeps one condition of each type, in order, and the others untouched", () => {
    const synced = { ...ready, type: "Synced" }
    const before = setCondition(setCondition([], ready, early), synced, early)
    const after = setCondition(before, { ...ready, status: "False", reason: "Broken" }, late)
    expect(after.map(({ type }) => type)).toEqual(["Ready", "Synced"])
    expect(after[1]).toBe(before[1])
    expect(before[0]?.status).toBe("True")
  })

  it("cuts a message that is too long", () => {
    const [condition] = setCondition([], { ...ready, message: "x".repeat(100_000) }, early)
    expect(condition?.message).toHaveLength(MAX_MESSAGE_LENGTH)
  })
})

describe("Condition", () => {
  it("is written in the shape of Kubernetes and read back", () => {
    const [condition] = setCondition([], ready, early)
    if (condition === undefined) throw new Error("no condition")
    const json = Schema.encodeSync(Condition)(condition)
    expect(json).toEqual({ ...ready, lastTransitionTime: "2025-01-01T00:00:00.000Z" })
    expect(Schema.decodeSync(Condition)(json)).toEqual(condition)
  })

  it.each(["all good", "allGood", ""])("refuses %j as a reason", (reason) => {
    const json = { ...ready, reason, lastTransitionTime: "2025-01-01T00:00:00.000Z" }
    expect(() => Schema.decodeSync(Condition)(json)).toThrow()
  })
})
