import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/TestClock"
import { Administration } from "../../../src/orchestration/Administration.ts"
import * as Credentials from "../../../src/orchestration/Credentials.ts"
import * as Lockdown from "../../../src/orchestration/Lockdown.ts"
import { Operations } from "../../../src/orchestration/Operations.ts"
import * as StateStore from "../../../src/orchestration/StateStore.ts"
import { WorkspaceReconciler } from "../../../src/orchestration/WorkspaceReconciler.ts"
import { makeWorld } from "../../support/World.ts"

const actor = { name: "ann", address: "203.0.113.7" }

describe("a lockdown", () => {
  it.scoped("degrades the health, says who and why, and is in the audit trail; the loop goes on", () => {
    const { directory, layer } = makeWorld({ workspaces: ["one"], intervalMs: 60_000 })
    return Effect.gen(function* () {
      const administration = yield* Administration
      const operations = yield* Operations
      const reconciler = yield* WorkspaceReconciler
      yield* reconciler.start
      yield* TestClock.adjust("10 seconds")
      expect((yield* operations.health).status).toBe("healthy")

      const { isNew, lockdown } = yield* administration.lockDown("a token has leaked", actor)
      expect([isNew, lockdown.actor, lockdown.reason]).toEqual([true, "ann", "a token has leaked"])
      expect(administration.lockdown()).toEqual(lockdown)
      expect(yield* operations.health).toMatchObject({
        status: "degraded",
        lockdown: { active: true, actor: "ann", reason: "a token has leaked" }
      })
      expect((yield* administration.lockDown("again", actor)).isNew).toBe(false)
      expect(administration.lockdown()).toEqual(lockdown)

      directory.create("two")
      yield* TestClock.adjust("90 seconds")
      expect(yield* operations.health).toMatchObject({
        orchestrator: { monitoredStoreIds: ["one", "two"] }
      })

      yield* administration.liftLockdown("rotated", actor)
      expect(administration.lockdown()).toBeNull()
      expect((yield* operations.health).status).toBe("healthy")
      expect(yield* administration.liftLockdown("rotated", actor)).toBeNull()
      const records = yield* administration.audit({ limit: 10, before: null, action: null })
      expect(
        records.map(({ action, address, detail, outcome }) => [action, detail, outcome, address])
      ).toEqual([
        ["lockdown.lifted", "rotated", "refused", "203.0.113.7"],
        ["lockdown.lifted", "rotated", "succeeded", "203.0.113.7"],
        ["lockdown.begun", "again", "refused", "203.0.113.7"],
        ["lockdown.begun", "a token has leaked", "succeeded", "203.0.113.7"]
      ])
    }).pipe(Effect.provide(layer))
  })

  it.scoped("is followed by a run at once when it is lifted: what it refused is made good", () => {
    const { directory, layer } = makeWorld({ workspaces: ["one"], intervalMs: 3_600_000 })
    return Effect.gen(function* () {
      const administration = yield* Administration
      const operations = yield* Operations
      const reconciler = yield* WorkspaceReconciler
      yield* reconciler.start
      yield* TestClock.adjust("10 seconds")
      yield* administration.lockDown("look", actor)
      directory.create("two")
      yield* TestClock.adjust("10 seconds")
      expect(yield* operations.health).toMatchObject({ orchestrator: { monitoredStoreIds: ["one"] } })
      yield* administration.liftLockdown("seen", actor)
      yield* TestClock.adjust("10 seconds")
      expect(yield* operations.health).toMatchObject({ orchestrator: { monitoredStoreIds: ["one", "two"] } })
    }).pipe(Effect.provide(layer))
  })

  it.effect("stands after a restart, until it is lifted", () =>
    Effect.gen(function* () {
      const store = Layer.succeed(
        StateStore.StateStore,
        yield* Effect.provide(StateStore.StateStore, StateStore.layerMemory)
      )
      const life = <A>(
        use: (
          lockdown: (typeof Lockdown.Lockdown)["Service"]
        ) => Effect.Effect<A, StateStore.StateWriteFailed>
      ) => Effect.flatMap(Lockdown.Lockdown, use).pipe(Effect.provide(Lockdown.layer), Effect.provide(store))
      const lockdown = { reason: "leak", actor: "ann", since: 5 }
      yield* life(({ lock }) => lock(lockdown))
      expect(yield* life(({ current }) => Effect.sync(current))).toEqual(lockdown)
      expect(yield* life(({ lift }) => lift)).toEqual(lockdown)
      expect(yield* life(({ current }) => Effect.sync(current))).toBeUndefined()
    })
  )

  it.effect("whose writing fails is neither begun nor lifted, and says so", () =>
    Effect.gen(function* () {
      const state = yield* Effect.provide(StateStore.StateStore, StateStore.layerMemory)
      let isFull = true
      const failing = <A>(write: Effect.Effect<A, StateStore.StateWriteFailed>) =>
        Effect.suspend(() =>
          isFull ? Effect.fail(new StateStore.StateWriteFailed({ write: "lockdown" })) : write
        )
      const lockdownStore = {
        load: state.lockdown.load,
        save: (lockdown: StateStore.LockdownState) => failing(state.lockdown.save(lockdown)),
        remove: failing(state.lockdown.remove)
      }
      const store = Layer.succeed(StateStore.StateStore, { ...state, lockdown: lockdownStore })
      const life = Effect.provide(Lockdown.Lockdown, Layer.provide(Lockdown.layer, store))
      const lockdown = { reason: "leak", actor: "ann", since: 5 }
      const { current, lift, lock } = yield* life
      expect(Either.isLeft(yield* Effect.either(lock(lockdown)))).toBe(true)
      expect(current()).toBeUndefined()
      isFull = false
      expect(yield* lock(lockdown)).toEqual(lockdown)
      isFull = true
      expect(Either.isLeft(yield* Effect.either(lift))).toBe(true)
      expect(current()).toEqual(lockdown)
      isFull = false
      expect((yield* life).current()).toEqual(lockdown)
    })
  )
})

describe("the age of a secret", () => {
  it.effect("counts from the first start that had it, whichever place it has now", () =>
    Effect.gen(function* () {
      const store = Layer.succeed(
        StateStore.StateStore,
        yield* Effect.provide(StateStore.StateStore, StateStore.layerMemory)
      )
      const ages = (...secrets: ReadonlyArray<string>) =>
        Effect.flatMap(Credentials.Credentials, ({ views }) => views).pipe(
          Effect.provide(
            Credentials.layer([
              {
                variable: "WEBHOOK_SECRET",
                values: secrets.map((secret) => Redacted.make(secret)),
                isPresented: true
              }
            ])
          ),
          Effect.provide(store),
          Effect.map(([view]) => view?.secrets.map(({ ageMs, slot }) => [slot, ageMs]))
        )
      expect(yield* ages("old")).toEqual([["current", 0]])
      yield* TestClock.adjust("1 hour")
      expect(yield* ages("old", "new")).toEqual([
        ["current", 3_600_000],
        ["next", 0]
      ])
      yield* TestClock.adjust("1 hour")
      expect(yield* ages("new")).toEqual([["current", 3_600_000]])
    })
  )
})
