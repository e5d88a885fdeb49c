/**
 * The architecture's twelve laws, each shown on the whole loop. `scripts/mutations/laws.mjs` breaks each law in the code
 * and checks that the tests here say so. What a law means for one part alone is in that part's tests.
 */
import { it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/TestClock"
import { describe, expect } from "vitest"
import { Administration } from "../../../src/orchestration/Administration.ts"
import { Operations } from "../../../src/orchestration/Operations.ts"
import * as StateStore from "../../../src/orchestration/StateStore.ts"
import { WorkspaceController } from "../../../src/orchestration/WorkspaceController.ts"
import { WorkspaceOrchestrator } from "../../../src/orchestration/WorkspaceOrchestrator.ts"
import { WorkspaceReconciler } from "../../../src/orchestration/WorkspaceReconciler.ts"
import { SnapshotStore, type Snapshot } from "../../../src/workspaces/SnapshotStore.ts"
import { makeWorld, type WorldOptions } from "../../support/World.ts"

const actor = { name: "ada", address: "127.0.0.1" }
const INTERVAL_MS = 60_000
/** Lets everything that can happen now happen. */
const settle = TestClock.adjust(10)
/** Longer than the interval and its jitter. */
const resync = TestClock.adjust(1.1 * INTERVAL_MS)
const ids = (count: number, prefix = "ws"): ReadonlyArray<string> =>
  Array.from({ length: count }, (_, index) => `${prefix}-${String(index).padStart(3, "0")}`)

const services = Effect.gen(function* () {
  return {
    administration: yield* Administration,
    operations: yield* Operations,
    controller: yield* WorkspaceController,
    orchestrator: yield* WorkspaceOrchestrator,
    reconciler: yield* WorkspaceReconciler
  }
})
type Parts = Effect.Effect.Success<typeof services>

/** Longer than what is running may take to end. */
const END_MS = 5_000

/** A life of the loop, from its start to its end, whatever is under way by then. */
const life = <A, E>(world: ReturnType<typeof makeWorld>, live: (parts: Parts) => Effect.Effect<A, E>) =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    const context = yield* Layer.buildWithScope(Layer.fresh(world.layer), scope)
    const lived = yield* Effect.gen(function* () {
      const parts = yield* services
      yield* parts.reconciler.start
      yield* settle
      return yield* live(parts)
    }).pipe(Effect.provide(context), Effect.exit)
    const ended = yield* Effect.fork(Scope.close(scope, Exit.void))
    yield* TestClock.adjust(END_MS)
    yield* ended
    return yield* lived
  })

const inWorld = <A, E>(
  options: WorldOptions,
  live: (world: ReturnType<typeof makeWorld>, parts: Parts) => Effect.Effect<A, E>
) => {
  const world = makeWorld({ intervalMs: INTERVAL_MS, ...options })
  return life(world, (parts) => live(world, parts))
}

/** A disk: what one life saves is what the next one loads. */
const makeDisk = () => {
  let saved = Option.none<Snapshot>()
  const snapshots = Layer.succeed(
    SnapshotStore,
    SnapshotStore.of({
      load: Effect.sync(() => saved),
      save: (snapshot) =>
        Effect.sync(() => {
          saved = Option.some({ ...snapshot, entries: new Map(snapshot.entries) })
        })
    })
  )
  return Layer.merge(snapshots, StateStore.layerMemory)
}

describe("law 1: level, not edge", () => {
  it.effect.each<readonly [string, ReadonlyArray<string>]>([
    ["no nudge at all", []],
    ["one nudge each", ["ws-new", "ws-gone", "ws-kept"]],
    ["nudges in another order, repeated", ["ws-gone", "ws-new", "ws-gone", "ws-kept", "ws-new", "ws-gone"]],
    ["nudges about workspaces that nobody knows", ["ws-forged", "ws-forged", "ws-invented"]]
  ])("the outcome is the same after %s", ([_, nudges]) =>
    inWorld({ workspaces: ["ws-kept", "ws-gone"] }, (world, { orchestrator, reconciler }) =>
      Effect.gen(function* () {
        world.directory.create("ws-new")
        world.directory.remove("ws-gone")
        for (const id of nudges) yield* Effect.fork(reconciler.nudge(id))
        yield* resync
        yield* resync
        expect(orchestrator.listMonitored()).toEqual(["ws-kept", "ws-new"])
        expect(world.backend.openCount("ws-forged")).toBe(0)
      })
    )
  )
})

describe("law 2: one key, one hand", () => {
  it.effect("however often it is nudged, a workspace is opened by one hand; others are, meanwhile", () =>
    inWorld({ openMs: 100, concurrency: 4 }, (world, { orchestrator, reconciler }) =>
      Effect.gen(function* () {
        const eight = ids(8)
        for (const id of eight) world.directory.create(id)
        for (const id of [...eight, ...eight, ...eight]) {
          yield* Effect.fork(reconciler.nudge(id))
          yield* TestClock.adjust(1)
        }
        expect(world.backend.claimed()).toHaveLength(4)
        yield* TestClock.adjust(1_000)
        expect(orchestrator.listMonitored()).toEqual(eight)
        // A second hand would have found the store in use.
        expect(orchestrator.stats().provisionFailures).toBe(0)
        expect(eight.map(world.backend.openCount)).toEqual(eight.map(() => 1))
      })
    )
  )
})

describe("law 3: no nudge is lost", () => {
  it.effect("a delete that comes while the create is carried out is carried out after it", () =>
    inWorld({ workspaces: ["ws-a"], openMs: 1_000 }, (world, { orchestrator, reconciler }) =>
      Effect.gen(function* () {
        world.directory.setFeatures("revision", "changes", "get")
        yield* resync
        world.directory.create("ws-b")
        yield* Effect.fork(reconciler.nudge("ws-b"))
        yield* TestClock.adjust(500)
        expect(world.backend.claimed()).toEqual(["ws-a", "ws-b"])
        world.directory.remove("ws-b")
        yield* Effect.fork(reconciler.nudge("ws-b"))
        yield* TestClock.adjust(2_000)
        expect(orchestrator.listMonitored()).toEqual(["ws-a"])
      })
    )
  )
})

describe("law 4: a failing workspace never delays a healthy one", () => {
  it.effect("each waits for its own failures: thirty others that fail make it no slower", () =>
    inWorld({ concurrency: 4 }, (world, { orchestrator }) =>
      Effect.gen(function* () {
        for (const id of ids(30, "failing")) {
          world.backend.setOpenFault(id, "rejected")
          world.directory.create(id)
        }
        yield* resync
        world.backend.setOpenFault("ws-flaky", "rejected")
        for (const id of ["ws-flaky", "ws-healthy"]) world.directory.create(id)
        yield* resync
        expect(orchestrator.listMonitored()).toEqual(["ws-healthy"])
        const fromNow = world.backend.openCount("ws-flaky")
        world.backend.setOpenFault("ws-new-flaky", "rejected")
        world.directory.create("ws-new-flaky")
        yield* resync
        // 1 s * 2^n of its own failures: five attempts and more in a minute, where all together would wait the longest.
        expect(world.backend.openCount("ws-new-flaky")).toBeGreaterThan(1)
        expect(world.backend.openCount("ws-flaky")).toBeGreaterThan(fromNow)
      })
    )
  )

  it.effect("those whose opening hangs give their hands back", () =>
    inWorld({ concurrency: 4 }, (world, { orchestrator, reconciler }) =>
      Effect.gen(function* () {
        for (const id of ids(4, "hanging")) {
          world.backend.setOpenFault(id, "hang")
          world.directory.create(id)
          yield* Effect.fork(reconciler.nudge(id))
        }
        yield* TestClock.adjust(1_000)
        world.directory.create("ws-healthy")
        yield* Effect.fork(reconciler.nudge("ws-healthy"))
        // The opening of a store may take 30 s.
        yield* TestClock.adjust(31_000)
        expect(orchestrator.listMonitored()).toEqual(["ws-healthy"])
      })
    )
  )
})

describe("law 5: a list that is not proven complete and fresh removes nothing", () => {
  const workspaces = ids(10)
  const two = workspaces.slice(0, 8)

  it.effect.each<readonly [string, { readonly revision: string; readonly environmentId: string }]>([
    ["an older revision", { revision: "3", environmentId: "production" }],
    ["another environment's list", { revision: "99", environmentId: "staging" }]
  ])("%s is a failed refresh, not a smaller world", ([_, { environmentId, revision }]) => {
    const world = makeWorld({ workspaces, intervalMs: INTERVAL_MS })
    world.directory.setFeatures("revision")
    world.directory.setEnvironment("production")
    world.directory.setRevision(42)
    return life(world, ({ operations, orchestrator }) =>
      Effect.gen(function* () {
        world.directory.lie(() => ({
          ids: new Set(two),
          unsupported: new Map(),
          lookalikes: [],
          revision,
          environmentId,
          features: new Set(["revision"])
        }))
        for (let list = 0; list < 5; list++) yield* resync
        expect(orchestrator.listMonitored()).toEqual(workspaces)
        expect(orchestrator.stats().totalDeprovisioned).toBe(0)
        expect((yield* operations.health).status).toBe("degraded")
      })
    )
  })

  it.effect("an error removes nothing, however long it lasts", () =>
    inWorld({ workspaces }, (world, { orchestrator }) =>
      Effect.gen(function* () {
        world.directory.remove("ws-000")
        world.directory.break()
        for (let list = 0; list < 5; list++) yield* resync
        expect(orchestrator.listMonitored()).toEqual(workspaces)
      })
    )
  )
})

describe("law 6: a removal needs evidence, then passes the guard, then happens once", () => {
  it.effect("one list is no evidence, a second one is; and it is stopped once", () =>
    inWorld({ workspaces: ["ws-a", "ws-b"] }, (world, { administration, orchestrator }) =>
      Effect.gen(function* () {
        world.directory.remove("ws-b")
        yield* resync
        // That was one list, or two at most where the jitter was short.
        yield* TestClock.adjust(1)
        expect(world.directory.calls.list).toBe(2)
        expect(orchestrator.listMonitored()).toEqual(["ws-a", "ws-b"])
        for (let list = 0; list < 5; list++) yield* resync
        expect(orchestrator.listMonitored()).toEqual(["ws-a"])
        const stops = yield* administration.audit({ limit: 10, before: null, action: "store.stopped" })
        expect(stops.map(({ subject }) => subject)).toEqual(["ws-b"])
      })
    )
  )

  it.effect("a directory that says by id that it exists is believed", () =>
    inWorld({ workspaces: ["ws-a", "ws-b", "ws-c"] }, (world, { administration, orchestrator }) =>
      Effect.gen(function* () {
        world.directory.setFeatures("get")
        yield* resync
        world.directory.remove("ws-c")
        world.directory.lieById(() => true)
        for (let list = 0; list < 4; list++) yield* resync
        expect(orchestrator.listMonitored()).toEqual(["ws-a", "ws-b", "ws-c"])
        expect((yield* administration.explain("ws-c")).blockedBy.map(({ reason }) => reason)).toEqual([
          "source-disagrees"
        ])
      })
    )
  )

  it.effect("the grace is kept, and reappearing cancels the removal", () =>
    inWorld({ workspaces: ["ws-a", "ws-b"], graceMs: 300_000 }, (world, { orchestrator }) =>
      Effect.gen(function* () {
        world.directory.remove("ws-b")
        yield* TestClock.adjust(200_000)
        world.directory.create("ws-b")
        yield* TestClock.adjust(70_000)
        world.directory.remove("ws-b")
        yield* TestClock.adjust(250_000)
        expect(orchestrator.listMonitored()).toEqual(["ws-a", "ws-b"])
        yield* TestClock.adjust(150_000)
        expect(orchestrator.listMonitored()).toEqual(["ws-a"])
      })
    )
  )
})

describe("law 7: a tripped guard removes nothing, and adds go on", () => {
  const forty = ids(40)

  it.effect("thirty of forty stay until exactly their plan is approved", () =>
    inWorld({ workspaces: forty }, (world, { administration, orchestrator }) =>
      Effect.gen(function* () {
        for (const id of forty.slice(0, 30)) world.directory.remove(id)
        yield* resync
        world.directory.create("ws-new")
        yield* resync
        yield* resync
        expect(orchestrator.listMonitored()).toEqual([...forty, "ws-new"])
        const { guard } = yield* administration.plan
        expect(guard.storeIds).toEqual(forty.slice(0, 30))
        const refused = yield* Effect.either(administration.approve("0".repeat(16), actor))
        expect(Either.isLeft(refused)).toBe(true)
        yield* resync
        expect(orchestrator.listMonitored()).toEqual([...forty, "ws-new"])
        yield* administration.approve(guard.planHash ?? "", actor)
        yield* settle
        expect(orchestrator.listMonitored()).toEqual([...forty.slice(30), "ws-new"])
      })
    )
  )

  it.effect("removals that drip, one a list, are counted together", () =>
    inWorld(
      { workspaces: forty.slice(0, 10), intervalMs: 1_000 },
      (world, { administration, orchestrator }) =>
        Effect.gen(function* () {
          for (const id of forty.slice(0, 9)) {
            world.directory.remove(id)
            yield* TestClock.adjust(3_000)
          }
          expect(orchestrator.listMonitored()).toHaveLength(7)
          expect((yield* administration.plan).guard.tripped).toBe(true)
        })
    )
  )

  it.effect("holds each of many from the moment the list says so, though the disk is slow", () => {
    const DISK_MS = 1_000
    const slowDisk = Layer.succeed(
      SnapshotStore,
      SnapshotStore.of({
        load: Effect.succeedNone,
        save: (_snapshot, touched) => (touched.size > 0 ? Effect.sleep(DISK_MS) : Effect.void)
      })
    )
    return inWorld(
      { workspaces: forty, state: Layer.merge(slowDisk, StateStore.layerMemory) },
      (world, { controller, orchestrator, reconciler }) =>
        Effect.gen(function* () {
          yield* TestClock.adjust(2 * DISK_MS)
          world.directory.setFeatures("revision", "changes")
          yield* resync
          for (const id of forty.slice(0, 30)) world.directory.remove(id)
          yield* Effect.fork(reconciler.nudge("ws-000"))
          yield* settle
          // The new set is being saved: somebody looks at one of them meanwhile.
          yield* controller.look("ws-001")
          yield* settle
          expect(orchestrator.listMonitored()).toEqual(forty)
          yield* TestClock.adjust(2 * DISK_MS)
          expect(orchestrator.listMonitored()).toEqual(forty)
        })
    )
  })
})

describe("law 8: what is acquired is released exactly once", () => {
  it.effect("on failure, a hung opening, removal and shutdown alike, nothing stays in use", () =>
    Effect.gen(function* () {
      const world = makeWorld({ workspaces: ids(5), intervalMs: INTERVAL_MS, openMs: 100 })
      yield* life(world, ({ orchestrator, reconciler }) =>
        Effect.gen(function* () {
          yield* TestClock.adjust(1_000)
          world.backend.setOpenFault("ws-failing", "driver")
          world.backend.setOpenFault("ws-hanging", "hang")
          for (const id of ["ws-failing", "ws-hanging"]) world.directory.create(id)
          world.directory.remove("ws-000")
          yield* resync
          yield* resync
          expect(orchestrator.listMonitored()).toEqual(ids(5).slice(1))
          // Healed, it opens: its failed openings have given the store back.
          world.backend.setOpenFault("ws-failing", undefined)
          yield* Effect.fork(reconciler.nudge("ws-failing"))
          yield* TestClock.adjust(1_000)
          expect(orchestrator.isMonitored("ws-failing")).toBe(true)
          // One is being opened when the end comes.
          world.directory.create("ws-opening")
          yield* Effect.fork(reconciler.nudge("ws-opening"))
          yield* TestClock.adjust(50)
          expect(world.backend.claimed()).toContain("ws-opening")
        })
      )
      expect(world.backend.claimed()).toEqual([])
    })
  )

  it.effect("an end while everything is being opened leaves nothing open", () =>
    Effect.gen(function* () {
      const world = makeWorld({ workspaces: ids(20), openMs: 500, concurrency: 8 })
      yield* life(world, () =>
        Effect.gen(function* () {
          yield* TestClock.adjust(700)
          expect(world.backend.claimed().length).toBeGreaterThan(8)
        })
      )
      expect(world.backend.claimed()).toEqual([])
    })
  )
})

describe("law 9: observed means observed", () => {
  it.effect("a store that has died is not monitored, and re-enters the queue by itself", () =>
    inWorld({ workspaces: ["ws-a", "ws-b"], openMs: 100 }, (world, { controller, orchestrator }) =>
      Effect.gen(function* () {
        yield* TestClock.adjust(1_000)
        const lists = world.directory.calls.list
        world.backend.kill("ws-a")
        expect(orchestrator.listMonitored()).toEqual(["ws-b"])
        yield* settle
        expect(controller.convergence().converged).toBe(false)
        yield* TestClock.adjust(1_000)
        expect(orchestrator.listMonitored()).toEqual(["ws-a", "ws-b"])
        expect(world.backend.openCount("ws-a")).toBe(2)
        expect(world.directory.calls.list).toBe(lists)
      })
    )
  )

  it.effect("a store that has been deaf for too long is opened afresh", () =>
    inWorld({ workspaces: ["ws-a"], intervalMs: 600_000 }, (world) =>
      Effect.gen(function* () {
        world.backend.setConnected("ws-a", false)
        yield* TestClock.adjust(61_000)
        expect(world.backend.openCount("ws-a")).toBe(2)
      })
    )
  )
})

describe("law 10: status never lies", () => {
  it.effect("a set that is as desired, by a list that has grown old, is not converged", () =>
    inWorld({ workspaces: ["ws-a"] }, (world, { operations }) =>
      Effect.gen(function* () {
        expect((yield* operations.health).status).toBe("healthy")
        world.directory.hang()
        yield* TestClock.adjust(2 * INTERVAL_MS + 1_000)
        expect(yield* operations.health).toMatchObject({
          status: "degraded",
          convergence: { converged: false, driftCount: 0, desired: { fresh: false } }
        })
      })
    )
  )

  it.effect("each condition says since when, and against which revision it was observed", () =>
    inWorld({ workspaces: ["ws-a"] }, (world, { administration }) =>
      Effect.gen(function* () {
        world.directory.setFeatures("revision")
        world.directory.setRevision(42)
        world.directory.create("ws-b")
        yield* resync
        const { conditions } = yield* administration.explain("ws-b")
        expect(
          conditions.map(({ observedRevision, status, type }) => [type, status, observedRevision])
        ).toEqual([
          ["Desired", "True", "43"],
          ["Monitored", "True", "43"],
          ["Synced", "True", "43"]
        ])
      })
    )
  )

  it.effect("a paused loop never looks green", () =>
    inWorld({ workspaces: ["ws-a"] }, (_world, { administration, operations }) =>
      Effect.gen(function* () {
        yield* administration.pause({ storeId: null, reason: "maintenance", expiresInMs: null }, actor)
        yield* settle
        expect((yield* operations.health).status).toBe("degraded")
      })
    )
  )
})

describe("law 11: convergence and quiescence", () => {
  it.effect("once the faults stop, the set converges within two intervals", () =>
    inWorld({ workspaces: ids(10) }, (world, { controller, orchestrator }) =>
      Effect.gen(function* () {
        world.directory.break()
        for (const id of ids(5, "late")) {
          world.backend.setOpenFault(id, "rejected")
          world.directory.create(id)
        }
        yield* TestClock.adjust(30 * INTERVAL_MS)
        world.directory.heal()
        yield* TestClock.adjust(10 * INTERVAL_MS)
        for (const id of ids(5, "late")) world.backend.setOpenFault(id, undefined)
        yield* TestClock.adjust(2 * INTERVAL_MS)
        expect(orchestrator.listMonitored()).toEqual([...ids(5, "late"), ...ids(10)])
        world.directory.break()
        yield* TestClock.adjust(30 * INTERVAL_MS)
        world.directory.create("ws-last")
        world.directory.heal()
        yield* TestClock.adjust(2 * INTERVAL_MS)
        expect(orchestrator.isMonitored("ws-last")).toBe(true)
        expect(controller.convergence().converged).toBe(true)
      })
    )
  )

  it.effect("and then nothing happens any more but the list", () =>
    inWorld({ workspaces: ids(20) }, (world, { controller, orchestrator }) =>
      Effect.gen(function* () {
        yield* resync
        const { adds } = yield* controller.queueStats
        const stats = orchestrator.stats()
        const lists = world.directory.calls.list
        yield* TestClock.adjust(10 * INTERVAL_MS)
        expect((yield* controller.queueStats).adds).toBe(adds)
        expect(orchestrator.stats()).toEqual(stats)
        expect(world.directory.calls.list - lists).toBeLessThanOrEqual(12)
        expect(world.directory.calls.exists).toBe(0)
      })
    )
  )
})

describe("law 12: static stability", () => {
  it.effect("while the source is down what runs keeps running, and heals", () =>
    inWorld({ workspaces: ids(5) }, (world, { orchestrator }) =>
      Effect.gen(function* () {
        world.directory.break()
        yield* TestClock.adjust(10 * INTERVAL_MS)
        expect(orchestrator.listMonitored()).toEqual(ids(5))
        world.backend.kill("ws-002")
        yield* settle
        expect(orchestrator.listMonitored()).toEqual(ids(5))
      })
    )
  )

  it.effect("a restart meanwhile starts from the last accepted snapshot, and says so", () =>
    Effect.gen(function* () {
      const world = makeWorld({ workspaces: ids(5), intervalMs: INTERVAL_MS, state: makeDisk() })
      yield* life(world, () => Effect.void)
      world.directory.hang()
      yield* life(world, ({ operations, orchestrator }) =>
        Effect.gen(function* () {
          expect(orchestrator.listMonitored()).toEqual(ids(5))
          expect(yield* operations.health).toMatchObject({
            status: "degraded",
            convergence: { desired: { source: "snapshot" } }
          })
        })
      )
    })
  )
})
