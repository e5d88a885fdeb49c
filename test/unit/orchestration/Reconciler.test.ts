import { it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/TestClock"
import { describe, expect } from "vitest"
import { WorkspaceOrchestrator } from "../../../src/orchestration/WorkspaceOrchestrator.ts"
import { WorkspaceReconciler } from "../../../src/orchestration/WorkspaceReconciler.ts"
import { makeWorld } from "../../support/World.ts"

const INTERVAL_MS = 60_000

describe("WorkspaceReconciler", () => {
  it.effect("started twice is one loop, and stopped asks the source no more", () => {
    const world = makeWorld({ workspaces: ["ws-a"], intervalMs: INTERVAL_MS })
    return Effect.gen(function* () {
      const reconciler = yield* WorkspaceReconciler
      yield* reconciler.start
      yield* reconciler.start
      yield* TestClock.adjust(10)
      expect(world.directory.calls.list).toBe(1)
      // The interval varies by a tenth: ten of them have nine to eleven resyncs.
      yield* TestClock.adjust(10 * INTERVAL_MS)
      expect(world.directory.calls.list).toBeGreaterThan(9)
      expect(world.directory.calls.list).toBeLessThan(13)
      yield* reconciler.stop
      const asked = world.directory.calls.list
      yield* TestClock.adjust(10 * INTERVAL_MS)
      expect(world.directory.calls.list).toBe(asked)
    }).pipe(Effect.provide(world.layer))
  })

  it.effect("opens and closes stores without a write to process.env", () => {
    const world = makeWorld({ workspaces: ["ws-a", "ws-b"], confirmations: 1 })
    const original = process.env
    const writes: Array<string | symbol> = []
    process.env = new Proxy(original, {
      set: (_target, key) => {
        writes.push(key)
        return false
      }
    })
    return Effect.gen(function* () {
      const reconciler = yield* WorkspaceReconciler
      const orchestrator = yield* WorkspaceOrchestrator
      yield* reconciler.start
      yield* TestClock.adjust(10)
      expect(orchestrator.listMonitored()).toEqual(["ws-a", "ws-b"])
      world.directory.remove("ws-b")
      yield* TestClock.adjust(2 * INTERVAL_MS)
      expect(orchestrator.listMonitored()).toEqual(["ws-a"])
      expect(writes).toEqual([])
    }).pipe(
      Effect.provide(world.layer),
      Effect.ensuring(
        Effect.sync(() => {
          process.env = original
        })
      )
    )
  })
})
