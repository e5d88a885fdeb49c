import { it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/TestClock"
import { describe, expect } from "vitest"
import { Administration } from "../../../src/orchestration/Administration.ts"
import { SELF_TEST_STORE_ID } from "../../../src/orchestration/SelfTest.ts"
import { WorkspaceOrchestrator } from "../../../src/orchestration/WorkspaceOrchestrator.ts"
import { WorkspaceReconciler } from "../../../src/orchestration/WorkspaceReconciler.ts"
import { makeWorld, type WorldOptions } from "../../support/World.ts"

const settle = TestClock.adjust(100)

const inWorld = <A, E>(
  options: WorldOptions,
  body: (
    world: ReturnType<typeof makeWorld>,
    administration: (typeof Administration)["Service"]
  ) => Effect.Effect<A, E, WorkspaceOrchestrator>
) => {
  const world = makeWorld(options)
  return Effect.gen(function* () {
    const reconciler = yield* WorkspaceReconciler
    yield* reconciler.start
    yield* settle
    return yield* body(world, yield* Administration)
  }).pipe(Effect.provide(world.layer))
}

/** Runs it while the clock goes on far enough for every bound of it. */
const finish = <A, E>(effect: Effect.Effect<A, E>) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.fork(effect)
    yield* TestClock.adjust(60_000)
    return yield* Fiber.join(fiber)
  })

describe("the self-test", () => {
  it.effect("opens a store of its own, and leaves nothing open and no workspace touched", () =>
    inWorld({ workspaces: ["ws-a"], openMs: 7 }, (world, administration) =>
      Effect.gen(function* () {
        expect(yield* finish(administration.selfTest)).toEqual({
          healthy: true,
          detail: {
            driver: "memory",
            openMs: 7,
            connected: true,
            events: 0,
            closed: true,
            durationMs: 7,
            error: null
          }
        })
        expect(world.backend.openCount(SELF_TEST_STORE_ID)).toBe(1)
        expect(world.backend.claimed()).toEqual(["ws-a"])
        const { listMonitored } = yield* WorkspaceOrchestrator
        expect([listMonitored(), world.backend.openCount("ws-a")]).toEqual([["ws-a"], 1])
      })
    )
  )

  it.effect("is shared by all who ask at the same time", () =>
    inWorld({ openMs: 50 }, (world, administration) =>
      Effect.gen(function* () {
        const both = Effect.all([administration.selfTest, administration.selfTest], {
          concurrency: "unbounded"
        })
        const [one, other] = yield* finish(both)
        expect(one).toEqual(other)
        expect(world.backend.openCount(SELF_TEST_STORE_ID)).toBe(1)
        expect((yield* finish(administration.selfTest)).healthy).toBe(true)
        expect(world.backend.openCount(SELF_TEST_STORE_ID)).toBe(2)
      })
    )
  )

  it.effect("goes on to its end though who asked has gone", () =>
    inWorld({ openMs: 50 }, (world, administration) =>
      Effect.gen(function* () {
        const asking = yield* Effect.fork(administration.selfTest)
        yield* TestClock.adjust(10)
        yield* Fiber.interrupt(asking)
        expect(world.backend.claimed()).toEqual([SELF_TEST_STORE_ID])
        yield* settle
        expect(world.backend.claimed()).toEqual([])
      })
    )
  )

  for (const [fault, error] of [
    ["hang", "The store did not open within 30000 ms"],
    ["rejected", "made to fail by its backend"]
  ] as const) {
    it.effect(`says so when the store does not open (${fault}), and gives it back`, () =>
      inWorld({}, (world, administration) =>
        Effect.gen(function* () {
          world.backend.setOpenFault(SELF_TEST_STORE_ID, fault)
          expect(yield* finish(administration.selfTest)).toMatchObject({
            healthy: false,
            detail: { error, closed: true }
          })
          expect(world.backend.claimed()).toEqual([])
        })
      )
    )
  }

  it.effect("passes offline, and says that nothing connected", () =>
    inWorld({}, (world, administration) =>
      Effect.gen(function* () {
        world.backend.setConnected(SELF_TEST_STORE_ID, false)
        expect(yield* finish(administration.selfTest)).toMatchObject({
          healthy: true,
          detail: { connected: false }
        })
      })
    )
  )

  it.effect("leaves a workspace alone that has its id", () =>
    inWorld({ workspaces: [SELF_TEST_STORE_ID] }, (world, administration) =>
      Effect.gen(function* () {
        expect((yield* finish(administration.selfTest)).healthy).toBe(false)
        expect(world.backend.claimed()).toEqual([SELF_TEST_STORE_ID])
        expect(world.backend.openCount(SELF_TEST_STORE_ID)).toBe(1)
      })
    )
  )
})
