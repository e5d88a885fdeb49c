import { describe, expect, it } from "@effect/vitest"
import fc from "fast-check"
import { redactHealth } from "../../../src/http/HealthRedaction.ts"

const ID = "ws-secret-id"

const blocks = fc.constantFrom(
  "convergence",
  "stores",
  "processedMessages",
  "orchestrator",
  "reconciliation",
  "removalGuard",
  "queue",
  "somethingNew"
)

describe("health without names", () => {
  it("lets no workspace through from a field that it does not know", () => {
    const leaf = fc.oneof(
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
      fc.constant(ID),
      fc.constant(`about ${ID}`)
    )
    const field = fc.constantFrom("anything", "lastError", "message", "reason", "byStore", "ids", "next")
    const value = fc.letrec((tie) => ({
      value: fc.oneof(
        { depthSize: "small" },
        leaf,
        fc.array(tie("value")),
        fc.dictionary(field, tie("value"))
      ),
      // Records keyed by workspace occur under these names only.
      keyed: fc.constant({ [ID]: 1 })
    })).value
    fc.assert(
      fc.property(fc.dictionary(blocks, value), (health) => {
        expect(JSON.stringify(redactHealth(health))).not.toContain(ID)
      })
    )
    expect(
      JSON.stringify(redactHealth({ processedMessages: { byStore: { [ID]: 3 } }, [ID]: { a: 1 } }))
    ).toBe('{"processedMessages":{}}')
  })

  it("keeps counts, times and states", () => {
    const kept = {
      status: "degraded",
      storeCount: 3,
      convergence: {
        converged: false,
        lastConvergedAt: "2025-02-10T20:15:00.000Z",
        desired: { source: "snapshot" }
      },
      circuitBreakers: { "auth-worker": { state: "open", failureCount: 5 } }
    }
    expect(redactHealth(kept)).toEqual(kept)
  })

  it("shows where the dashboard is, and nothing of its query or credentials", () => {
    const url = "https://user:key@dashboards.example.com/d/wso?var-store=ws-1&token=hidden#panel"
    expect(redactHealth({ manualReconcile: { incidentDashboardUrl: url } })).toEqual({
      manualReconcile: { incidentDashboardUrl: "https://dashboards.example.com/d/wso" }
    })
  })
})
