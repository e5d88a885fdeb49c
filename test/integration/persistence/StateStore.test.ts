import { it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import { describe, expect } from "vitest"
import type { AuditEntry } from "../../../src/orchestration/Audit.ts"
import * as StateStore from "../../../src/orchestration/StateStore.ts"
import { StateDatabase } from "../../../src/persistence/StateDatabase.ts"
import { fillDisk, freeDisk, stateIn, temporaryFolder } from "./state.ts"

const sqlite = Layer.unwrapScoped(Effect.map(temporaryFolder, stateIn))

const pause: StateStore.Pause = {
  storeId: "ws-a",
  reason: "debugging",
  actor: "ada",
  since: 1,
  expiresAt: null
}
const loopPause: StateStore.Pause = {
  storeId: null,
  reason: "maintenance",
  actor: "bob",
  since: 2,
  expiresAt: 99
}
const approval: StateStore.Approval = {
  hash: "0123456789abcdef",
  storeIds: ["ws-a", "ws-b"],
  actor: "ada",
  approvedAt: 10,
  expiresAt: 20
}
const entry = (action: string, subject = ""): AuditEntry => ({
  at: 5,
  actor: "ada",
  address: "127.0.0.1",
  action,
  subject,
  detail: "because 'of' \"it\"\n--",
  outcome: "succeeded"
})
const all = { limit: 100, before: null, action: null }

// One suite for both: what the loop relies on in its unit tests is what it gets from the disk.
describe.each([
  ["in memory", StateStore.layerMemory],
  ["in SQLite", sqlite]
])("the state %s", (_, layer) => {
  const withStore = <A, E>(test: (store: StateStore.StateStore["Type"]) => Effect.Effect<A, E>) =>
    Effect.flatMap(StateStore.StateStore, test).pipe(Effect.provide(Layer.fresh(layer)))

  it.effect("keeps the audit chain whole, whatever somebody writes as a reason", () =>
    withStore(({ audit }) =>
      Effect.gen(function* () {
        const texts = [
          "\ud800",
          "a\u0000b",
          "\udfff\ud800",
          "😀",
          "\u202e",
          "'; DROP TABLE audit; --",
          "é",
          "\ufeff"
        ]
        for (const detail of texts) yield* audit.append({ ...entry("loop.paused", detail), detail })
        expect(yield* audit.verify).toEqual({ intact: true, records: texts.length, firstBrokenSeq: null })
        expect((yield* audit.read(all)).map(({ detail }) => detail)).toContain("😀")
      })
    )
  )

  it.effect("has the lockdown that stands, and none once it is lifted", () =>
    withStore(({ lockdown }) =>
      Effect.gen(function* () {
        expect(yield* lockdown.load).toBeUndefined()
        yield* lockdown.save({ reason: "an older one", actor: "bob", since: 1 })
        yield* lockdown.save({ reason: "leak", actor: "ada", since: 2 })
        expect(yield* lockdown.load).toEqual({ reason: "leak", actor: "ada", since: 2 })
        yield* lockdown.remove
        expect(yield* lockdown.load).toBeUndefined()
      })
    )
  )

  it.effect("remembers when each secret of a variable was first seen, by its fingerprint", () =>
    withStore(({ secrets }) =>
      Effect.gen(function* () {
        const since = (variable: string, at: number, ...fingerprints: ReadonlyArray<string>) =>
          Effect.map(secrets.seen(variable, fingerprints, at), (seen) =>
            fingerprints.map((one) => seen.get(one))
          )
        expect(yield* since("WEBHOOK_SECRET", 5, "sha256:0000000a")).toEqual([5])
        expect(yield* since("WEBHOOK_SECRET", 9, "sha256:0000000b", "sha256:0000000a")).toEqual([9, 5])
        expect(yield* since("SERVER_BYPASS_TOKEN", 12, "sha256:0000000a")).toEqual([12])
      })
    )
  )

  it.effect("has the pauses that stand: a second one of the same replaces the first", () =>
    withStore(({ pauses }) =>
      Effect.gen(function* () {
        expect(yield* pauses.load).toEqual([])
        yield* pauses.save({ ...pause, reason: "an older one" })
        yield* pauses.save(pause)
        yield* pauses.save(loopPause)
        expect(yield* pauses.load).toHaveLength(2)
        expect(yield* pauses.load).toEqual(expect.arrayContaining([pause, loopPause]))
        yield* pauses.remove("ws-a")
        yield* pauses.remove("ws-never-paused")
        expect(yield* pauses.load).toEqual([loopPause])
        yield* pauses.remove(null)
        expect(yield* pauses.load).toEqual([])
      })
    )
  )

  it.effect("has the removals of the guard's window, each of them counted", () =>
    withStore(({ removals }) =>
      Effect.gen(function* () {
        yield* removals.record({ at: 100, explicit: false }, 0)
        yield* removals.record({ at: 200, explicit: false }, 0)
        yield* removals.record({ at: 200, explicit: false }, 0)
        expect((yield* removals.load).map(({ at }) => at)).toEqual([100, 200, 200])
        yield* removals.record({ at: 300, explicit: false }, 200)
        expect((yield* removals.load).map(({ at }) => at)).toEqual([200, 200, 300])
      })
    )
  )

  it.effect("has the approvals with the ids that each is for", () =>
    withStore(({ approvals }) =>
      Effect.gen(function* () {
        expect(yield* approvals.load).toEqual([])
        yield* approvals.save(approval)
        const later = { ...approval, storeIds: ["ws-c"], approvedAt: 15 }
        yield* approvals.save(later)
        expect(yield* approvals.load).toEqual([approval, later])
      })
    )
  )

  it.effect("has the audit trail: the newest first, page by page, by action", () =>
    withStore(({ audit }) =>
      Effect.gen(function* () {
        for (const subject of ["one", "two", "three"]) yield* audit.append(entry("loop.paused", subject))
        yield* audit.append(entry("loop.resumed"))
        const records = yield* audit.read(all)
        expect(records.map(({ action, seq, subject }) => [seq, action, subject])).toEqual([
          [4, "loop.resumed", ""],
          [3, "loop.paused", "three"],
          [2, "loop.paused", "two"],
          [1, "loop.paused", "one"]
        ])
        expect(records[0]).toMatchObject(entry("loop.resumed"))
        const page = yield* audit.read({ limit: 1, before: 4, action: null })
        expect(page.map(({ seq }) => seq)).toEqual([3])
        const resumed = yield* audit.read({ ...all, action: "loop.resumed" })
        expect(resumed.map(({ seq }) => seq)).toEqual([4])
        expect(yield* audit.verify).toEqual({ intact: true, records: 4, firstBrokenSeq: null })
      })
    )
  )

  it.effect("has the newest transitions of each workspace, and no more than it promises", () =>
    withStore(({ transitions }) =>
      Effect.gen(function* () {
        const transition = (at: number) => ({ at, type: "died", message: `death ${at}` })
        for (let at = 1; at <= StateStore.MAX_TRANSITIONS + 20; at++) {
          yield* transitions.append("ws-a", transition(at))
        }
        yield* transitions.append("ws-b", transition(7))
        const known = yield* transitions.read("ws-a", 1_000)
        expect(known.map(({ at }) => at)).toEqual(
          Array.from({ length: StateStore.MAX_TRANSITIONS }, (_, index) => index + 21)
        )
        expect(yield* transitions.read("ws-a", 2)).toEqual([transition(69), transition(70)])
        expect(yield* transitions.read("ws-b", 10)).toEqual([transition(7)])
        expect(yield* transitions.read("ws-unknown", 10)).toEqual([])
      })
    )
  )

  it.effect("has the retired workspaces, and since when", () =>
    withStore(({ retired }) =>
      Effect.gen(function* () {
        yield* retired.add("ws-a", 100)
        yield* retired.add("ws-b", 200)
        expect(yield* retired.before(200)).toEqual(["ws-a"])
        yield* retired.add("ws-a", 300)
        expect(yield* retired.before(250)).toEqual(["ws-b"])
        yield* retired.remove("ws-b")
        expect(yield* retired.before(1_000)).toEqual(["ws-a"])
      })
    )
  )
})

describe("the state in SQLite, over a restart", () => {
  /** A life of a server over the folder, from start to end. */
  const life = <A>(
    folder: string,
    live: (
      store: StateStore.StateStore["Type"],
      database: StateDatabase["Type"]
    ) => Effect.Effect<A, StateStore.StateWriteFailed>
  ) =>
    Effect.gen(function* () {
      return yield* live(yield* StateStore.StateStore, yield* StateDatabase)
    }).pipe(Effect.provide(stateIn(folder)), Effect.scoped, Effect.orDie)

  it.scoped("is all there again, the transitions of the last moment too", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      yield* life(folder, (store) =>
        Effect.gen(function* () {
          yield* store.pauses.save(pause)
          yield* store.pauses.save(loopPause)
          yield* store.removals.record({ at: 100, explicit: false }, 0)
          yield* store.approvals.save(approval)
          yield* store.held.save(
            new Set(["ws-h", "ws-r"]),
            [{ storeId: "ws-h", since: 7, reason: "limit" }],
            [{ storeId: "ws-r", kind: "deleted", rejectedAt: 8, actor: "ann" }]
          )
          yield* store.audit.append(entry("loop.paused"))
          yield* store.retired.add("ws-a", 100)
          yield* store.transitions.append("ws-a", { at: 1, type: "monitoring_stopped", message: "Closed" })
        })
      )
      yield* life(folder, (store) =>
        Effect.gen(function* () {
          expect(yield* store.pauses.load).toEqual(expect.arrayContaining([pause, loopPause]))
          expect(yield* store.removals.load).toEqual([{ at: 100, explicit: false }])
          expect(yield* store.approvals.load).toEqual([approval])
          expect(yield* store.held.load).toEqual([{ storeId: "ws-h", since: 7, reason: "limit" }])
          expect(yield* store.held.rejected).toEqual([
            { storeId: "ws-r", kind: "deleted", rejectedAt: 8, actor: "ann" }
          ])
          expect(yield* store.retired.before(101)).toEqual(["ws-a"])
          expect(yield* store.transitions.read("ws-a", 10)).toHaveLength(1)
          yield* store.audit.append(entry("loop.resumed"))
          expect(yield* store.audit.verify).toEqual({ intact: true, records: 2, firstBrokenSeq: null })
        })
      )
    })
  )

  it.scoped("forgets approvals that had expired when the next was given", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const later = { ...approval, approvedAt: 30, expiresAt: 40 }
      yield* life(folder, ({ approvals }) => Effect.zipRight(approvals.save(approval), approvals.save(later)))
      expect(yield* life(folder, ({ approvals }) => approvals.load)).toEqual([later])
    })
  )

  it.scoped.each<readonly [string, string, number]>([
    ["a changed record", "UPDATE audit SET actor = 'mallory' WHERE seq = 2", 2],
    ["a record whose hash was made to fit its content", "UPDATE audit SET hash = 'forged' WHERE seq = 2", 2],
    ["a record taken away", "DELETE FROM audit WHERE seq = 2", 3],
    [
      "records that have changed places",
      "UPDATE audit SET seq = CASE seq WHEN 2 THEN -3 ELSE -2 END WHERE seq IN (2, 3)",
      -3
    ]
  ])("shows %s in the audit trail", ([_, tamper, broken]) =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      yield* life(folder, ({ audit }) =>
        Effect.forEach(["one", "two", "three"], (subject) => audit.append(entry("loop.paused", subject)), {
          discard: true
        })
      )
      yield* life(folder, ({ audit }, database) =>
        Effect.gen(function* () {
          expect(yield* audit.verify).toMatchObject({ intact: true, records: 3 })
          database.run(tamper)
          expect(yield* audit.verify).toMatchObject({ intact: false, firstBrokenSeq: broken })
        })
      )
    })
  )
})

describe("the state in SQLite, on a full disk", () => {
  it.effect("fails what an operator asks for and nothing else, and records it once it can, in order", () =>
    Effect.gen(function* () {
      const store = yield* StateStore.StateStore
      const database = yield* StateDatabase
      yield* store.audit.append(entry("loop.paused"))
      expect(store.health()).toEqual({ healthy: true, path: database.path, lastError: null })
      fillDisk(database)
      const tooLarge = "x".repeat(100_000)
      yield* store.audit.append(entry("loop.resumed", tooLarge))
      for (const write of [
        store.pauses.save({ ...pause, reason: tooLarge }),
        store.approvals.save({ ...approval, storeIds: [tooLarge] }),
        store.lockdown.save({ reason: tooLarge, actor: "ann", since: 1 }),
        store.held.save(
          new Set(["ws-a"]),
          [],
          [{ storeId: "ws-a", kind: "absent", rejectedAt: 1, actor: tooLarge }]
        )
      ]) {
        expect(Either.isLeft(yield* Effect.either(write))).toBe(true)
      }
      yield* store.transitions.append("ws-a", { at: 1, type: "died", message: tooLarge })
      expect(yield* store.transitions.read("ws-a", 1)).toEqual([])
      expect(store.health()).toEqual({
        healthy: false,
        path: database.path,
        lastError: "database or disk is full"
      })
      freeDisk(database)
      yield* store.audit.append(entry("loop.paused"))
      expect(store.health().healthy).toBe(true)
      expect(yield* store.audit.verify).toEqual({ intact: true, records: 3, firstBrokenSeq: null })
      const trail = yield* store.audit.read({ limit: 10, before: null, action: null })
      expect(trail.map(({ action }) => action)).toEqual(["loop.paused", "loop.resumed", "loop.paused"])
      expect(yield* store.pauses.load).toEqual([])
      expect(yield* store.lockdown.load).toBeUndefined()
    }).pipe(Effect.provide(sqlite))
  )
})
