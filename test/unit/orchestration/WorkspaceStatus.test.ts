import * as DateTime from "effect/DateTime"
import { describe, expect, it } from "vitest"
import { observe, unobserved, view } from "../../../src/orchestration/WorkspaceStatus.ts"

const fine = {
  desired: "Present",
  monitored: true,
  synced: true,
  blocked: null,
  lastError: null,
  revision: "7"
} as const

const early = 1_000
const late = 2_000

const conditionOf = (type: string, status: ReturnType<typeof view>) =>
  status.conditions.find((condition) => condition.type === type)
const sinceOf = (type: string, status: ReturnType<typeof view>) => {
  const condition = conditionOf(type, status)
  return condition === undefined ? undefined : DateTime.toEpochMillis(condition.lastTransitionTime)
}

describe("the status of a workspace", () => {
  it("has no condition before anything was observed", () => {
    expect(view(unobserved, null)).toMatchObject({ observedAt: null, conditions: [] })
  })

  it("has each condition once, with the revision that was looked at", () => {
    const { conditions, observedAt } = view(observe(unobserved, { ...fine, now: early }), null)
    expect(observedAt).toBe(early)
    expect(conditions.map(({ observedRevision, status, type }) => [type, status, observedRevision])).toEqual([
      ["Desired", "True", "7"],
      ["Monitored", "True", "7"],
      ["Synced", "True", "7"]
    ])
  })

  it("keeps the time of a condition while its status stays, and takes over reason and revision", () => {
    const before = observe(unobserved, { ...fine, monitored: false, now: early })
    const lastError = { code: "StoreOpen_timeout", message: "too slow", at: late }
    const after = view(
      observe(before, { ...fine, monitored: false, lastError, revision: "8", now: late }),
      null
    )
    expect(sinceOf("Monitored", after)).toBe(early)
    expect(conditionOf("Monitored", after)).toMatchObject({
      reason: "StoreOpenTimeout",
      message: "too slow",
      observedRevision: "8"
    })
  })

  it("moves the time of the condition that changes, to Unknown as well, and of no other", () => {
    const before = observe(unobserved, { ...fine, now: early })
    const after = view(observe(before, { ...fine, synced: null, now: late }), null)
    expect(sinceOf("Synced", after)).toBe(late)
    expect(conditionOf("Synced", after)?.status).toBe("Unknown")
    expect(sinceOf("Desired", after)).toBe(early)
  })

  it("does not know what is desired once the snapshot is stale", () => {
    const stale = view(observe(unobserved, { ...fine, now: early }), late)
    expect(conditionOf("Desired", stale)).toMatchObject({ status: "Unknown", reason: "SnapshotStale" })
    expect(sinceOf("Desired", stale)).toBe(late)
    expect(conditionOf("Monitored", stale)?.status).toBe("True")
  })
})
