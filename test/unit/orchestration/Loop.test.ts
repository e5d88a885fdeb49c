import { it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/TestClock"
import { describe, expect } from "vitest"
import { Operations } from "../../../src/orchestration/Operations.ts"
import { WorkspaceController } from "../../../src/orchestration/WorkspaceController.ts"
import { WorkspaceOrchestrator } from "../../../src/orchestration/WorkspaceOrchestrator.ts"
import { WorkspaceReconciler } from "../../../src/orchestration/WorkspaceReconciler.ts"
import { DirectoryUnavailable } from "../../../src/workspaces/DirectoryError.ts"
import { makeWorld } from "../../support/World.ts"

/** Lets everything that can happen now happen. */
const settle = TestClock.adjust(10)

describe("the loop", () => {
  it.effect("monitors what the source lists, and nothing else", () => {
    const world = makeWorld({ workspaces: ["ws-a", "ws-b"] })
    return Effect.gen(function* () {
      const reconciler = yield* WorkspaceReconciler
      const orchestrator = yield* WorkspaceOrchestrator
      yield* reconciler.start
      yield* settle
      expect(orchestrator.listMonitored()).toEqual(["ws-a", "ws-b"])
      expect(world.backend.claimed()).toHaveLength(2)
    }).pipe(Effect.provide(world.layer))
  })

  it.effect("a lost webhook is repaired by the resync", () => {
    const world = makeWorld({ workspaces: ["ws-a"] })
    return Effect.gen(function* () {
      const reconciler = yield* WorkspaceReconciler
      const orchestrator = yield* WorkspaceOrchestrator
      yield* reconciler.start
      yield* settle
      world.directory.create("ws-b")
      yield* settle
      expect(orchestrator.listMonitored()).toEqual(["ws-a"])
      yield* TestClock.adjust(66_000)
      expect(orchestrator.listMonitored()).toEqual(["ws-a", "ws-b"])
    }).pipe(Effect.provide(world.layer))
  })

  it.effect("a nudge for a new workspace starts monitoring it", () => {
    const world = makeWorld({ workspaces: ["ws-a"] })
    return Effect.gen(function* () {
      const reconciler = yield* WorkspaceReconciler
      yield* reconciler.start
      yield* settle
      world.directory.create("ws-b")
      expect(yield* reconciler.nudge("ws-b")).toEqual({ status: "monitoring_started" })
      expect(yield* reconciler.nudge("ws-b")).toEqual({ status: "already_monitored" })
      expect(yield* reconciler.nudge("ws-unknown")).toEqual({ status: "already_stopped" })
    }).pipe(Effect.provide(world.layer))
  })

  it.effect("a nudge for a deleted workspace stops it once a second list confirms its absence", () => {
    const world = makeWorld({ workspaces: ["ws-a", "ws-b"] })
    return Effect.gen(function* () {
      const reconciler = yield* WorkspaceReconciler
      const orchestrator = yield* WorkspaceOrchestrator
      yield* reconciler.start
      yield* settle
      world.directory.remove("ws-b")
      const answer = yield* Effect.fork(reconciler.nudge("ws-b"))
      yield* TestClock.adjust(1_000)
      expect(yield* answer).toEqual({ status: "monitoring_stopped" })
      expect(orchestrator.listMonitored()).toEqual(["ws-a"])
      expect(world.backend.claimed()).toEqual(["ws-a"])
    }).pipe(Effect.provide(world.layer))
  })

  it.effect("a deletion in the changes feed needs no second list", () => {
    const world = makeWorld({ workspaces: ["ws-a", "ws-b"] })
    world.directory.setFeatures("revision", "changes", "get")
    return Effect.gen(function* () {
      const reconciler = yield* WorkspaceReconciler
      yield* reconciler.start
      yield* settle
      world.directory.remove("ws-b")
      expect(yield* reconciler.nudge("ws-b")).toEqual({ status: "monitoring_stopped" })
      expect(world.directory.calls.list).toBe(1)
    }).pipe(Effect.provide(world.layer))
  })

  it.effect("a thousand nudges at once cost two lists", () => {
    const world = makeWorld({ workspaces: ["ws-a"] })
    return Effect.gen(function* () {
      const reconciler = yield* WorkspaceReconciler
      yield* reconciler.start
      yield* settle
      const before = world.directory.calls.list
      world.directory.setLatency(50)
      const answers = yield* Effect.fork(
        Effect.forEach(
          Array.from({ length: 1_000 }, (_, index) => `ws-${index}`),
          (id) => reconciler.nudge(id),
          { concurrency: "unbounded" }
        )
      )
      yield* TestClock.adjust(1_000)
      expect(yield* answers).toHaveLength(1_000)
      expect(world.directory.calls.list - before).toBeLessThanOrEqual(2)
    }).pipe(Effect.provide(world.layer))
  })

  it.effect("a source that fails or hangs stops nothing, and is repaired by itself", () => {
    const world = makeWorld({ workspaces: ["ws-a", "ws-b"] })
    return Effect.gen(function* () {
      const reconciler = yield* WorkspaceReconciler
      const orchestrator = yield* WorkspaceOrchestrator
      const operations = yield* Operations
      yield* reconciler.start
      yield* settle
      expect((yield* operations.health).status).toBe("healthy")
      world.directory.break()
      yield* TestClock.adjust(130_000)
      expect(orchestrator.listMonitored()).toEqual(["ws-a", "ws-b"])
      expect((yield* operations.health).status).toBe("degraded")
      world.directory.heal()
      yield* TestClock.adjust(130_000)
      expect((yield* operations.health).status).toBe("healthy")
    }).pipe(Effect.provide(world.layer))
  })

  it.effect("an empty list stops nothing while stores are open", () => {
    const world = makeWorld({ workspaces: ["ws-a"] })
    return Effect.gen(function* () {
      const reconciler = yield* WorkspaceReconciler
      const orchestrator = yield* WorkspaceOrchestrator
      const controller = yield* WorkspaceController
      yield* reconciler.start
      yield* settle
      world.directory.lie(() => ({
        ids: new Set(),
        unsupported: new Map(),
        lookalikes: [],
        revision: null,
        environmentId: null,
        features: new Set()
      }))
      yield* TestClock.adjust(400_000)
      expect(orchestrator.listMonitored()).toEqual(["ws-a"])
      expect((yield* controller.verdict).reason).toBe("everything")
      world.directory.heal()
      yield* TestClock.adjust(70_000)
      expect((yield* controller.verdict).tripped).toBe(false)
    }).pipe(Effect.provide(world.layer))
  })

  it.effect("thirty of forty that vanish are held, and additions go on", () => {
    const ids = Array.from({ length: 40 }, (_, index) => `ws-${index}`)
    const world = makeWorld({ workspaces: ids })
    return Effect.gen(function* () {
      const reconciler = yield* WorkspaceReconciler
      const orchestrator = yield* WorkspaceOrchestrator
      const controller = yield* WorkspaceController
      yield* reconciler.start
      yield* settle
      for (const id of ids.slice(0, 30)) world.directory.remove(id)
      world.directory.create("ws-new")
      yield* TestClock.adjust(200_000)
      expect(orchestrator.listMonitored()).toHaveLength(41)
      const verdict = yield* controller.verdict
      expect(verdict.reason).toBe("limit")
      expect(verdict.plan?.storeIds).toHaveLength(30)
    }).pipe(Effect.provide(world.layer))
  })

  it.effect("a store that dies is opened again by itself", () => {
    const world = makeWorld({ workspaces: ["ws-a"] })
    return Effect.gen(function* () {
      const reconciler = yield* WorkspaceReconciler
      const orchestrator = yield* WorkspaceOrchestrator
      yield* reconciler.start
      yield* settle
      world.backend.kill("ws-a")
      expect(orchestrator.listMonitored()).toEqual([])
      yield* settle
      expect(orchestrator.listMonitored()).toEqual(["ws-a"])
    }).pipe(Effect.provide(world.layer))
  })

  it.effect("stores named by STORE_IDS are monitored without a source, and never removed", () => {
    const world = makeWorld({ pinned: ["legacy-1"], disabled: "AUTH_WORKER_URL is unset" })
    return Effect.gen(function* () {
      const reconciler = yield* WorkspaceReconciler
      const orchestrator = yield* WorkspaceOrchestrator
      const operations = yield* Operations
      yield* reconciler.start
      yield* settle
      expect(orchestrator.listMonitored()).toEqual(["legacy-1"])
      expect((yield* operations.health).status).toBe("healthy")
      expect(world.directory.calls.list).toBe(0)
    }).pipe(Effect.provide(world.layer))
  })

  it.effect("closing the loop leaves no store open", () => {
    const world = makeWorld({ workspaces: ["ws-a", "ws-b", "ws-c"], openMs: 100 })
    return Effect.gen(function* () {
      yield* Effect.gen(function* () {
        const reconciler = yield* WorkspaceReconciler
        yield* reconciler.start
        yield* TestClock.adjust(150)
        expect(world.backend.claimed()).toHaveLength(3)
      }).pipe(Effect.provide(world.layer))
      expect(world.backend.claimed()).toEqual([])
    })
  })

  it.effect("a defect while the source is read does not end the loop", () => {
    const world = makeWorld({ workspaces: ["ws-a"] })
    return Effect.gen(function* () {
      const reconciler = yield* WorkspaceReconciler
      const orchestrator = yield* WorkspaceOrchestrator
      yield* reconciler.start
      yield* settle
      world.directory.lie(() => {
        throw new Error("a defect of this program")
      })
      yield* TestClock.adjust(70_000)
      world.directory.heal()
      world.directory.create("ws-b")
      yield* TestClock.adjust(200_000)
      expect(orchestrator.listMonitored()).toEqual(["ws-a", "ws-b"])
    }).pipe(Effect.provide(world.layer))
  })

  it.effect("stores named by STORE_IDS do not make an empty list believable", () => {
    const world = makeWorld({ pinned: ["legacy-1"], workspaces: ["legacy-1", "ws-a", "ws-b"] })
    return Effect.gen(function* () {
      const reconciler = yield* WorkspaceReconciler
      const orchestrator = yield* WorkspaceOrchestrator
      const operations = yield* Operations
      yield* reconciler.start
      yield* settle
      world.directory.lie(() => ({
        ids: new Set(),
        unsupported: new Map(),
        lookalikes: [],
        revision: null,
        environmentId: null,
        features: new Set()
      }))
      yield* TestClock.adjust(400_000)
      expect(orchestrator.listMonitored()).toEqual(["legacy-1", "ws-a", "ws-b"])
      expect((yield* operations.health)["removalGuard"]).toMatchObject({
        tripped: true,
        plan: { storeIds: ["ws-a", "ws-b"] }
      })
    }).pipe(Effect.provide(world.layer))
  })

  it.effect("a source that asks to be left alone is not asked by nudges until then", () => {
    const world = makeWorld({ workspaces: ["ws-a"] })
    return Effect.gen(function* () {
      const reconciler = yield* WorkspaceReconciler
      yield* reconciler.start
      yield* settle
      world.directory.break(
        new DirectoryUnavailable({ reason: "status", status: 429, retryAfterMs: 30_000, message: "429" })
      )
      yield* reconciler.nudge("ws-a")
      const calls = world.directory.calls.list
      for (let nudge = 0; nudge < 5; nudge++) {
        expect(yield* reconciler.nudge("ws-a")).toEqual({
          status: "reconcile_queued",
          reason: "source-unreachable"
        })
      }
      expect(world.directory.calls.list).toBe(calls)
      world.directory.heal()
      yield* TestClock.adjust(31_000)
      expect(world.directory.calls.list).toBeGreaterThan(calls)
    }).pipe(Effect.provide(world.layer))
  })
})
