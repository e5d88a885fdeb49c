import { describe, expect, it } from "vitest"
import * as Convergence from "../../../src/orchestration/Convergence.ts"
import * as Drift from "../../../src/orchestration/Drift.ts"
import type { Desired } from "../../../src/workspaces/DesiredState.ts"

/** One workspace, wanted and monitored as told, and a snapshot that is fresh until `staleFrom`. */
const makeSet = (startedAt = 0) => {
  const world = {
    isDesired: false,
    isMonitored: false,
    staleFrom: null as number | null,
    isOwned: true,
    now: 0
  }
  const desired = (): Desired => (world.isDesired ? { _tag: "Present", pinned: false } : { _tag: "Unknown" })
  const drift = Drift.make(
    desired,
    () => world.isMonitored,
    () => world.isOwned,
    () => world.now
  )
  const tracker = Convergence.track(
    drift,
    (now) => ({ fresh: world.staleFrom !== null && now <= world.staleFrom, staleFrom: world.staleFrom }),
    startedAt
  )
  const change = (now: number, to: Partial<typeof world>) => {
    Object.assign(world, to, { now })
    drift.update("ws-a")
    tracker.update(now)
  }
  return { drift, tracker, change }
}

describe("Convergence", () => {
  it("is not converged before a snapshot has been accepted, though nothing drifts", () => {
    const { tracker } = makeSet(100)
    expect(tracker.read(600)).toEqual({ converged: false, lastConvergedAt: null, notConvergedForMs: 500 })
  })

  it("is converged when nothing drifts and the snapshot is fresh", () => {
    const { tracker, change } = makeSet()
    change(100, { staleFrom: 1_000 })
    expect(tracker.read(200)).toEqual({ converged: true, lastConvergedAt: 200, notConvergedForMs: 0 })
  })

  it("counts from the moment at which a workspace began to drift", () => {
    const { tracker, change } = makeSet()
    change(100, { staleFrom: 10_000 })
    change(300, { isDesired: true })
    change(400, {})
    expect(tracker.read(1_000)).toEqual({ converged: false, lastConvergedAt: 300, notConvergedForMs: 700 })
    change(1_100, { isMonitored: true })
    expect(tracker.read(1_100)).toMatchObject({ converged: true, notConvergedForMs: 0 })
  })

  it("counts from the moment at which the snapshot grew stale, though nobody looked then", () => {
    const { tracker, change } = makeSet()
    change(100, { staleFrom: 1_000 })
    expect(tracker.read(5_000)).toEqual({
      converged: false,
      lastConvergedAt: 1_000,
      notConvergedForMs: 4_000
    })
    change(6_000, { staleFrom: 9_000 })
    expect(tracker.read(6_000)).toMatchObject({ converged: true, lastConvergedAt: 6_000 })
  })

  it("is converged up to and including the last fresh instant", () => {
    const { tracker, change } = makeSet()
    change(0, { staleFrom: 1_000 })
    expect(tracker.read(1_000).converged).toBe(true)
    expect(tracker.read(1_001)).toMatchObject({ converged: false, notConvergedForMs: 1 })
  })
})

describe("Drift", () => {
  it("tells what is missing from what is orphaned, and forgets it once both agree", () => {
    const { drift, change } = makeSet()
    change(0, { isDesired: true })
    expect([...drift.missing.keys()]).toEqual(["ws-a"])
    change(0, { isMonitored: true })
    expect(drift.size()).toBe(0)
    change(0, { isDesired: false })
    expect([...drift.orphaned.keys()]).toEqual(["ws-a"])
    expect(drift.has("ws-a")).toBe(true)
    change(0, { isMonitored: false })
    expect(drift.size()).toBe(0)
  })

  it("remembers since when a workspace drifts, however often it is looked at", () => {
    const { drift, change } = makeSet()
    change(100, { isDesired: true })
    change(500, {})
    expect(drift.missing).toEqual(new Map([["ws-a", 100]]))
    change(600, { isMonitored: true })
    change(700, { isMonitored: false })
    expect(drift.missing).toEqual(new Map([["ws-a", 700]]))
  })

  it("does not miss what another replica owns, and takes it for orphaned while it runs here", () => {
    const { drift, change } = makeSet()
    change(0, { isDesired: true, isOwned: false })
    expect(drift.size()).toBe(0)
    change(0, { isMonitored: true })
    expect([...drift.orphaned.keys()]).toEqual(["ws-a"])
  })
})
