import { it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as TestClock from "effect/TestClock"
import { describe, expect } from "vitest"
import { Administration } from "../../../src/orchestration/Administration.ts"
import { Operations } from "../../../src/orchestration/Operations.ts"
import { WorkspaceOrchestrator } from "../../../src/orchestration/WorkspaceOrchestrator.ts"
import { WorkspaceReconciler } from "../../../src/orchestration/WorkspaceReconciler.ts"
import { unavailable } from "../../support/FakeDirectory.ts"
import { makeWorld, type WorldOptions } from "../../support/World.ts"

const actor = { name: "ada", address: "127.0.0.1" }
/** Lets everything that can happen now happen. */
const settle = TestClock.adjust(10)
const resync = TestClock.adjust(66_000)
const forty = Array.from({ length: 40 }, (_, index) => `ws-${String(index).padStart(2, "0")}`)

const inWorld = <A, E>(
  options: WorldOptions,
  body: (
    world: ReturnType<typeof makeWorld>,
    services: {
      readonly administration: (typeof Administration)["Service"]
      readonly operations: (typeof Operations)["Service"]
      readonly orchestrator: (typeof WorkspaceOrchestrator)["Service"]
    }
  ) => Effect.Effect<A, E>
) => {
  const world = makeWorld(options)
  return Effect.gen(function* () {
    const services = {
      administration: yield* Administration,
      operations: yield* Operations,
      orchestrator: yield* WorkspaceOrchestrator
    }
    const reconciler = yield* WorkspaceReconciler
    yield* reconciler.start
    yield* settle
    return yield* body(world, services)
  }).pipe(Effect.provide(world.layer))
}

describe("a run by hand", () => {
  it.effect("is over when who asked for it is interrupted, at whatever moment", () => {
    const world = makeWorld({ workspaces: ["one"], intervalMs: 3_600_000 })
    return Effect.gen(function* () {
      const reconciler = yield* WorkspaceReconciler
      // A fiber lets others run after so many steps: what it does before moves that moment through the run.
      const budget = 64
      for (let before = 0; before < budget; before++) {
        const late = Array.from({ length: before }).reduce<Effect.Effect<void>>(
          (all) => Effect.flatMap(all, () => Effect.void),
          Effect.void
        )
        const run = yield* Effect.fork(
          Effect.withMaxOpsBeforeYield(Effect.zipRight(late, reconciler.reconcile), budget)
        )
        yield* Effect.yieldNow()
        yield* Fiber.interrupt(run)
        expect([before, reconciler.state().isRunning]).toEqual([before, false])
      }
    }).pipe(Effect.provide(world.layer))
  })

  it.effect("is not too soon for hours because the clock was set back", () =>
    inWorld({ workspaces: ["one"] }, (_, { operations }) =>
      Effect.gen(function* () {
        const run = Effect.gen(function* () {
          const fiber = yield* Effect.fork(Effect.either(operations.reconcile(actor)))
          yield* TestClock.adjust("5 seconds")
          return Either.getOrElse(yield* Fiber.join(fiber), ({ _tag }) => _tag)
        })
        yield* TestClock.adjust("1 hour")
        expect(yield* run).toMatchObject({ status: "completed" })
        expect(yield* run).toBe("RunTooSoon")
        yield* TestClock.setTime(1_000)
        expect(yield* run).toMatchObject({ status: "completed" })
      })
    )
  )
})

describe("the removal guard and its approval", () => {
  it.effect("an approval of the held plan stops exactly its workspaces, and a wrong hash none", () =>
    inWorld({ workspaces: forty }, (world, { administration, orchestrator }) =>
      Effect.gen(function* () {
        for (const id of forty.slice(0, 30)) world.directory.remove(id)
        yield* resync
        yield* resync
        const { guard } = yield* administration.plan
        expect(guard.storeIds).toEqual(forty.slice(0, 30))

        const refused = yield* Effect.either(administration.approve("0000000000000000", actor))
        expect(Option.getOrNull(Either.getLeft(refused))).toMatchObject({ currentHash: guard.planHash })
        yield* settle
        expect(orchestrator.listMonitored()).toEqual(forty)

        world.directory.create("ws-new")
        yield* resync
        expect(orchestrator.listMonitored()).toHaveLength(41)

        yield* administration.approve(guard.planHash ?? "", actor)
        yield* settle
        expect(orchestrator.listMonitored()).toEqual([...forty.slice(30), "ws-new"])
      })
    )
  )

  it.effect("a plan that has changed needs another approval", () =>
    inWorld({ workspaces: forty }, (world, { administration, orchestrator }) =>
      Effect.gen(function* () {
        for (const id of forty.slice(0, 20)) world.directory.remove(id)
        yield* resync
        yield* resync
        const { planHash } = (yield* administration.plan).guard
        world.directory.remove("ws-25")
        yield* resync
        yield* resync
        const outcome = yield* Effect.either(administration.approve(planHash ?? "", actor))
        expect(Either.isLeft(outcome)).toBe(true)
        expect(orchestrator.listMonitored()).toEqual(forty)
      })
    )
  )

  it.effect("one removal per list, without end, trips the guard as well", () =>
    inWorld({ workspaces: forty, intervalMs: 1_000 }, (world, { administration, orchestrator }) =>
      Effect.gen(function* () {
        for (const id of forty) {
          world.directory.remove(id)
          yield* TestClock.adjust(1_200)
        }
        // 20 % of forty, and not one more.
        expect(orchestrator.listMonitored()).toHaveLength(32)
        expect((yield* administration.plan).guard.tripped).toBe(true)
      })
    )
  )

  it.effect("reappearing cancels the removal, and the guard lets go", () =>
    inWorld({ workspaces: forty }, (world, { administration, orchestrator }) =>
      Effect.gen(function* () {
        for (const id of forty.slice(0, 30)) world.directory.remove(id)
        yield* resync
        yield* resync
        for (const id of forty.slice(0, 30)) world.directory.create(id)
        yield* resync
        expect((yield* administration.plan).guard.tripped).toBe(false)
        expect((yield* administration.plan).differs).toBe(false)
        expect(orchestrator.listMonitored()).toEqual(forty)
      })
    )
  )
})

describe("the grace", () => {
  it.effect("keeps a removed workspace monitored until it is over", () =>
    inWorld({ workspaces: ["ws-a", "ws-b"], graceMs: 300_000 }, (world, { administration, orchestrator }) =>
      Effect.gen(function* () {
        world.directory.remove("ws-b")
        yield* TestClock.adjust(200_000)
        expect(orchestrator.listMonitored()).toEqual(["ws-a", "ws-b"])
        const explanation = yield* administration.explain("ws-b")
        expect(explanation.blockedBy.map(({ reason }) => reason)).toEqual(["grace"])
        yield* TestClock.adjust(200_000)
        expect(orchestrator.listMonitored()).toEqual(["ws-a"])
      })
    )
  )
})

describe("what the guard holds", () => {
  /** Six of ten are missing from the lists: three may go in a window, so all six are held. */
  const held = ["ws-0", "ws-1", "ws-2", "ws-3", "ws-4", "ws-5"]
  const ten = Array.from({ length: 10 }, (_, index) => `ws-${index}`)
  const afterTheOutage = (world: ReturnType<typeof makeWorld>) =>
    Effect.gen(function* () {
      for (const id of held) world.directory.remove(id)
      yield* resync
      yield* resync
    })

  it.effect("stays held when the window has passed, and when most of it has come back", () =>
    inWorld({ workspaces: ten }, (world, { administration, orchestrator }) =>
      Effect.gen(function* () {
        yield* afterTheOutage(world)
        for (let hour = 0; hour < 24; hour++) yield* TestClock.adjust("1 hour")
        expect(orchestrator.listMonitored()).toEqual(ten)
        expect((yield* administration.plan).guard).toMatchObject({ tripped: true, storeIds: held })
        for (const id of held.slice(1)) world.directory.create(id)
        yield* resync
        yield* TestClock.adjust("1 hour")
        expect(orchestrator.listMonitored()).toEqual(ten)
        expect((yield* administration.plan).guard).toMatchObject({ tripped: true, storeIds: ["ws-0"] })
        world.directory.create("ws-0")
        yield* resync
        expect((yield* administration.plan).guard).toMatchObject({ tripped: false, storeIds: [] })
      })
    )
  )

  it.effect("is shown with its evidence, since when, and what ends the hold", () =>
    inWorld({ workspaces: ten }, (world, { administration }) =>
      Effect.gen(function* () {
        yield* afterTheOutage(world)
        const { guard, held: shown } = yield* administration.plan
        expect(shown.map(({ storeId }) => storeId)).toEqual(held)
        for (const one of shown) {
          expect(one).toMatchObject({ reason: "guard", evidence: "absent" })
          expect(one.heldSince).toMatch(/^\d{4}-/)
          expect(one.endsWhen).toContain(`wso reject ${guard.planHash ?? "?"}`)
        }
        const { blockedBy } = yield* administration.explain("ws-0")
        expect(blockedBy[0]?.message).toContain("missing from the directory's lists")
        expect(blockedBy[0]?.nextStep).toContain(`wso reject ${guard.planHash ?? "?"}`)
      })
    )
  )

  it.effect("stays monitored once it is rejected, and other removals go on", () =>
    inWorld({ workspaces: ten }, (world, { administration, orchestrator }) =>
      Effect.gen(function* () {
        yield* afterTheOutage(world)
        const wrong = yield* Effect.either(administration.reject("0000000000000000", actor))
        expect(Option.getOrNull(Either.getLeft(wrong))).toMatchObject({ _tag: "PlanMismatch" })
        const { planHash } = (yield* administration.plan).guard
        expect((yield* administration.reject(planHash ?? "", actor)).storeIds).toEqual(held)
        for (let hour = 0; hour < 24; hour++) yield* TestClock.adjust("1 hour")
        expect(orchestrator.listMonitored()).toEqual(ten)
        const plan = yield* administration.plan
        expect(plan.guard.tripped).toBe(false)
        expect(plan.held[0]).toMatchObject({ reason: "rejected", rejectedBy: actor.name })
        world.directory.remove("ws-9")
        yield* resync
        yield* resync
        expect(orchestrator.listMonitored()).toEqual(ten.slice(0, 9))
      })
    )
  )

  it.effect("is judged afresh after a rejection when it has come back and is missing again", () =>
    inWorld({ workspaces: ten }, (world, { administration, orchestrator }) =>
      Effect.gen(function* () {
        yield* afterTheOutage(world)
        const { planHash } = (yield* administration.plan).guard
        yield* administration.reject(planHash ?? "", actor)
        world.directory.create("ws-0")
        yield* resync
        world.directory.remove("ws-0")
        yield* resync
        yield* resync
        expect(orchestrator.listMonitored()).toEqual(ten.slice(1))
      })
    )
  )

  it.effect("is held again when an approval was not used in time", () =>
    inWorld({ workspaces: ten }, (world, { administration, orchestrator }) =>
      Effect.gen(function* () {
        yield* afterTheOutage(world)
        // Three of them are within the allowance by now: only the hold keeps them.
        for (const id of held.slice(3)) world.directory.create(id)
        yield* resync
        yield* administration.pause({ storeId: null, reason: "not yet", expiresInMs: null }, actor)
        const { planHash } = (yield* administration.plan).guard
        yield* administration.approve(planHash ?? "", actor)
        yield* TestClock.adjust("1 hour")
        yield* administration.resume(null, actor)
        yield* TestClock.adjust("1 hour")
        expect(orchestrator.listMonitored()).toEqual(ten)
      })
    )
  )
})

describe("a pause", () => {
  it.effect("of the loop lets nothing be opened or closed, never looks green, and ends with its resume", () =>
    inWorld({ workspaces: ["ws-a", "ws-b"] }, (world, { administration, operations, orchestrator }) =>
      Effect.gen(function* () {
        yield* administration.pause({ storeId: null, reason: "maintenance", expiresInMs: null }, actor)
        expect((yield* operations.health).status).toBe("degraded")
        world.directory.create("ws-c")
        world.directory.remove("ws-b")
        yield* resync
        yield* resync
        expect(orchestrator.listMonitored()).toEqual(["ws-a", "ws-b"])
        const plan = yield* administration.plan
        expect(plan.held).toEqual(
          expect.arrayContaining([expect.objectContaining({ storeId: "ws-c", reason: "paused" })])
        )
        expect(yield* administration.resume(null, actor)).toBe(true)
        yield* settle
        expect(orchestrator.listMonitored()).toEqual(["ws-a", "ws-c"])
        expect((yield* operations.health).status).toBe("healthy")
      })
    )
  )

  it.effect("of one workspace holds that one alone, and ends when it expires", () =>
    inWorld({ workspaces: ["ws-a"] }, (world, { administration, orchestrator }) =>
      Effect.gen(function* () {
        const request = { storeId: "ws-b", reason: "debugging", expiresInMs: 100_000 }
        yield* administration.pause(request, actor, { allowUnknown: true })
        world.directory.create("ws-b")
        world.directory.create("ws-c")
        yield* resync
        expect(orchestrator.listMonitored()).toEqual(["ws-a", "ws-c"])
        expect((yield* administration.explain("ws-b")).summary).toContain("paused by ada (debugging)")
        yield* TestClock.adjust(40_000)
        expect(orchestrator.listMonitored()).toEqual(["ws-a", "ws-b", "ws-c"])
      })
    )
  )
})

describe("an explanation", () => {
  it.effect("names the backoff of a store that cannot be opened, and what it says", () =>
    inWorld({ workspaces: ["ws-a"] }, (world, { administration }) =>
      Effect.gen(function* () {
        world.backend.setOpenFault("ws-b", "rejected")
        world.directory.create("ws-b")
        yield* resync
        const explanation = yield* administration.explain("ws-b")
        expect(explanation.blockedBy.map(({ reason }) => reason)).toEqual(["backoff"])
        expect(explanation.lastError?.code).toBe("StoreOpen_rejected")
        expect(explanation.nextAttemptAt).not.toBeNull()
        expect(explanation.nextStep).toContain("wso reconcile ws-b")
      })
    )
  )

  it.effect("names the breaker when the source cannot be asked", () =>
    inWorld({ workspaces: ["ws-a"] }, (world, { administration }) =>
      Effect.gen(function* () {
        world.directory.break(unavailable)
        yield* TestClock.adjust(100_000)
        const explanation = yield* administration.explain("ws-unheard-of")
        expect(explanation.blockedBy.map(({ reason }) => reason)).toEqual(["breaker"])
        expect(explanation.desired.state).toBe("unknown")
      })
    )
  )

  it.effect("says that a removed workspace is not desired, and that an unheard one is unknown", () =>
    inWorld({ workspaces: ["ws-a", "ws-b"] }, (world, { administration }) =>
      Effect.gen(function* () {
        world.directory.remove("ws-b")
        yield* resync
        yield* resync
        const removed = yield* administration.explain("ws-b")
        expect(removed.summary).toContain("not desired")
        expect(removed.transitions.map(({ type }) => type)).toEqual([
          "monitoring_started",
          "monitoring_stopped"
        ])
        const unknown = yield* Effect.either(administration.explain("ws-unheard-of"))
        expect(Either.isLeft(unknown) && unknown.left._tag).toBe("UnknownWorkspace")
      })
    )
  )
})

describe("the audit trail", () => {
  it.effect("has who did what, and its chain holds", () =>
    inWorld({ workspaces: ["ws-a"] }, (_world, { administration }) =>
      Effect.gen(function* () {
        yield* administration.pause({ storeId: "ws-a", reason: "why not", expiresInMs: null }, actor)
        yield* administration.resume("ws-a", actor)
        yield* Effect.either(administration.approve("ffffffffffffffff", actor))
        const records = yield* administration.audit({ limit: 10, before: null, action: null })
        expect(records.map(({ action, outcome }) => `${action} ${outcome}`)).toEqual([
          "removal.approved refused",
          "workspace.resumed succeeded",
          "workspace.paused succeeded"
        ])
        expect(yield* administration.verifyAudit).toEqual({ intact: true, records: 3, firstBrokenSeq: null })
      })
    )
  )
})

describe("self-healing", () => {
  it.effect("a store that keeps dying is opened ever more seldom, and visibly so", () =>
    inWorld({ workspaces: ["ws-a"], intervalMs: 300_000 }, (world, { administration }) =>
      Effect.gen(function* () {
        for (let death = 0; death < 6; death++) {
          world.backend.kill("ws-a")
          yield* settle
        }
        const opened = world.backend.openCount("ws-a")
        expect(opened).toBeLessThanOrEqual(3)
        expect((yield* administration.explain("ws-a")).blockedBy.map(({ reason }) => reason)).toEqual([
          "flapping"
        ])
        yield* TestClock.adjust(5_000)
        expect((yield* administration.explain("ws-a")).monitored).toBe(true)
      })
    )
  )

  it.effect("a store that hears nothing beyond the limit is opened afresh", () =>
    inWorld({ workspaces: ["ws-a"], intervalMs: 300_000 }, (world) =>
      Effect.gen(function* () {
        world.backend.setConnected("ws-a", false)
        yield* TestClock.adjust(50_000)
        expect(world.backend.openCount("ws-a")).toBe(1)
        yield* TestClock.adjust(20_000)
        expect(world.backend.openCount("ws-a")).toBe(2)
      })
    )
  )
})

describe("a workspace that is not known", () => {
  it.effect("cannot be paused, planned or reconciled, unless the call says that it may be unknown", () =>
    inWorld({ workspaces: ["ws-a"] }, (_world, { administration }) =>
      Effect.gen(function* () {
        const request = { storeId: "ws-b", reason: "typo", expiresInMs: null }
        const calls: ReadonlyArray<Effect.Effect<void, { readonly _tag: string }>> = [
          Effect.asVoid(administration.pause(request, actor)),
          Effect.asVoid(administration.resume("ws-b", actor)),
          Effect.asVoid(administration.planOne("ws-b")),
          Effect.asVoid(administration.reconcileOne("ws-b", actor))
        ]
        for (const call of calls) {
          expect(Option.getOrNull(Either.getLeft(yield* Effect.either(call)))).toMatchObject({
            _tag: "UnknownWorkspace",
            storeId: "ws-b"
          })
        }
        expect((yield* administration.plan).paused).toEqual([])
        yield* administration.pause(request, actor, { allowUnknown: true })
        expect((yield* administration.plan).paused).toHaveLength(1)
        // A pause of what does not exist can be ended.
        expect(yield* administration.resume("ws-b", actor)).toBe(true)
      })
    )
  )

  it.effect("is one that the source does not know when it is asked, and not one that was stopped", () =>
    inWorld({ workspaces: ["ws-a", "ws-b"] }, (world, { administration }) =>
      Effect.gen(function* () {
        world.directory.create("ws-new")
        expect(yield* administration.reconcileOne("ws-new", actor)).toEqual({ status: "monitoring_started" })
        world.directory.remove("ws-new")
        yield* resync
        yield* resync
        expect(yield* administration.reconcileOne("ws-new", actor)).toEqual({ status: "already_stopped" })
      })
    )
  )
})

describe("the plan of one workspace", () => {
  it.effect("is right though a thousand others come before it", () =>
    inWorld({}, (world, { administration }) =>
      Effect.gen(function* () {
        yield* administration.pause({ storeId: null, reason: "test", expiresInMs: null }, actor)
        for (let index = 1_000; index < 2_100; index++) world.directory.create(`ws-${index}`)
        yield* resync
        const plan = yield* administration.plan
        expect([plan.held.length, plan.counts.held]).toEqual([1_000, 1_100])
        const { counts, differs, held } = yield* administration.planOne("ws-2099")
        expect([differs, counts.held]).toEqual([true, 1])
        expect(held).toMatchObject([{ storeId: "ws-2099", reason: "paused" }])
        expect((yield* administration.planOne("ws-1500")).held).toHaveLength(1)
      })
    )
  )
})
