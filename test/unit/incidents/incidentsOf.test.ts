import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { Kind, runbookOf } from "../../../src/incidents/Incident.ts"
import { type Facts, incidentsOf, MAX_STORE_IDS } from "../../../src/incidents/incidentsOf.ts"

const NOW = 10_000_000

const well: Facts = {
  now: NOW,
  convergence: { notConvergedForMs: 0, missing: 0, orphaned: 0, storeIds: [] },
  guard: null,
  openBreakers: [],
  source: { name: "auth-worker", fresh: true },
  storageHealthy: true,
  pauses: [],
  lockedDownSince: null,
  parkedMessages: 0
}
const ids = Array.from({ length: 50 }, (_, index) => `ws-${index}`)

describe("what is wrong with the server", () => {
  it("is nothing while all is well", () => {
    expect(incidentsOf(well)).toEqual([])
  })

  it.each<readonly [Kind, Partial<Facts>, Record<string, unknown>]>([
    [
      "not-converged",
      { convergence: { notConvergedForMs: 5, missing: 2, orphaned: 1, storeIds: ["ws-a"] } },
      { severity: "critical", since: NOW - 5, counts: { missing: 2, orphaned: 1 }, storeIds: ["ws-a"] }
    ],
    [
      "removal-guard",
      { guard: { planHash: "0123abcd", storeIds: ids } },
      { severity: "high", counts: { held: 50 }, storeIds: ids.slice(0, MAX_STORE_IDS) }
    ],
    ["circuit-open", { openBreakers: ["auth-worker"] }, { severity: "high", counts: { open: 1 } }],
    ["source-stale", { source: { name: "snapshot", fresh: false } }, { severity: "critical" }],
    ["storage-failing", { storageHealthy: false }, { severity: "critical" }],
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
    ["lockdown", { lockedDownSince: 9 }, { severity: "high", since: 9 }],
    ["messages-parked", { parkedMessages: 3 }, { severity: "medium", counts: { parked: 3 } }]
  ])("%s", (kind, facts, expected) => {
    const found = incidentsOf({ ...well, ...facts })
    expect(found).toHaveLength(1)
    expect(found[0]).toMatchObject({ kind, ...expected })
  })

  it("has news when a figure doubles or the plan changes, and not with each figure", () => {
    const parked = (parkedMessages: number) => incidentsOf({ ...well, parkedMessages })[0]?.fingerprint
    expect(parked(5)).toBe(parked(7))
    expect(parked(5)).not.toBe(parked(20))
    const held = (planHash: string) =>
      incidentsOf({ ...well, guard: { planHash, storeIds: ["ws-a"] } })[0]?.fingerprint
    expect(held("a")).not.toBe(held("b"))
  })

  it("leads to a section of the runbook", () => {
    const anchors = new Set(
      [...readFileSync("docs/runbook.md", "utf8").matchAll(/^#+ (\w+)$/gm)].map(([, word]) =>
        word?.toLowerCase()
      )
    )
    for (const kind of Kind.literals) {
      const [file, anchor] = runbookOf(kind).split("#")
      expect([kind, file, anchors.has(anchor)]).toEqual([kind, "docs/runbook.md", true])
    }
  })
})
