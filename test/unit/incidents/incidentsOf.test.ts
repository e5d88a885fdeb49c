import { describe, expect, it } from "vitest"
import { Kind, runbookOf } from "../../../src/incidents/Incident.ts"
import { incidentsOf } from "../../../src/incidents/incidentsOf.ts"
import { evaluate } from "../../../src/orchestration/checks/Checks.ts"
import type { Facts } from "../../../src/orchestration/checks/Facts.ts"
import { NOW, openBreaker, well } from "../../support/Facts.ts"

const ids = Array.from({ length: 50 }, (_, index) => `ws-${index}`)

const of = (change: Partial<Facts>) => incidentsOf(evaluate({ ...well, ...change }))

describe("what is wrong with the server", () => {
  it("is nothing while all is well", () => {
    expect(of({})).toEqual([])
  })

  it.each<readonly [Kind, Partial<Facts>, Record<string, unknown>]>([
    [
      "not-converged",
      {
        convergence: {
          ...well.convergence,
          notConvergedForMs: 600_000,
          missing: 2,
          orphaned: 1,
          storeIds: ["ws-a"]
        }
      },
      { severity: "critical", since: NOW - 600_000, counts: { missing: 2, orphaned: 1 }, storeIds: ["ws-a"] }
    ],
    [
      "removal-guard",
      { guard: { tripped: true, planHash: "0123abcd", storeIds: ids } },
      { severity: "high", counts: { held: 50 }, storeIds: ids.slice(0, 20) }
    ],
    ["circuit-open", { breakers: [openBreaker("auth-worker")] }, { severity: "high", counts: { open: 1 } }],
    ["source-stale", { source: { ...well.source, fresh: false } }, { severity: "critical" }],
    ["storage-failing", { state: { ...well.state, healthy: false } }, { severity: "critical" }],
    [
      "paused",
      {
        pauses: [
          { storeId: "ws-a", since: 7 },
          { storeId: null, since: 3 }
        ]
      },
      { severity: "medium", since: 3, counts: { loop: 1, workspaces: 1 }, storeIds: ["ws-a"] }
    ],
    ["lockdown", { lockdown: { since: 9, actor: "ada" } }, { severity: "high", since: 9 }],
    [
      "messages-parked",
      { messages: { ...well.messages, parked: 3 } },
      { severity: "medium", counts: { parked: 3 } }
    ],
    [
      "sync-backend",
      { stores: { ...well.stores, connected: 0, unheardSince: NOW - 30_000 } },
      { severity: "critical", since: NOW - 30_000 }
    ]
  ])("%s", (kind, facts, expected) => {
    const found = of(facts)
    expect(found).toHaveLength(1)
    expect(found[0]).toMatchObject({ kind, ...expected })
    expect(found[0]?.summary).toMatch(/^[A-Z].+ Next: .+\.$/)
  })

  it("has news when a figure doubles or the plan changes, and not with each figure", () => {
    const parked = (many: number) => of({ messages: { ...well.messages, parked: many } })[0]?.fingerprint
    expect(parked(5)).toBe(parked(7))
    expect(parked(5)).not.toBe(parked(20))
    const held = (planHash: string) =>
      of({ guard: { tripped: true, planHash, storeIds: ["ws-a"] } })[0]?.fingerprint
    expect(held("a")).not.toBe(held("b"))
  })

  it("leads to a section of the runbook", () => {
    for (const kind of Kind.literals) expect(runbookOf(kind)).toMatch(/^docs\/runbook\.md#[a-z-]+$/)
  })
})
