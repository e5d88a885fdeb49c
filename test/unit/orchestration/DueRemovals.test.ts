import { describe, expect, it } from "vitest"
import * as DueRemovals from "../../../src/orchestration/DueRemovals.ts"
import type { Desired } from "../../../src/workspaces/DesiredState.ts"

const present: Desired = { _tag: "Present", pinned: false }
const proven: Desired = { _tag: "Absent", absence: { kind: "absent", confirmations: 2, since: 0 } }

/** Twenty workspaces, of which the guard lets one go in a window. */
const world = () => {
  const desired = new Map<string, Desired>()
  for (let index = 0; index < 20; index++) desired.set(`ws-${index}`, present)
  const due = DueRemovals.make({
    guard: { windowMs: 600_000, alwaysAllowed: 1, allowedRatio: 0 },
    removalConfirmations: 2,
    desired: (id) => desired.get(id) ?? { _tag: "Unknown" },
    owns: () => true,
    removable: () => desired.size,
    now: () => 0,
    recent: [],
    approved: new Map()
  })
  const says = (id: string, what: Desired) => {
    desired.set(id, what)
    due.update(id)
  }
  return { due, says }
}

describe("a removal that has begun", () => {
  it("counts until it has happened, even if the source lists the workspace again meanwhile", () => {
    const { due, says } = world()
    says("ws-0", proven)
    expect(due.holds("ws-0")).toBe(false)
    due.begins("ws-0")
    says("ws-0", present)
    says("ws-1", proven)
    expect(due.holds("ws-1")).toBe(true)
    due.happened("ws-0", 0)
    expect(due.holds("ws-1")).toBe(true)
  })

  it("counts once, while it is due as well", () => {
    const { due, says } = world()
    says("ws-0", proven)
    due.begins("ws-0")
    expect(due.holds("ws-0")).toBe(false)
    expect(due.verdict().tripped).toBe(false)
  })

  it("counts no more when it could not be made", () => {
    const { due, says } = world()
    says("ws-0", proven)
    due.begins("ws-0")
    says("ws-0", present)
    due.fails("ws-0")
    says("ws-1", proven)
    expect(due.holds("ws-1")).toBe(false)
  })

  it("does not count when somebody has approved it", () => {
    const { due, says } = world()
    says("ws-0", proven)
    says("ws-1", proven)
    const { plan } = due.verdict()
    if (plan === null) throw new Error("the guard has not tripped")
    due.approve(plan, { approvedAt: 0, expiresAt: 1_000 })
    due.begins("ws-0")
    due.begins("ws-1")
    says("ws-2", proven)
    expect(due.holds("ws-2")).toBe(false)
  })
})

describe("an approval", () => {
  it("that lies ahead, since the clock was set back, approves nothing", () => {
    const { due, says } = world()
    says("ws-0", proven)
    says("ws-1", proven)
    const { plan } = due.verdict()
    if (plan === null) throw new Error("the guard holds nothing")
    due.approve(plan, { approvedAt: 500, expiresAt: 1_000 })
    expect([due.holds("ws-0"), due.holds("ws-1")]).toEqual([true, true])
  })
})
