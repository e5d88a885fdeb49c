import { describe, expect, it } from "vitest"
import { type Figures, judge, limits, worst } from "../../../src/orchestration/dailyChecks.ts"

const HOUR = 3_600_000

const well: Figures = {
  health: "healthy",
  convergence: { desired: 10, monitored: 10, drift: 0, notConvergedForMs: 0 },
  source: { name: "auth-worker", fresh: true, ageMs: 1_000 },
  reconciles: { done: 100, failed: 0 },
  queue: { depth: 0, oldestMs: 0 },
  breakers: { open: [], openings: 0 },
  errors: 0,
  disk: { freeBytes: 9e9, totalBytes: 10e9 },
  memoryRatio: 0.1,
  longestStallMs: 5,
  parkedMessages: 0,
  pauses: { loop: false, workspaces: 0 },
  guard: { tripped: false, held: 0 },
  webhookRejections: 0,
  stateError: null,
  newestBackupAgeMs: null,
  oldestSecret: { variable: "WEBHOOK_SECRET", ageMs: 1_000 }
}

const judged = (change: Partial<Figures>) =>
  judge({ ...well, ...change })
    .filter(({ status }) => status !== "ok")
    .map(({ check, status }) => [check, status])

describe("the daily checks", () => {
  it("of a server that does well are all ok, and ask for nothing to be done", () => {
    const checks = judge(well)
    expect(checks).toHaveLength(17)
    for (const { check, next, status } of checks) expect([check, status, next]).toEqual([check, "ok", null])
  })

  it("say so where the clock was set back, rather than an age that is none", () => {
    const checks = judge({
      ...well,
      source: { name: "snapshot", fresh: false, ageMs: Infinity },
      newestBackupAgeMs: -HOUR
    })
    for (const name of ["desired state", "backup"]) {
      expect(checks.find(({ check }) => check === name)?.value).toContain("look at this server's clock")
    }
  })

  it.each<readonly [string, Partial<Figures>, "warn" | "fail"]>([
    ["health", { health: "degraded" }, "warn"],
    ["health", { health: "unhealthy" }, "fail"],
    ["convergence", { convergence: { ...well.convergence, drift: 1, notConvergedForMs: 1 } }, "warn"],
    ["convergence", { convergence: { ...well.convergence, drift: 1, notConvergedForMs: 600_000 } }, "fail"],
    ["desired state", { source: { name: "snapshot", fresh: true, ageMs: 1 } }, "warn"],
    ["desired state", { source: { name: "auth-worker", fresh: false, ageMs: 1 } }, "warn"],
    ["desired state", { source: { name: "none", fresh: false, ageMs: null } }, "fail"],
    ["reconciles", { reconciles: { done: 99, failed: 1 } }, "warn"],
    ["reconciles", { reconciles: { done: 95, failed: 5 } }, "fail"],
    ["queue", { queue: { depth: 50, oldestMs: 0 } }, "warn"],
    ["queue", { queue: { depth: 100, oldestMs: 0 } }, "fail"],
    ["queue", { queue: { depth: 1, oldestMs: 300_000 } }, "fail"],
    ["circuit breakers", { breakers: { open: [], openings: 1 } }, "warn"],
    ["circuit breakers", { breakers: { open: ["auth-worker"], openings: 1 } }, "fail"],
    ["errors", { errors: limits.errors.warn }, "warn"],
    ["errors", { errors: limits.errors.fail }, "fail"],
    ["parked messages", { parkedMessages: 1 }, "warn"],
    ["pauses", { pauses: { loop: true, workspaces: 0 } }, "warn"],
    ["pauses", { pauses: { loop: false, workspaces: 2 } }, "warn"],
    ["removal guard", { guard: { tripped: true, held: 4 } }, "fail"],
    ["webhook rejections", { webhookRejections: 100 }, "warn"],
    ["disk", { disk: { freeBytes: 2e9, totalBytes: 10e9 } }, "warn"],
    ["disk", { disk: { freeBytes: 1e9, totalBytes: 10e9 } }, "fail"],
    ["disk", { disk: null }, "warn"],
    ["memory", { memoryRatio: 0.8 }, "warn"],
    ["memory", { memoryRatio: 0.95 }, "fail"],
    ["event loop", { longestStallMs: 2_000 }, "warn"],
    ["event loop", { longestStallMs: 12_000 }, "fail"],
    ["own state", { stateError: "disk is full" }, "fail"],
    ["backup", { newestBackupAgeMs: 48 * HOUR }, "warn"],
    ["secrets", { oldestSecret: { variable: "WEBHOOK_SECRET", ageMs: 80 * 24 * HOUR } }, "warn"],
    ["secrets", { oldestSecret: { variable: "WEBHOOK_SECRET", ageMs: 90 * 24 * HOUR } }, "fail"]
  ])("%s: %j is %s, and only that", (check, change, status) => {
    expect(judged(change)).toEqual([[check, status]])
  })

  it("do not judge a ratio of a few reconciles", () => {
    expect(judged({ reconciles: { done: 1, failed: 5 } })).toEqual([])
  })

  it("allow a large set a longer queue", () => {
    const convergence = { ...well.convergence, desired: 10_000 }
    expect(judged({ convergence, queue: { depth: 1_999, oldestMs: 0 } })).toEqual([])
    expect(judged({ convergence, queue: { depth: 2_000, oldestMs: 0 } })).toEqual([["queue", "warn"]])
  })

  it("say what to do wherever they are not ok", () => {
    const ill = judge({ ...well, health: "unhealthy", disk: null, parkedMessages: 3 })
    expect(ill.filter(({ next, status }) => (status === "ok") !== (next === null))).toEqual([])
  })
})

describe("the worst judgement", () => {
  it("is that of the worst check, in any order, and ok of none", () => {
    expect(worst([])).toBe("ok")
    expect(worst(["warn", "ok"])).toBe("warn")
    expect(worst(["warn", "fail", "ok"])).toBe("fail")
  })
})
