import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as TestClock from "effect/TestClock"
import * as CircuitBreaker from "../../../src/controller/CircuitBreaker.ts"
import * as DesiredState from "../../../src/workspaces/DesiredState.ts"
import {
  DirectoryInconsistent,
  DirectoryMalformed,
  DirectoryRejected,
  DirectoryUnavailable,
  type DirectoryError
} from "../../../src/workspaces/DirectoryError.ts"
import { SnapshotStore, type Snapshot } from "../../../src/workspaces/SnapshotStore.ts"
import { makeFakeDirectory, unavailable } from "../../support/FakeDirectory.ts"
import {
  changed,
  listed,
  makeScriptedDirectory,
  notModified,
  tooOld
} from "../../support/ScriptedDirectory.ts"

/** A snapshot store that a test can look into, and that another desired state can start from. */
const makeDisk = (initial?: Snapshot) => {
  const disk = { saved: initial, touched: [] as Array<ReadonlySet<string>> }
  const layer = Layer.succeed(
    SnapshotStore,
    SnapshotStore.of({
      load: Effect.sync(() => Option.fromNullable(disk.saved)),
      save: (snapshot, touched) =>
        Effect.sync(() => {
          disk.saved = { ...snapshot, entries: new Map(snapshot.entries) }
          disk.touched.push(new Set(touched))
        })
    })
  )
  return { disk, layer }
}

interface Given {
  readonly directory: { readonly layer: ReturnType<typeof makeScriptedDirectory>["layer"] }
  readonly pinned?: ReadonlyArray<string>
  readonly store?: ReturnType<typeof makeDisk>["layer"]
  readonly breaker?: CircuitBreaker.CircuitBreaker
}

const desiredOf = ({ directory, pinned = [], store = makeDisk().layer, breaker }: Given) =>
  Effect.gen(function* () {
    return yield* DesiredState.make({
      staticOnly: false,
      removalConfirmations: 3,
      pinned,
      breaker: breaker ?? (yield* CircuitBreaker.make({ name: "auth-worker" }))
    })
  }).pipe(Effect.provide(Layer.merge(directory.layer, store)))

type Desired = Effect.Effect.Success<ReturnType<typeof desiredOf>>

/** All that the desired state says. */
const pictureOf = (desired: Desired) => ({
  entries: Object.fromEntries([...desired.ids()].map((id) => [id, desired.get(id)])),
  absences: new Map(desired.absences()),
  size: desired.size(),
  view: { ...desired.view(), ageMs: null, lastError: null }
})

const present = { _tag: "Present", pinned: false }
const unknown = { _tag: "Unknown" }

describe("DesiredState", () => {
  describe("refreshing", () => {
    it.scoped("goes on for others when whoever asked first is interrupted, at whatever moment", () =>
      Effect.gen(function* () {
        const settled = Effect.yieldNow().pipe(Effect.repeatN(100))
        // A fiber lets others run after so many steps: what it does before moves that moment through the refresh.
        const budget = 64
        for (let before = 0; before < budget; before++) {
          const desired = yield* desiredOf({ directory: makeFakeDirectory() })
          const late = Array.from({ length: before }).reduce<Effect.Effect<void>>(
            (all) => Effect.flatMap(all, () => Effect.void),
            Effect.void
          )
          const first = yield* Effect.fork(
            Effect.withMaxOpsBeforeYield(Effect.zipRight(late, desired.refresh("nudge")), budget)
          )
          yield* Effect.yieldNow()
          yield* Fiber.interrupt(first)
          yield* settled
          const second = yield* Effect.fork(desired.refresh("nudge"))
          yield* settled
          expect([before, second.unsafePoll()]).toEqual([before, Exit.void])
        }
      })
    )

    it.scoped("makes one read and one trailing read out of a thousand calls", () =>
      Effect.gen(function* () {
        const directory = makeFakeDirectory(["ws-a"])
        directory.setLatency(50)
        const desired = yield* desiredOf({ directory })
        const first = yield* Effect.fork(desired.refresh("resync"))
        yield* TestClock.adjust(10)
        const others = yield* Effect.fork(
          Effect.replicateEffect(desired.refresh("nudge"), 999, { concurrency: "unbounded" })
        )
        yield* TestClock.adjust(1_000)
        yield* Fiber.join(first)
        yield* Fiber.join(others)
        expect(directory.calls.list).toBe(2)
      })
    )

    it.scoped("answers a call made during a read from a read that began after the call (law 3)", () =>
      Effect.gen(function* () {
        const directory = makeScriptedDirectory()
        const world = new Set(["ws-a"])
        // What the list says is read at its beginning; its answer takes a while.
        directory.script.list = () => Effect.suspend(() => Effect.delay(listed([...world]), 50))
        const desired = yield* desiredOf({ directory })
        const early = yield* Effect.fork(desired.refresh("resync"))
        yield* TestClock.adjust(10)
        world.add("ws-b")
        const late = yield* Effect.fork(desired.refresh("nudge"))
        yield* TestClock.adjust(40)
        yield* Fiber.join(early)
        expect(desired.get("ws-b")).toEqual(unknown)
        yield* TestClock.adjust(150)
        yield* Fiber.join(late)
        expect(desired.get("ws-b")).toEqual(present)
      })
    )

    it.scoped("reads the whole list for all that wait once one of them asks for a resync", () =>
      Effect.gen(function* () {
        const directory = makeFakeDirectory(["ws-a"])
        directory.setFeatures("revision", "changes")
        const desired = yield* desiredOf({ directory })
        yield* desired.refresh("resync")
        directory.setLatency(50)
        const kinds = ["nudge", "nudge", "resync", "nudge"] as const
        const calls = yield* Effect.fork(
          Effect.forEach(kinds, (kind) => desired.refresh(kind), { concurrency: "unbounded" })
        )
        yield* TestClock.adjust(1_000)
        yield* Fiber.join(calls)
        expect(directory.calls).toMatchObject({ list: 2, changes: 0 })
      })
    )

    it.scoped("goes on when the caller that began it is interrupted", () =>
      Effect.gen(function* () {
        const directory = makeFakeDirectory(["ws-a"])
        directory.setLatency(50)
        const desired = yield* desiredOf({ directory })
        const first = yield* Effect.fork(desired.refresh("resync"))
        yield* TestClock.adjust(10)
        const second = yield* Effect.fork(desired.refresh("resync"))
        yield* TestClock.adjust(10)
        yield* Fiber.interrupt(first)
        yield* TestClock.adjust(100)
        yield* Fiber.join(second)
        expect(desired.get("ws-a")).toEqual(present)
        expect(directory.calls.list).toBe(2)
      })
    )

    it.scoped(
      "gives a failure to those that waited for the failed read, and the next read to the others",
      () =>
        Effect.gen(function* () {
          const directory = makeScriptedDirectory()
          directory.script.list = () => Effect.delay(Effect.fail(unavailable), 50)
          const desired = yield* desiredOf({ directory })
          const first = yield* Effect.fork(Effect.exit(desired.refresh("resync")))
          yield* TestClock.adjust(10)
          const second = yield* Effect.fork(Effect.exit(desired.refresh("resync")))
          yield* TestClock.adjust(10)
          directory.lists(["ws-a"])
          yield* TestClock.adjust(100)
          expect(yield* Fiber.join(first)).toEqual(Exit.fail(unavailable))
          expect(yield* Fiber.join(second)).toEqual(Exit.void)
          expect(desired.view()).toMatchObject({ source: "auth-worker", lastError: null })
        })
    )

    it.scoped("gives up a read that hangs, the trailing one too (law 4)", () =>
      Effect.gen(function* () {
        const directory = makeScriptedDirectory()
        const patient = { duration: 10_000, onTimeout: () => unavailable }
        directory.script.list = () => Effect.timeoutFail(Effect.never, patient)
        const desired = yield* desiredOf({ directory })
        const first = yield* Effect.fork(Effect.exit(desired.refresh("resync")))
        yield* TestClock.adjust(10)
        const trailing = yield* Effect.fork(Effect.exit(desired.refresh("resync")))
        yield* TestClock.adjust(10_000)
        expect(yield* Fiber.join(first)).toEqual(Exit.fail(unavailable))
        yield* TestClock.adjust(10_000)
        expect(yield* Fiber.poll(trailing)).toEqual(Option.some(Exit.succeed(Exit.fail(unavailable))))
      })
    )

    it.scoped(
      "lets listeners hear of what a list has brought before the feed has explained what it lacks",
      () =>
        Effect.gen(function* () {
          const directory = makeScriptedDirectory()
          const features = ["revision", "changes"] as const
          directory.lists(["ws-a"], { revision: "1", features })
          const desired = yield* desiredOf({ directory })
          yield* desired.refresh("resync")
          const heard: Array<ReadonlyArray<string>> = []
          yield* desired.subscribe(({ touched }) => Effect.sync(() => heard.push([...touched].sort())))
          directory.lists(["ws-b"], { revision: "3", features })
          directory.script.changes = () => Effect.delay(changed("3", "-ws-a", "+ws-b"), 5_000)
          const refresh = yield* Effect.fork(desired.refresh("resync"))
          yield* TestClock.adjust(1_000)
          expect(heard).toEqual([["ws-a", "ws-b"]])
          yield* TestClock.adjust(5_000)
          yield* Fiber.join(refresh)
          expect(heard.at(-1)).toEqual(["ws-a"])
          expect(desired.absences().get("ws-a")).toMatchObject({ kind: "deleted" })
        })
    )

    it.scoped("lets listeners hear of what changed before the caller goes on", () =>
      Effect.gen(function* () {
        const directory = makeFakeDirectory(["ws-a", "ws-b"])
        const desired = yield* desiredOf({ directory })
        const heard: Array<ReadonlyArray<string>> = []
        yield* desired.subscribe(({ touched }) => Effect.sync(() => heard.push([...touched].sort())))
        yield* desired.refresh("resync")
        expect(heard).toEqual([["ws-a", "ws-b"]])
        directory.create("ws-c")
        directory.remove("ws-a")
        yield* desired.refresh("resync")
        expect(heard.at(-1)).toEqual(["ws-a", "ws-c"])
      })
    )
  })

  describe("a failed read (law 5)", () => {
    const errors: ReadonlyArray<DirectoryError> = [
      ...(["timeout", "network", "status"] as const).map(
        (reason) => new DirectoryUnavailable({ reason, status: null, retryAfterMs: null, message: reason })
      ),
      new DirectoryRejected({ status: 403, message: "refused" }),
      new DirectoryMalformed({ path: "workspaces.0.instanceId", message: "malformed" }),
      ...(["incomplete", "revision-moved", "older-revision", "foreign-environment"] as const).map(
        (reason) => new DirectoryInconsistent({ reason, message: reason })
      )
    ]

    for (const error of errors) {
      const name = "reason" in error ? `${error._tag} (${error.reason})` : error._tag
      it.scoped(`leaves the snapshot, in memory and on disk, as it was: ${name}`, () =>
        Effect.gen(function* () {
          const directory = makeScriptedDirectory()
          const { disk, layer } = makeDisk()
          const desired = yield* desiredOf({ directory, store: layer })
          directory.lists(["ws-a", "ws-b", "ws-c"], { revision: "5", environmentId: "prod" })
          yield* desired.refresh("resync")
          directory.lists(["ws-a", "ws-b"], { revision: "6", environmentId: "prod" })
          yield* desired.refresh("resync")
          const before = { picture: pictureOf(desired), saves: disk.touched.length, saved: disk.saved }
          directory.fails(error)
          yield* TestClock.adjust("1 minute")
          expect(yield* Effect.flip(desired.refresh("resync"))).toBe(error)
          expect(yield* Effect.flip(desired.refresh("confirm"))).toBe(error)
          expect({ picture: pictureOf(desired), saves: disk.touched.length, saved: disk.saved }).toEqual(
            before
          )
          expect(desired.view().lastError).toBe(error)
        })
      )
    }

    it.scoped("refuses a revision older than the accepted one", () =>
      Effect.gen(function* () {
        const directory = makeScriptedDirectory()
        const desired = yield* desiredOf({ directory })
        // Beyond a double: 2^53 + 1 and 2^53 must not be taken for equal, nor 10 for less than 9.
        directory.lists(["ws-a"], { revision: "9007199254740993" })
        yield* desired.refresh("resync")
        const before = pictureOf(desired)
        for (const revision of ["9007199254740992", "9"]) {
          directory.lists([], { revision })
          expect(yield* Effect.flip(desired.refresh("resync"))).toMatchObject({ reason: "older-revision" })
        }
        expect(pictureOf(desired)).toEqual(before)
        directory.lists(["ws-b"], { revision: "10000000000000000" })
        yield* desired.refresh("resync")
        expect(desired.view().revision).toBe("10000000000000000")
      })
    )

    it.scoped("refuses an older revision of the feed", () =>
      Effect.gen(function* () {
        const directory = makeScriptedDirectory()
        const desired = yield* desiredOf({ directory })
        directory.lists(["ws-a"], { revision: "10", features: ["revision", "changes"] })
        yield* desired.refresh("resync")
        const before = pictureOf(desired)
        directory.script.changes = () => changed("9", "-ws-a")
        expect(yield* Effect.flip(desired.refresh("nudge"))).toMatchObject({ reason: "older-revision" })
        expect(pictureOf(desired)).toEqual(before)
      })
    )

    it.scoped("refuses another environment's list, also after a restart", () =>
      Effect.gen(function* () {
        const directory = makeScriptedDirectory()
        const { layer } = makeDisk()
        const desired = yield* desiredOf({ directory, store: layer })
        directory.lists(["ws-a"], { environmentId: "production" })
        yield* desired.refresh("resync")
        directory.lists(["ws-x"], { environmentId: "staging" })
        expect(yield* Effect.flip(desired.refresh("resync"))).toMatchObject({ reason: "foreign-environment" })
        const restarted = yield* desiredOf({ directory, store: layer })
        expect(yield* Effect.flip(restarted.refresh("resync"))).toMatchObject({
          reason: "foreign-environment"
        })
        for (const state of [desired, restarted]) {
          expect(state.get("ws-a")).toEqual(present)
          expect(state.get("ws-x")).toEqual(unknown)
        }
      })
    )

    it.scoped("survives a defect of the directory, and reads again", () =>
      Effect.gen(function* () {
        const directory = makeScriptedDirectory()
        const desired = yield* desiredOf({ directory })
        expect(Exit.isFailure(yield* Effect.exit(desired.refresh("resync")))).toBe(true)
        directory.lists(["ws-a"])
        yield* desired.refresh("resync")
        expect(desired.get("ws-a")).toEqual(present)
      })
    )
  })

  describe("absence", () => {
    it.scoped(
      "begins the grace anew when the clock was set back, rather than to make it last for hours",
      () =>
        Effect.gen(function* () {
          const directory = makeScriptedDirectory()
          directory.lists(["ws-a"])
          const desired = yield* desiredOf({ directory })
          yield* TestClock.setTime(10_000_000)
          yield* desired.refresh("resync")
          directory.lists([])
          for (let list = 0; list < 4; list++) yield* desired.refresh("resync")
          expect(desired.absences().get("ws-a")).toMatchObject({ confirmations: 3, since: 10_000_000 })
          yield* TestClock.setTime(5_000)
          yield* desired.refresh("resync")
          expect(desired.absences().get("ws-a")).toMatchObject({ confirmations: 3, since: 5_000 })
        })
    )

    it.scoped("counts the complete lists that lack a workspace, since the first of them", () =>
      Effect.gen(function* () {
        const directory = makeFakeDirectory(["ws-a", "ws-b"])
        const desired = yield* desiredOf({ directory })
        yield* desired.refresh("resync")
        directory.remove("ws-a")
        for (const confirmations of [1, 2, 3]) {
          yield* TestClock.adjust(1_000)
          yield* desired.refresh("resync")
          expect(desired.get("ws-a")).toEqual({
            _tag: "Absent",
            absence: { kind: "absent", confirmations, since: 1_000 }
          })
        }
        expect(desired.get("ws-b")).toEqual(present)
        expect([...desired.absences().keys()]).toEqual(["ws-a"])
      })
    )

    it.scoped("counts no failed list", () =>
      Effect.gen(function* () {
        const directory = makeFakeDirectory(["ws-a", "ws-b"])
        const desired = yield* desiredOf({ directory })
        yield* desired.refresh("resync")
        directory.remove("ws-a")
        yield* desired.refresh("resync")
        directory.break()
        yield* Effect.exit(desired.refresh("resync"))
        directory.heal()
        expect(desired.absences().get("ws-a")?.confirmations).toBe(1)
      })
    )

    it.scoped("is cleared by reappearance, and counted from the beginning after it", () =>
      Effect.gen(function* () {
        const directory = makeFakeDirectory(["ws-a", "ws-b"])
        const desired = yield* desiredOf({ directory })
        yield* desired.refresh("resync")
        directory.remove("ws-a")
        yield* desired.refresh("resync")
        yield* desired.refresh("resync")
        directory.create("ws-a")
        yield* desired.refresh("resync")
        expect(desired.get("ws-a")).toEqual(present)
        expect(desired.absences().size).toBe(0)
        directory.remove("ws-a")
        yield* TestClock.adjust(5_000)
        yield* desired.refresh("resync")
        expect(desired.absences().get("ws-a")).toEqual({ kind: "absent", confirmations: 1, since: 5_000 })
      })
    )

    it.scoped("is confirmed by lists that are read: none is conditional before two have agreed (law 5)", () =>
      Effect.gen(function* () {
        const directory = makeScriptedDirectory()
        const desired = yield* desiredOf({ directory })
        const features = ["revision"] as const
        const asked = () => directory.calls.list.map(({ revision }) => revision)
        directory.lists(["ws-a", "ws-b"], { revision: "1", features })
        yield* desired.refresh("resync")
        yield* desired.refresh("resync")
        // A page that was cut on its way, under the tag of the whole: a 304 would vouch for it for ever.
        directory.lists(["ws-b"], { revision: "1", features })
        yield* desired.refresh("resync")
        expect(desired.absences().get("ws-a")?.confirmations).toBe(1)
        directory.lists(["ws-a", "ws-b"], { revision: "1", features })
        yield* desired.refresh("resync")
        expect(asked()).toEqual([null, null, "1", null])
        expect(desired.get("ws-a")).toEqual(present)
      })
    )

    it.scoped("is fresh again when the list has not changed", () =>
      Effect.gen(function* () {
        const directory = makeScriptedDirectory()
        const desired = yield* desiredOf({ directory })
        directory.lists(["ws-b"], { revision: "1", features: ["revision"] })
        yield* desired.refresh("resync")
        yield* desired.refresh("resync")
        directory.script.list = () => notModified
        yield* TestClock.adjust(1_000)
        yield* desired.refresh("resync")
        expect(directory.calls.list.at(-1)?.revision).toBe("1")
        expect(desired.get("ws-b")).toEqual(present)
        expect(desired.view()).toMatchObject({ fetchedAt: 1_000, ageMs: 0 })
      })
    )

    it.scoped("survives a restart with its count and its beginning (law 12)", () =>
      Effect.gen(function* () {
        const directory = makeFakeDirectory(["ws-a", "ws-b"])
        const { layer } = makeDisk()
        const first = yield* desiredOf({ directory, store: layer })
        yield* first.refresh("resync")
        directory.remove("ws-a")
        yield* TestClock.adjust(1_000)
        yield* first.refresh("resync")
        yield* TestClock.adjust(1_000)
        const second = yield* desiredOf({ directory, store: layer })
        expect(pictureOf(second).entries).toEqual(pictureOf(first).entries)
        expect(second.view()).toMatchObject({ source: "snapshot", fetchedAt: 1_000 })
        yield* second.refresh("resync")
        expect(second.absences().get("ws-a")).toEqual({ kind: "absent", confirmations: 2, since: 1_000 })
        expect(second.view().source).toBe("auth-worker")
      })
    )

    it.scoped("ends when the stopped workspace is forgotten, for good", () =>
      Effect.gen(function* () {
        const directory = makeFakeDirectory(["ws-a", "ws-b"])
        const { disk, layer } = makeDisk()
        const desired = yield* desiredOf({ directory, store: layer })
        yield* desired.refresh("resync")
        directory.remove("ws-a")
        yield* desired.refresh("resync")
        yield* desired.forget("ws-a")
        expect(desired.get("ws-a")).toEqual(unknown)
        expect(desired.size()).toBe(1)
        expect(disk.saved?.entries.has("ws-a")).toBe(false)
        expect(disk.touched.at(-1)).toEqual(new Set(["ws-a"]))
        yield* desired.refresh("resync")
        expect(desired.get("ws-a")).toEqual(unknown)
        directory.create("ws-a")
        yield* desired.refresh("resync")
        expect(desired.get("ws-a")).toEqual(present)
      })
    )

    it.scoped("is all that can be forgotten: a workspace that is present stays", () =>
      Effect.gen(function* () {
        const directory = makeFakeDirectory(["ws-a"])
        const desired = yield* desiredOf({ directory })
        yield* desired.refresh("resync")
        yield* desired.forget("ws-a")
        yield* desired.forget("ws-never-seen")
        expect(desired.get("ws-a")).toEqual(present)
        expect(desired.size()).toBe(1)
      })
    )
  })

  describe("the changes feed", () => {
    const features = ["revision", "changes"] as const

    const withFeed = Effect.gen(function* () {
      const directory = makeScriptedDirectory()
      const desired = yield* desiredOf({ directory })
      directory.lists(["ws-a", "ws-b"], { revision: "5", features })
      yield* desired.refresh("resync")
      return { directory, desired }
    })

    it.scoped("is what a nudge reads, from the accepted revision on", () =>
      Effect.gen(function* () {
        const { directory, desired } = yield* withFeed
        directory.script.changes = () => changed("7", "+ws-c")
        yield* desired.refresh("nudge")
        directory.script.changes = () => changed("7")
        yield* desired.refresh("nudge")
        expect(directory.calls.changes).toEqual(["5", "7"])
        expect(directory.calls.list).toHaveLength(1)
        expect(desired.get("ws-c")).toEqual(present)
      })
    )

    it.scoped("names a deletion, which is evidence enough", () =>
      Effect.gen(function* () {
        const { directory, desired } = yield* withFeed
        yield* TestClock.adjust(1_000)
        directory.script.changes = () => changed("6", "-ws-a", "-ws-never-seen")
        yield* desired.refresh("nudge")
        expect(desired.get("ws-a")).toEqual({
          _tag: "Absent",
          absence: { kind: "deleted", confirmations: 0, since: 1_000 }
        })
        expect(desired.get("ws-never-seen")).toEqual(unknown)
        directory.script.changes = () => changed("7", "+ws-a")
        yield* desired.refresh("nudge")
        expect(desired.get("ws-a")).toEqual(present)
      })
    )

    it.scoped("is applied in its order", () =>
      Effect.gen(function* () {
        const { directory, desired } = yield* withFeed
        directory.script.changes = () => changed("9", "-ws-a", "+ws-a", "+ws-b", "-ws-b")
        yield* desired.refresh("nudge")
        expect(desired.get("ws-a")).toEqual(present)
        expect(desired.get("ws-b")).toMatchObject({ absence: { kind: "deleted" } })
      })
    )

    it.scoped("gives way to the list when it no longer reaches back (410)", () =>
      Effect.gen(function* () {
        const { directory, desired } = yield* withFeed
        directory.script.changes = () => tooOld
        directory.lists(["ws-a", "ws-b", "ws-c"], { revision: "9", features })
        yield* desired.refresh("nudge")
        expect(directory.calls.list).toHaveLength(2)
        expect(desired.get("ws-c")).toEqual(present)
        expect(desired.view().revision).toBe("9")
      })
    )

    it.scoped("says of what a list lacks whether it was deleted", () =>
      Effect.gen(function* () {
        const { directory, desired } = yield* withFeed
        directory.lists([], { revision: "6", features })
        directory.script.changes = () => changed("6", "-ws-a")
        yield* desired.refresh("resync")
        expect(directory.calls.changes).toEqual(["5"])
        expect(desired.absences().get("ws-a")).toMatchObject({ kind: "deleted", confirmations: 1 })
        expect(desired.absences().get("ws-b")).toMatchObject({ kind: "absent", confirmations: 1 })
      })
    )

    it.scoped("explains nothing by a deletion that it takes back", () =>
      Effect.gen(function* () {
        const { directory, desired } = yield* withFeed
        // Deleted before the list was read, created again before the feed was.
        directory.lists(["ws-b"], { revision: "6", features })
        directory.script.changes = () => changed("7", "-ws-a", "+ws-a")
        yield* desired.refresh("resync")
        expect(desired.absences().get("ws-a")?.kind).not.toBe("deleted")
      })
    )

    it.scoped("takes nothing from a list when it cannot be read", () =>
      Effect.gen(function* () {
        const { directory, desired } = yield* withFeed
        directory.lists(["ws-b"], { revision: "6", features })
        directory.script.changes = () => Effect.fail(unavailable)
        yield* desired.refresh("resync")
        expect(desired.absences().get("ws-a")).toMatchObject({ kind: "absent", confirmations: 1 })
        expect(desired.view()).toMatchObject({ revision: "6", lastError: null })
      })
    )

    it.scoped("is not trusted before a list has been read in this life", () =>
      Effect.gen(function* () {
        const directory = makeScriptedDirectory()
        const { layer } = makeDisk({
          entries: new Map([["ws-a", { absence: null }]]),
          revision: "5",
          environmentId: null,
          features: new Set(features),
          fetchedAt: 0
        })
        const desired = yield* desiredOf({ directory, store: layer })
        directory.lists(["ws-a", "ws-b"], { revision: "5", features })
        yield* desired.refresh("nudge")
        expect(directory.calls).toMatchObject({ changes: [], list: [{ revision: null }] })
        expect(desired.get("ws-b")).toEqual(present)
      })
    )

    it.scoped("makes the next list unconditional, since its revision was never listed", () =>
      Effect.gen(function* () {
        const { directory, desired } = yield* withFeed
        directory.script.changes = () => changed("6", "+ws-c")
        yield* desired.refresh("nudge")
        directory.lists(["ws-a", "ws-b", "ws-c"], { revision: "6", features })
        yield* desired.refresh("resync")
        yield* desired.refresh("resync")
        expect(directory.calls.list.map(({ revision }) => revision)).toEqual([null, null, "6"])
      })
    )
  })

  describe("pinned ids (STORE_IDS)", () => {
    it.scoped("are desired without a directory", () =>
      Effect.gen(function* () {
        const directory = makeScriptedDirectory()
        const desired = yield* desiredOf({ directory, pinned: ["legacy-1"] })
        expect(desired.get("legacy-1")).toEqual({ _tag: "Present", pinned: true })
        expect([...desired.ids()]).toEqual(["legacy-1"])
        // Nothing has been read yet, and nobody has said that nothing is to be read.
        expect(desired.view().source).toBe("none")
      })
    )

    it.scoped("stay desired whatever the list and the feed say, and count once", () =>
      Effect.gen(function* () {
        const directory = makeScriptedDirectory()
        const desired = yield* desiredOf({ directory, pinned: ["legacy-1", "legacy-2"] })
        const features = ["revision", "changes"] as const
        directory.lists(["ws-a", "legacy-1"], { revision: "1", features })
        yield* desired.refresh("resync")
        expect(desired.size()).toBe(3)
        expect([...desired.ids()].sort()).toEqual(["legacy-1", "legacy-2", "ws-a"])
        directory.script.changes = () => changed("2", "-legacy-1", "-legacy-2")
        yield* desired.refresh("nudge")
        for (const id of ["legacy-1", "legacy-2"]) {
          expect(desired.get(id)).toEqual({ _tag: "Present", pinned: true })
        }
      })
    )
  })

  describe("pacing", () => {
    it.scoped("reads at most 57 lists in the first minute of a flow of nudges, and none is lost", () =>
      Effect.gen(function* () {
        const directory = makeFakeDirectory(["ws-a"])
        const desired = yield* desiredOf({ directory })
        const flow = yield* Effect.fork(
          Effect.forEach(Array.from({ length: 300 }), () =>
            Effect.zipLeft(Effect.forkScoped(desired.refresh("nudge")), Effect.sleep(200))
          )
        )
        yield* TestClock.adjust("59900 millis")
        expect(directory.calls.list).toBeGreaterThan(40)
        expect(directory.calls.list).toBeLessThanOrEqual(57)
        directory.create("ws-late")
        yield* TestClock.adjust("5 seconds")
        const calls = yield* Fiber.join(flow)
        yield* Fiber.joinAll(calls)
        expect(desired.get("ws-late")).toEqual(present)
      })
    )

    it.scoped("holds back neither the feed nor a resync", () =>
      Effect.gen(function* () {
        const directory = makeFakeDirectory(["ws-a"])
        directory.setFeatures("revision", "changes")
        const desired = yield* desiredOf({ directory })
        yield* desired.refresh("resync")
        yield* Effect.replicateEffect(desired.refresh("nudge"), 200)
        yield* Effect.replicateEffect(desired.refresh("resync"), 100)
        expect(directory.calls).toMatchObject({ changes: 200, list: 101 })
      })
    )
  })

  describe("the circuit breaker", () => {
    it.scoped("opens after five failures, spares the directory, and recovers by itself", () =>
      Effect.gen(function* () {
        const directory = makeFakeDirectory(["ws-a"])
        const breaker = yield* CircuitBreaker.make({ name: "auth-worker" })
        const desired = yield* desiredOf({ directory, breaker })
        yield* desired.refresh("resync")
        directory.break()
        yield* Effect.replicateEffect(Effect.exit(desired.refresh("resync")), 5)
        expect((yield* breaker.status).state).toBe("open")
        const before = directory.calls.list
        expect((yield* Effect.flip(desired.refresh("resync")))._tag).toBe("CircuitOpen")
        expect(directory.calls.list).toBe(before)
        // What opened it says more than that it is open.
        expect(desired.view().lastError).toBe(unavailable)
        expect(desired.get("ws-a")).toEqual(present)
        directory.heal()
        yield* TestClock.adjust("31 seconds")
        yield* desired.refresh("resync")
        expect((yield* breaker.status).state).toBe("closed")
        expect(desired.view().lastError).toBeNull()
      })
    )

    it.scoped("stays open as long as Retry-After asks", () =>
      Effect.gen(function* () {
        const directory = makeFakeDirectory(["ws-a"])
        const breaker = yield* CircuitBreaker.make({ name: "auth-worker" })
        const desired = yield* desiredOf({ directory, breaker })
        const busy = { reason: "status", status: 429, retryAfterMs: 600_000, message: "busy" } as const
        directory.break(new DirectoryUnavailable(busy))
        yield* Effect.replicateEffect(Effect.exit(desired.refresh("resync")), 5)
        const before = directory.calls.list
        yield* TestClock.adjust("9 minutes")
        yield* Effect.exit(desired.refresh("resync"))
        expect(directory.calls.list).toBe(before)
        directory.heal()
        yield* TestClock.adjust("1 minute")
        yield* desired.refresh("resync")
      })
    )

    it.scoped("is not opened by a set that changes faster than it can be paged through", () =>
      Effect.gen(function* () {
        const directory = makeScriptedDirectory()
        const breaker = yield* CircuitBreaker.make({ name: "auth-worker" })
        const desired = yield* desiredOf({ directory, breaker })
        directory.fails(new DirectoryInconsistent({ reason: "revision-moved", message: "moved" }))
        yield* Effect.replicateEffect(Effect.exit(desired.refresh("resync")), 20)
        expect(yield* breaker.status).toMatchObject({ state: "closed", failureCount: 0 })
      })
    )
  })

  describe("asking for one id", () => {
    it.scoped("is not done where the directory does not offer it", () =>
      Effect.gen(function* () {
        const directory = makeFakeDirectory(["ws-a"])
        const desired = yield* desiredOf({ directory })
        yield* desired.refresh("resync")
        expect(yield* desired.existsById("ws-a")).toEqual(Option.none())
        expect(directory.calls.exists).toBe(0)
      })
    )

    it.scoped("gives the directory's answer, or its failure", () =>
      Effect.gen(function* () {
        const directory = makeFakeDirectory(["ws-a"])
        directory.setFeatures("get")
        const desired = yield* desiredOf({ directory })
        yield* desired.refresh("resync")
        expect(yield* desired.existsById("ws-a")).toEqual(Option.some(true))
        expect(yield* desired.existsById("ws-b")).toEqual(Option.some(false))
        directory.break()
        expect(yield* Effect.flip(desired.existsById("ws-b"))).toBe(unavailable)
      })
    )
  })
})
