/** The one table of checks, and that alert rules, runbook and views agree with it. */
import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { incidentKinds, type Judgement, views } from "../../../../src/orchestration/checks/Check.ts"
import { evaluate, shownIn, unwellIn, viewOf } from "../../../../src/orchestration/checks/Checks.ts"
import type { Facts } from "../../../../src/orchestration/checks/Facts.ts"
import { table } from "../../../../src/orchestration/checks/table.ts"
import { readAlertRules } from "../../../support/AlertRules.ts"
import { NOW, openBreaker, well } from "../../../support/Facts.ts"

const HOUR = 3_600_000

type Level = "healthy" | "degraded" | "unhealthy"
type Change = { readonly [Key in keyof Facts]?: Facts[Key] extends object ? Partial<Facts[Key]> : Facts[Key] }

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** The facts of a server that does well, with these changed; records are merged. */
const changed = (change: Change): Facts => {
  const before = new Map<string, unknown>(Object.entries(well))
  const merged: Record<string, unknown> = Object.fromEntries(
    Object.entries(change).map(([key, value]) => {
      const known = before.get(key)
      return [key, isRecord(value) && isRecord(known) ? { ...known, ...value } : value]
    })
  )
  return { ...well, ...merged }
}

const judged = (change: Change) => {
  const snapshot = evaluate(changed(change))
  return {
    status: snapshot.status,
    unwell: snapshot.results
      .filter(({ status }) => status !== "ok")
      .map(({ check: { name }, status }) => [name, status])
  }
}

describe("the checks", () => {
  it("of a server that does well are all ok, and ask for nothing to be done", () => {
    const { results, status } = evaluate(well)
    expect(status).toBe("healthy")
    for (const { check, next, since, status: one } of results) {
      expect([check.name, one, next, since]).toEqual([check.name, "ok", null, null])
    }
  })

  it.each<readonly [string, Change, Judgement, Level]>([
    ["convergence", { convergence: { missing: 1, notConvergedForMs: 1 } }, "warn", "degraded"],
    ["convergence", { convergence: { missing: 1, notConvergedForMs: 600_000 } }, "fail", "degraded"],
    ["opening", { opening: { opened: 37, total: 100, etaMs: 12_000 } }, "warn", "healthy"],
    ["failing-stores", { stores: { failing: 1, failingIds: ["ws-a"] } }, "warn", "degraded"],
    ["failing-stores", { stores: { error: 1 } }, "warn", "degraded"],
    ["queue", { queue: { depth: 50, oldestMs: 0 } }, "warn", "healthy"],
    ["queue", { queue: { depth: 100, oldestMs: 0 } }, "fail", "degraded"],
    ["queue", { queue: { depth: 1, oldestMs: 300_000 } }, "fail", "degraded"],
    [
      "removal-guard",
      { guard: { tripped: true, planHash: "0123abcd", storeIds: ["a"] } },
      "fail",
      "degraded"
    ],
    ["pauses", { pauses: [{ storeId: null, since: 3 }] }, "warn", "degraded"],
    ["pauses", { pauses: [{ storeId: "ws-a", since: 3 }] }, "warn", "degraded"],
    ["lockdown", { lockdown: { since: 9, actor: "ada" } }, "fail", "degraded"],
    [
      "sync-backend",
      { stores: { connected: 0, disconnected: 0, unheardSince: NOW - 1 } },
      "fail",
      "degraded"
    ],
    [
      "sync-backend",
      { stores: { connected: 0, connecting: 10, everHeard: false, unheardSince: NOW - 15_000 } },
      "fail",
      "degraded"
    ],
    ["disconnected-stores", { stores: { connected: 9, disconnected: 1 } }, "warn", "healthy"],
    ["disconnected-stores", { stores: { connected: 5, disconnected: 5 } }, "fail", "degraded"],
    ["waiting-messages", { messages: { pending: 1, oldestOpenAt: NOW - 60_000 } }, "warn", "healthy"],
    ["waiting-messages", { messages: { pending: 1, oldestOpenAt: NOW - 600_000 } }, "fail", "degraded"],
    ["parked-messages", { messages: { parked: 1 } }, "warn", "healthy"],
    ["parked-messages", { messages: { parked: 100 } }, "fail", "degraded"],
    ["message-handler", { messages: { pending: 1, errorRate: 0.5 } }, "warn", "healthy"],
    ["reconciler", { reconciler: { disabled: { because: "no-token", reason: "x" } } }, "fail", "degraded"],
    ["reconciler", { reconciler: { disabled: { because: "no-source", reason: "x" } } }, "fail", "degraded"],
    ["loop", { reconciler: { sinceRunBeganMs: 900_001 } }, "fail", "unhealthy"],
    ["source", { source: { name: "snapshot" } }, "warn", "degraded"],
    ["source", { source: { fresh: false } }, "fail", "degraded"],
    ["source", { source: { error: { code: "X", message: "y" } } }, "warn", "degraded"],
    ["source", { source: { name: "none", fresh: false, ageMs: null } }, "fail", "degraded"],
    ["circuit-breakers", { breakers: [openBreaker("auth-worker")] }, "fail", "degraded"],
    ["runs", { day: { runs: { completed: 10, failed: 6 } } }, "fail", "healthy"],
    ["runs", { day: { reconciles: { done: 99, failed: 1 } } }, "warn", "healthy"],
    ["state", { state: { healthy: false, error: "disk full" } }, "fail", "unhealthy"],
    ["audit-chain", { state: { auditIntact: false } }, "fail", "degraded"],
    ["disk", { machine: { disk: { freeBytes: 1e9, totalBytes: 10e9 } } }, "fail", "healthy"],
    ["memory", { machine: { memoryRatio: 0.8 } }, "warn", "healthy"],
    ["memory", { machine: { memoryRatio: 0.9 } }, "fail", "degraded"],
    ["event-loop", { machine: { eventLoopDelayMs: 1_000 } }, "warn", "healthy"],
    ["backup", { newestBackupAgeMs: 48 * HOUR }, "warn", "healthy"],
    ["telemetry", { machine: { logLinesDropped: 1 } }, "warn", "healthy"],
    ["telemetry", { machine: { telemetryDropped: 1 } }, "warn", "healthy"],
    [
      "notifications",
      { notifications: { configured: true, pending: 1, lastError: "401" } },
      "warn",
      "healthy"
    ],
    ["webhooks", { webhooks: { configured: false } }, "warn", "healthy"],
    ["webhooks", { webhooks: { rejections: 100 } }, "warn", "healthy"],
    ["errors", { day: { errors: 10 } }, "warn", "healthy"],
    ["secrets", { oldestSecret: { variable: "X", ageMs: 90 * 24 * HOUR } }, "fail", "healthy"]
  ])("%s sees %j and says %s; the server is %s", (name, change, level, status) => {
    expect(judged(change)).toEqual({ status, unwell: [[name, level]] })
  })

  it("hold a reconciler that was switched off, or replaced by STORE_IDS, against no server", () => {
    for (const [because, pinned] of [
      ["switched-off", 0],
      ["no-source", 1]
    ] as const) {
      expect(judged({ reconciler: { disabled: { because, reason: "x" }, pinned } }).unwell).toEqual([])
    }
  })

  it("give a store that was just opened time to connect before the backend is said to be dead", () => {
    const stores = { connected: 0, connecting: 10, everHeard: false, unheardSince: NOW - 14_999 }
    expect(judged({ stores }).unwell).toEqual([])
  })

  it("say since when: what the facts know, else since it was first seen", () => {
    const paused = evaluate(changed({ pauses: [{ storeId: null, since: 3 }] }))
    expect(paused.results.find(({ check: { name } }) => name === "pauses")?.since).toBe(3)
    const facts = changed({ machine: { memoryRatio: 0.95 } })
    const before = new Map([["memory", NOW - 5_000]])
    expect(evaluate(facts, before).results.find(({ check: { name } }) => name === "memory")?.since).toBe(
      NOW - 5_000
    )
    expect(evaluate(facts).results.find(({ check: { name } }) => name === "memory")?.since).toBe(NOW)
  })

  it("say so where the clock was set back, rather than an age that is none", () => {
    const { results } = evaluate(
      changed({ source: { name: "snapshot", fresh: false, ageMs: Infinity }, newestBackupAgeMs: -HOUR })
    )
    for (const name of ["source", "backup"]) {
      expect(results.find(({ check }) => check.name === name)?.found).toContain("look at this server's clock")
    }
  })

  it("advise no run by hand while the source cannot be read", () => {
    const facts = changed({
      source: { fresh: false, error: { code: "DirectoryUnavailable", message: "The directory answers 500" } },
      breakers: [openBreaker("auth-worker")],
      convergence: { notConvergedForMs: 700_000 }
    })
    for (const { next } of evaluate(facts).results) expect(next ?? "").not.toContain("wso reconcile")
  })
})

describe("the table", () => {
  it("names each check once, in kebab-case", () => {
    const names = table.map(({ name }) => name)
    expect(new Set(names).size).toBe(names.length)
    for (const name of names) expect(name).toMatch(/^[a-z]+(-[a-z]+)*$/)
  })

  it("has each check in every view, or says why it is not there", () => {
    const { results } = evaluate(well)
    for (const view of views) {
      const shown = new Set(shownIn(view, { results }).map(({ check: { name } }) => name))
      for (const { leftOut, name } of table) {
        if (shown.has(name)) continue
        expect([view, name, (leftOut[view] ?? "").length > 10]).toEqual([view, name, true])
      }
    }
    // The places where a person looks first leave nothing out.
    for (const view of ["health", "status", "doctor", "chat"] as const) {
      expect(shownIn(view, { results })).toHaveLength(table.length)
    }
  })

  it("leaves a check out of the incidents exactly where it says why it has none", () => {
    for (const { incident, leftOut, name } of table) {
      expect([name, leftOut.incidents]).toEqual([name, "none" in incident ? incident.none : undefined])
    }
  })

  it("has each kind of incident once", () => {
    const kinds = table.flatMap(({ incident }) => ("kind" in incident ? [incident.kind] : []))
    expect(kinds.toSorted()).toEqual([...incidentKinds].sort())
  })

  it("names alert rules that exist, of the severity of its incident, or says why there is none", () => {
    const rules = new Map(
      readAlertRules().flatMap(({ kind, name, text }) => (kind === "alert" ? [[name, text] as const] : []))
    )
    for (const { alerts, name } of table) {
      if ("none" in alerts) expect([name, alerts.none.length > 10]).toEqual([name, true])
      else {
        expect([name, alerts.length > 0]).toEqual([name, true])
        for (const alert of alerts) expect([name, alert, rules.has(alert)]).toEqual([name, alert, true])
      }
    }
  })

  it("leads from each alert about this server's own judgement back to a check", () => {
    const known = new Set(table.flatMap(({ alerts }) => ("none" in alerts ? [] : alerts)))
    /** Alerts about what only Prometheus sees: rates, and whether the server answers at all. */
    const ofPrometheus = new Set([
      "WsoDown",
      "WsoProvisionSlow",
      "WsoRateLimitNear",
      "WsoWebhookAbuse",
      "WsoWorkStuck",
      "WsoWorkerDefect",
      "WsoHttpSlow",
      "WsoOpenFilesHigh",
      "WsoRetryRateHigh"
    ])
    for (const { kind, name } of readAlertRules()) {
      if (kind === "alert") expect([name, known.has(name) || ofPrometheus.has(name)]).toEqual([name, true])
    }
  })

  it("leads to a section of the runbook, whose table of checks has each", () => {
    const runbook = readFileSync("docs/runbook.md", "utf8")
    const anchors = new Set(
      [...runbook.matchAll(/^#+ (.+)$/gm)].map(([, title = ""]) =>
        title
          .toLowerCase()
          .replaceAll(/[^\w -]/g, "")
          .replaceAll(" ", "-")
      )
    )
    for (const { name, runbook: anchor } of table) {
      expect([name, anchor, anchors.has(anchor)]).toEqual([name, anchor, true])
      expect([name, runbook.includes(`| \`${name}\``)]).toEqual([name, true])
    }
  })

  it("is shown to others without a time that does not exist", () => {
    const snapshot = evaluate(changed({ pauses: [{ storeId: null, since: Infinity }] }))
    expect(unwellIn("status", snapshot).map(viewOf)).toMatchObject([{ name: "pauses", since: null }])
  })
})
