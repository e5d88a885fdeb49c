/** The loop over restarts on one data folder: what must not be forgotten, and what must not be done (laws 5, 6, 7, 12). */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import type * as Scope from "effect/Scope"
import { readdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { Administration } from "../../../src/orchestration/Administration.ts"
import * as DataRetention from "../../../src/orchestration/DataRetention.ts"
import { Operations } from "../../../src/orchestration/Operations.ts"
import { WorkspaceOrchestrator } from "../../../src/orchestration/WorkspaceOrchestrator.ts"
import { WorkspaceReconciler } from "../../../src/orchestration/WorkspaceReconciler.ts"
import { StateDatabase } from "../../../src/persistence/StateDatabase.ts"
import { VirtualClock } from "../../unit/controller/VirtualClock.ts"
import { makeWorld, type WorldOptions } from "../../support/World.ts"
import { fillDisk, freeDisk, stateIn, temporaryFolder } from "./state.ts"

const actor = { name: "ada", address: "127.0.0.1" }
const RETENTION_MS = 600_000
const forty = Array.from({ length: 40 }, (_, index) => `ws-${String(index).padStart(2, "0")}`)

/** A virtual clock that tells whole milliseconds, as the real one does. */
class WholeClock extends VirtualClock {
  override unsafeCurrentTimeMillis(): number {
    return Math.floor(super.unsafeCurrentTimeMillis())
  }
}

const clock = new WholeClock()
/** Lets everything that can happen now happen. */
const settle = clock.advance(10)
/** Longer than the interval and its jitter. */
const resync = clock.advance(66_000)

/** A test on virtual time, in a scope. */
const inScope =
  <A, E>(test: Effect.Effect<A, E, Scope.Scope>) =>
  (): Promise<A> =>
    Effect.runPromise(
      test.pipe(Effect.scoped, Effect.withClock(clock), Logger.withMinimumLogLevel(LogLevel.None))
    )

/** What a life has to hand. */
const services = Effect.gen(function* () {
  return {
    administration: yield* Administration,
    operations: yield* Operations,
    orchestrator: yield* WorkspaceOrchestrator,
    reconciler: yield* WorkspaceReconciler,
    database: yield* StateDatabase
  }
})

/** One data folder, one source and one sync backend, on which servers live one after the other. */
const makePlace = (options: WorldOptions) =>
  Effect.gen(function* () {
    const folder = yield* temporaryFolder
    const state = stateIn(folder)
    /** Which stores' local data was deleted, in order. */
    const purged: Array<string> = []
    const { backend, directory, layer } = makeWorld({
      ...options,
      state,
      onPurge: (storeId) => {
        expect(backend.claimed()).not.toContain(storeId)
        purged.push(storeId)
      }
    })
    const server = DataRetention.layer({ retentionMs: RETENTION_MS }).pipe(
      Layer.provideMerge(layer),
      Layer.provideMerge(state)
    )
    return {
      folder,
      directory,
      backend,
      purged,
      /** A server from its start to its end. */
      life: <A, E>(live: (parts: Effect.Effect.Success<typeof services>) => Effect.Effect<A, E>) =>
        Effect.gen(function* () {
          const parts = yield* services
          yield* parts.reconciler.start
          yield* settle
          return yield* live(parts)
        }).pipe(Effect.provide(Layer.fresh(server)), Effect.scoped)
    }
  })

const nothing = () => Effect.void

describe("a restart", () => {
  it(
    "monitors the last snapshot again while the source is down, and says that it is one",
    inScope(
      Effect.gen(function* () {
        const { directory, life } = yield* makePlace({ workspaces: ["ws-a", "ws-b"] })
        yield* life(nothing)
        directory.break()
        yield* clock.advance(10_000)
        yield* life(({ operations, orchestrator }) =>
          Effect.gen(function* () {
            expect(orchestrator.listMonitored()).toEqual(["ws-a", "ws-b"])
            expect(yield* operations.health).toMatchObject({
              status: "degraded",
              convergence: { converged: true, desired: { source: "snapshot", fresh: true } }
            })
            directory.heal()
            directory.create("ws-c")
            yield* resync
            expect(orchestrator.listMonitored()).toEqual(["ws-a", "ws-b", "ws-c"])
            expect((yield* operations.health).status).toBe("healthy")
          })
        )
      })
    )
  )

  it(
    "does not bring back what was stopped, with the source down",
    inScope(
      Effect.gen(function* () {
        const { directory, life } = yield* makePlace({ workspaces: ["ws-a", "ws-b"] })
        yield* life(({ orchestrator }) =>
          Effect.gen(function* () {
            directory.remove("ws-b")
            yield* resync
            yield* resync
            expect(orchestrator.listMonitored()).toEqual(["ws-a"])
          })
        )
        directory.break()
        yield* life(({ orchestrator }) =>
          Effect.sync(() => expect(orchestrator.listMonitored()).toEqual(["ws-a"]))
        )
      })
    )
  )

  it(
    "goes on with the evidence: one list before it and one after it are two",
    inScope(
      Effect.gen(function* () {
        const { directory, life } = yield* makePlace({ workspaces: ["ws-a", "ws-b"], confirmations: 3 })
        yield* life(() => {
          directory.remove("ws-b")
          return resync
        })
        yield* life(({ administration, orchestrator }) =>
          Effect.gen(function* () {
            expect(orchestrator.listMonitored()).toEqual(["ws-a", "ws-b"])
            const { desired } = yield* administration.explain("ws-b")
            expect(desired.absence).toMatchObject({ kind: "absent", confirmations: 2 })
            yield* resync
            expect(orchestrator.listMonitored()).toEqual(["ws-a"])
          })
        )
      })
    )
  )

  it(
    "goes on with the grace, which is over when it would have been",
    inScope(
      Effect.gen(function* () {
        const { directory, life } = yield* makePlace({ workspaces: ["ws-a", "ws-b"], graceMs: 600_000 })
        yield* life(() =>
          Effect.gen(function* () {
            directory.remove("ws-b")
            yield* resync
            yield* clock.advance(300_000)
          })
        )
        yield* life(({ administration, orchestrator }) =>
          Effect.gen(function* () {
            expect((yield* administration.explain("ws-b")).blockedBy.map(({ reason }) => reason)).toEqual([
              "grace"
            ])
            yield* clock.advance(150_000)
            expect(orchestrator.listMonitored()).toEqual(["ws-a", "ws-b"])
            yield* clock.advance(150_000)
            expect(orchestrator.listMonitored()).toEqual(["ws-a"])
          })
        )
      })
    )
  )

  it(
    "monitors all forty of which thirty are missing, and the guard still holds them",
    inScope(
      Effect.gen(function* () {
        const { backend, directory, life } = yield* makePlace({ workspaces: forty })
        const before = yield* life(({ administration }) =>
          Effect.gen(function* () {
            for (const id of forty.slice(0, 30)) directory.remove(id)
            yield* resync
            yield* resync
            return (yield* administration.plan).guard
          })
        )
        expect(before).toMatchObject({ tripped: true, storeIds: forty.slice(0, 30) })
        expect(backend.claimed()).toEqual([])
        yield* life(({ administration, orchestrator }) =>
          Effect.gen(function* () {
            expect(orchestrator.listMonitored()).toEqual(forty)
            expect((yield* administration.plan).guard).toEqual(before)
            yield* resync
            yield* administration.approve(before.planHash ?? "", actor)
            yield* settle
            expect(orchestrator.listMonitored()).toEqual(forty.slice(30))
          })
        )
      })
    )
  )

  it(
    "does not empty the guard's window: a drip over restarts is a drip",
    inScope(
      Effect.gen(function* () {
        const { directory, life } = yield* makePlace({ workspaces: forty.slice(0, 10), intervalMs: 1_000 })
        for (const id of forty.slice(0, 6)) {
          yield* life(() => {
            directory.remove(id)
            return clock.advance(5_000)
          })
        }
        yield* life(({ administration, orchestrator }) =>
          Effect.gen(function* () {
            // Three removals pass in a window of a set of ten.
            expect(orchestrator.listMonitored()).toHaveLength(7)
            expect((yield* administration.plan).guard).toMatchObject({ tripped: true, recentRemovals: 3 })
          })
        )
      })
    )
  )

  it(
    "keeps an approval that has not been carried out yet",
    inScope(
      Effect.gen(function* () {
        const { directory, life } = yield* makePlace({ workspaces: forty })
        yield* life(({ administration, orchestrator }) =>
          Effect.gen(function* () {
            for (const id of forty.slice(0, 30)) directory.remove(id)
            yield* resync
            yield* resync
            yield* administration.pause({ storeId: null, reason: "not now", expiresInMs: null }, actor)
            yield* administration.approve((yield* administration.plan).guard.planHash ?? "", actor)
            yield* settle
            expect(orchestrator.listMonitored()).toEqual(forty)
          })
        )
        yield* life(({ administration, orchestrator }) =>
          Effect.gen(function* () {
            yield* administration.resume(null, actor)
            yield* clock.advance(30_000)
            expect(orchestrator.listMonitored()).toEqual(forty.slice(30))
          })
        )
      })
    )
  )

  it(
    "does not let an approval that was carried out count a second time",
    inScope(
      Effect.gen(function* () {
        const { directory, life } = yield* makePlace({ workspaces: forty })
        const vanished = forty.slice(0, 30)
        yield* life(({ administration, orchestrator }) =>
          Effect.gen(function* () {
            for (const id of vanished) directory.remove(id)
            yield* resync
            yield* resync
            yield* administration.approve((yield* administration.plan).guard.planHash ?? "", actor)
            yield* settle
            expect(orchestrator.listMonitored()).toEqual(forty.slice(30))
          })
        )
        yield* life(({ administration, orchestrator }) =>
          Effect.gen(function* () {
            for (const id of vanished) directory.create(id)
            yield* resync
            for (const id of vanished) directory.remove(id)
            yield* resync
            yield* resync
            expect(orchestrator.listMonitored()).toEqual(forty)
            expect((yield* administration.plan).guard.tripped).toBe(true)
          })
        )
      })
    )
  )

  it(
    "does not keep an approval for those that have reappeared",
    inScope(
      Effect.gen(function* () {
        const { directory, life } = yield* makePlace({ workspaces: forty })
        const vanished = forty.slice(0, 30)
        yield* life(({ administration, orchestrator }) =>
          Effect.gen(function* () {
            for (const id of vanished) directory.remove(id)
            yield* resync
            yield* resync
            yield* administration.pause({ storeId: null, reason: "not now", expiresInMs: null }, actor)
            yield* administration.approve((yield* administration.plan).guard.planHash ?? "", actor)
            for (const id of vanished) directory.create(id)
            yield* resync
            for (const id of vanished) directory.remove(id)
            yield* administration.resume(null, actor)
            yield* resync
            yield* resync
            expect(orchestrator.listMonitored()).toEqual(forty)
            expect((yield* administration.plan).guard.storeIds).toEqual(vanished)
          })
        )
      })
    )
  )

  it(
    "does not find an approval again for those that have reappeared before it",
    inScope(
      Effect.gen(function* () {
        const { directory, life } = yield* makePlace({ workspaces: forty })
        const vanished = forty.slice(0, 30)
        yield* life(({ administration }) =>
          Effect.gen(function* () {
            for (const id of vanished) directory.remove(id)
            yield* resync
            yield* resync
            yield* administration.pause({ storeId: null, reason: "not now", expiresInMs: null }, actor)
            yield* administration.approve((yield* administration.plan).guard.planHash ?? "", actor)
            for (const id of vanished) directory.create(id)
            yield* resync
            yield* administration.resume(null, actor)
          })
        )
        for (const id of vanished) directory.remove(id)
        yield* life(({ administration, orchestrator }) =>
          Effect.gen(function* () {
            yield* resync
            yield* resync
            expect(orchestrator.listMonitored()).toEqual(forty)
            expect((yield* administration.plan).guard.storeIds).toEqual(vanished)
          })
        )
      })
    )
  )

  it(
    "keeps the pauses, with who and why, until they are resumed or expire",
    inScope(
      Effect.gen(function* () {
        const { directory, life } = yield* makePlace({ workspaces: ["ws-a"] })
        yield* life(({ administration }) =>
          Effect.gen(function* () {
            yield* administration.pause({ storeId: "ws-b", reason: "debugging", expiresInMs: null }, actor, {
              allowUnknown: true
            })
            yield* administration.pause({ storeId: "ws-c", reason: "briefly", expiresInMs: 300_000 }, actor, {
              allowUnknown: true
            })
          })
        )
        directory.create("ws-b")
        directory.create("ws-c")
        yield* life(({ administration, operations, orchestrator }) =>
          Effect.gen(function* () {
            expect(orchestrator.listMonitored()).toEqual(["ws-a"])
            expect((yield* operations.health).status).toBe("degraded")
            expect((yield* administration.explain("ws-b")).summary).toContain("paused by ada (debugging)")
            yield* clock.advance(400_000)
            expect(orchestrator.listMonitored()).toEqual(["ws-a", "ws-c"])
            expect(yield* administration.resume("ws-b", actor)).toBe(true)
            yield* settle
            expect(orchestrator.listMonitored()).toEqual(["ws-a", "ws-b", "ws-c"])
          })
        )
      })
    )
  )

  it(
    "keeps the whole loop's pause: nothing is opened, and nothing looks green",
    inScope(
      Effect.gen(function* () {
        const { life } = yield* makePlace({ workspaces: ["ws-a"] })
        yield* life(({ administration }) =>
          administration.pause({ storeId: null, reason: "maintenance", expiresInMs: null }, actor)
        )
        yield* life(({ administration, operations, orchestrator }) =>
          Effect.gen(function* () {
            yield* resync
            expect(orchestrator.listMonitored()).toEqual([])
            expect((yield* operations.health).status).toBe("degraded")
            yield* administration.resume(null, actor)
            yield* settle
            expect(orchestrator.listMonitored()).toEqual(["ws-a"])
          })
        )
      })
    )
  )

  it(
    "keeps each workspace's history, and the audit trail whole",
    inScope(
      Effect.gen(function* () {
        const { directory, life } = yield* makePlace({ workspaces: ["ws-a", "ws-b"] })
        yield* life(() => {
          directory.remove("ws-b")
          return Effect.zipRight(resync, resync)
        })
        yield* life(({ administration }) =>
          Effect.gen(function* () {
            const { summary, transitions } = yield* administration.explain("ws-b")
            expect(summary).toContain("not desired")
            expect(transitions.map(({ type }) => type)).toEqual(["monitoring_started", "monitoring_stopped"])
            yield* administration.pause({ storeId: "ws-a", reason: "why not", expiresInMs: null }, actor)
            const records = yield* administration.audit({ limit: 10, before: null, action: null })
            expect(records.map(({ action, subject }) => `${action} ${subject}`)).toEqual([
              "workspace.paused ws-a",
              "store.stopped ws-b"
            ])
            expect((yield* administration.verifyAudit).intact).toBe(true)
            expect(Either.isLeft(yield* Effect.either(administration.explain("ws-never")))).toBe(true)
          })
        )
      })
    )
  )
})

describe("a state that was lost", () => {
  const spoil = (folder: string) => {
    for (const name of readdirSync(folder))
      if (name !== "state.lock") writeFileSync(join(folder, name), "lost")
  }

  it(
    "is rebuilt from the source, and nothing is removed or deleted",
    inScope(
      Effect.gen(function* () {
        const { backend, directory, folder, life, purged } = yield* makePlace({ workspaces: forty })
        yield* life(() => {
          for (const id of forty.slice(0, 30)) directory.remove(id)
          return Effect.zipRight(resync, resync)
        })
        spoil(folder)
        for (const id of forty.slice(0, 30)) directory.create(id)
        yield* life(({ administration, operations, orchestrator }) =>
          Effect.gen(function* () {
            yield* resync
            expect(orchestrator.listMonitored()).toEqual(forty)
            expect(orchestrator.stats().totalDeprovisioned).toBe(0)
            expect((yield* administration.plan).differs).toBe(false)
            expect((yield* operations.health).status).toBe("healthy")
            yield* clock.advance(3 * RETENTION_MS)
            expect(purged).toEqual([])
            expect(backend.claimed()).toHaveLength(40)
          })
        )
        expect(readdirSync(folder).filter((name) => name.includes("corrupt"))).not.toEqual([])
      })
    )
  )

  it(
    "with the source down as well monitors nothing, says so, and deletes nothing",
    inScope(
      Effect.gen(function* () {
        const { directory, folder, life, purged } = yield* makePlace({ workspaces: ["ws-a"] })
        yield* life(nothing)
        spoil(folder)
        directory.break()
        yield* life(({ operations, orchestrator }) =>
          Effect.gen(function* () {
            expect(orchestrator.listMonitored()).toEqual([])
            expect(yield* operations.health).toMatchObject({
              status: "degraded",
              convergence: { converged: false, desired: { source: "none", fresh: false } }
            })
            directory.heal()
            yield* clock.advance(3 * RETENTION_MS)
            expect(orchestrator.listMonitored()).toEqual(["ws-a"])
            expect(purged).toEqual([])
          })
        )
      })
    )
  )
})

describe("a full disk", () => {
  it(
    "stops nothing, is shown, and costs nothing once there is room again",
    inScope(
      Effect.gen(function* () {
        const { directory, life } = yield* makePlace({ workspaces: ["ws-a", "ws-b"] })
        const many = Array.from({ length: 500 }, (_, index) => `many-${index}`)
        yield* life(({ database, operations, orchestrator }) =>
          Effect.gen(function* () {
            fillDisk(database)
            for (const id of many) directory.create(id)
            yield* resync
            expect(orchestrator.listMonitored().length).toBe(502)
            expect(yield* operations.health).toMatchObject({
              status: "unhealthy",
              state: { healthy: false, error: "database or disk is full" }
            })
            freeDisk(database)
            directory.remove("ws-b")
            yield* resync
            yield* resync
            expect((yield* operations.health).status).toBe("healthy")
          })
        )
        directory.break()
        yield* life(({ orchestrator }) =>
          Effect.gen(function* () {
            yield* settle
            expect(orchestrator.listMonitored().length).toBe(501)
          })
        )
      })
    )
  )
})

describe("the local data of a removed workspace", () => {
  it(
    "is kept for its retention, restarts or not, and is then deleted, once",
    inScope(
      Effect.gen(function* () {
        const { directory, life, purged } = yield* makePlace({ workspaces: ["ws-a", "ws-b"] })
        yield* life(() => {
          directory.remove("ws-b")
          return Effect.zipRight(resync, resync)
        })
        yield* life(() => clock.advance(RETENTION_MS - 200_000))
        expect(purged).toEqual([])
        yield* life(() => clock.advance(RETENTION_MS))
        expect(purged).toEqual(["ws-b"])
        yield* life(() => clock.advance(RETENTION_MS))
        expect(purged).toEqual(["ws-b"])
      })
    )
  )

  it(
    "is never deleted while it is desired again, or monitored",
    inScope(
      Effect.gen(function* () {
        const { directory, life, purged } = yield* makePlace({ workspaces: ["ws-a", "ws-b", "ws-c", "ws-d"] })
        yield* life(({ administration, orchestrator }) =>
          Effect.gen(function* () {
            for (const id of ["ws-b", "ws-c", "ws-d"]) directory.remove(id)
            yield* resync
            yield* resync
            expect(orchestrator.listMonitored()).toEqual(["ws-a"])
            // Desired again but not open; open again; and gone.
            yield* administration.pause({ storeId: "ws-c", reason: "debugging", expiresInMs: null }, actor)
            directory.create("ws-b")
            directory.create("ws-c")
            yield* resync
            expect(orchestrator.listMonitored()).toEqual(["ws-a", "ws-b"])
            yield* clock.advance(2 * RETENTION_MS)
            expect(purged).toEqual(["ws-d"])
          })
        )
        directory.break()
        yield* life(() => clock.advance(2 * RETENTION_MS))
        expect(purged).toEqual(["ws-d"])
      })
    )
  )

  it(
    "is not deleted while the guard, or a grace, still keeps the workspace monitored",
    inScope(
      Effect.gen(function* () {
        const { directory, life, purged } = yield* makePlace({ workspaces: forty })
        yield* life(() =>
          Effect.gen(function* () {
            for (const id of forty.slice(0, 30)) directory.remove(id)
            yield* clock.advance(3 * RETENTION_MS)
          })
        )
        yield* life(() => clock.advance(RETENTION_MS))
        expect(purged).toEqual([])
      })
    )
  )
})
