/** A workspace whose id cannot be opened is that workspace's trouble, and of no other (law 4). */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as TestClock from "effect/TestClock"
import * as fc from "fast-check"
import { Administration } from "../../../src/orchestration/Administration.ts"
import { Operations } from "../../../src/orchestration/Operations.ts"
import { WorkspaceOrchestrator } from "../../../src/orchestration/WorkspaceOrchestrator.ts"
import { WorkspaceReconciler } from "../../../src/orchestration/WorkspaceReconciler.ts"
import { idsOf, unsupportedReason } from "../../../src/workspaces/Rows.ts"
import { makeWorld } from "../../support/World.ts"

const settle = TestClock.adjust(10)

describe("a workspace whose id cannot be opened", () => {
  it.effect("is shown with the reason, never opened, and is neither drift nor missing", () => {
    const world = makeWorld({ workspaces: ["ws-a"] })
    return Effect.gen(function* () {
      const operations = yield* Operations
      const administration = yield* Administration
      const orchestrator = yield* WorkspaceOrchestrator
      world.directory.lie(() => ({
        ...world.directory.listing(),
        unsupported: new Map([["my team", "has other characters than letters, digits, _ and -"]])
      }))
      yield* (yield* WorkspaceReconciler).start
      yield* settle
      expect(orchestrator.listMonitored()).toEqual(["ws-a"])
      expect(yield* operations.health).toMatchObject({
        convergence: {
          converged: true,
          desiredCount: 1,
          driftCount: 0,
          missing: [],
          unsupportedCount: 1,
          unsupported: [{ instanceId: "my team" }]
        }
      })
      const stores = yield* operations.stores({
        limit: Option.none(),
        cursor: Option.none(),
        status: Option.none()
      })
      expect(stores).toMatchObject({ stores: [{ id: "ws-a" }], unsupported: [{ instanceId: "my team" }] })
      const explanation = yield* administration.explain("my team")
      expect(explanation.monitored).toBe(false)
      expect(explanation.summary).toContain("not supported: its id has other characters")

      world.directory.heal()
      world.directory.create("ws-b")
      yield* TestClock.adjust(66_000)
      expect(orchestrator.listMonitored()).toEqual(["ws-a", "ws-b"])
      expect(yield* operations.health).toMatchObject({ convergence: { unsupportedCount: 0 } })
      expect(Either.isLeft(yield* Effect.either(administration.explain("my team")))).toBe(true)
    }).pipe(Effect.provide(world.layer))
  })

  it.effect("comes and goes by the changes feed as well, which goes on", () => {
    const world = makeWorld({ workspaces: ["ws-a"] })
    return Effect.gen(function* () {
      const operations = yield* Operations
      const reconciler = yield* WorkspaceReconciler
      world.directory.setFeatures("revision", "changes")
      yield* reconciler.start
      yield* settle
      world.directory.create("my team")
      world.directory.create("ws-b")
      yield* reconciler.nudge("ws-b")
      expect(yield* operations.health).toMatchObject({
        convergence: { converged: true, desiredCount: 2, unsupportedCount: 1 }
      })
      world.directory.remove("my team")
      yield* reconciler.nudge("ws-b")
      expect(yield* operations.health).toMatchObject({ convergence: { unsupportedCount: 0 } })
    }).pipe(Effect.provide(world.layer))
  })

  it("is told apart from every other row, whatever else the rows say", () => {
    const row = fc.record(
      {
        instanceId: fc.oneof(
          fc.stringMatching(/^[a-zA-Z0-9][a-zA-Z0-9_-]{2,63}$/),
          fc.string({ minLength: 1, unit: "binary" })
        ),
        userId: fc.jsonValue({ maxDepth: 1 }),
        name: fc.jsonValue({ maxDepth: 1 }),
        createdAt: fc.jsonValue({ maxDepth: 1 })
      },
      { requiredKeys: ["instanceId"] }
    )
    fc.assert(
      fc.property(fc.array(row, { maxLength: 10 }), (rows) => {
        const { ids, unsupported } = Effect.runSync(idsOf(rows))
        expect(ids).toEqual(
          rows.map(({ instanceId }) => instanceId).filter((id) => unsupportedReason(id) === undefined)
        )
        expect(ids.length + unsupported.length).toBe(rows.length)
      }),
      { numRuns: 50 }
    )
  })
})
