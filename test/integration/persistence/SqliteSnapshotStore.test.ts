import { it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Option from "effect/Option"
import * as fc from "fast-check"
import { describe, expect } from "vitest"
import * as SqliteSnapshotStore from "../../../src/persistence/SqliteSnapshotStore.ts"
import * as StateDatabase from "../../../src/persistence/StateDatabase.ts"
import { SnapshotStore, type Absence, type Snapshot } from "../../../src/workspaces/SnapshotStore.ts"
import { temporaryFolder } from "./state.ts"

/** Which of the writes fail, as on a disk that is full just then. */
type Fault = "rows" | "meta"

/** A stub: the real database, of which the named writes throw while the fault is on. */
const makeFaultyDatabase = (database: StateDatabase.StateDatabase["Type"]) => {
  const faults: { now: Fault | null; afterRows: number } = { now: null, afterRows: 0 }
  let rows = 0
  const stub = StateDatabase.StateDatabase.of({
    ...database,
    run: (sql, ...values) => {
      const isMeta = sql.includes("INTO snapshot")
      if (faults.now === "meta" && isMeta) throw new Error("the disk is full")
      if (faults.now === "rows" && !isMeta && rows++ >= faults.afterRows) throw new Error("the disk is full")
      database.run(sql, ...values)
    }
  })
  return {
    layer: Layer.succeed(StateDatabase.StateDatabase, stub),
    failing: (fault: Fault | null, afterRows = 0) => {
      faults.now = fault
      faults.afterRows = afterRows
      rows = 0
    }
  }
}

const faultyDatabase = Effect.gen(function* () {
  const context = yield* Layer.build(StateDatabase.layer(yield* temporaryFolder))
  return makeFaultyDatabase(Context.get(context, StateDatabase.StateDatabase))
})

/** A new life over the same file. */
const storeOver = (database: Layer.Layer<StateDatabase.StateDatabase>) =>
  SnapshotStore.pipe(Effect.provide(Layer.fresh(SqliteSnapshotStore.layer).pipe(Layer.provide(database))))

const snapshotOf = (absences: ReadonlyMap<string, Absence | null>, revision: number): Snapshot => ({
  entries: new Map([...absences].map(([id, absence]) => [id, { absence }])),
  revision: String(revision),
  environmentId: revision % 2 === 0 ? "environment" : null,
  features: new Set(["revision", "get"]),
  fetchedAt: 1_000 + revision
})

const idsOf = (count: number): ReadonlyArray<string> =>
  Array.from({ length: count }, (_, index) => `ws-${index}`)

const presentOf = (ids: ReadonlyArray<string>) =>
  new Map(ids.map((id): readonly [string, Absence | null] => [id, null]))

const ids = idsOf(6)

const absence: fc.Arbitrary<Absence> = fc.record({
  kind: fc.constantFrom("deleted", "absent"),
  confirmations: fc.nat({ max: 9 }),
  since: fc.nat()
})
/** What becomes of a workspace: there, missing, or forgotten. */
const change = fc.tuple(
  fc.constantFrom(...ids),
  fc.oneof(fc.constant("present" as const), fc.constant("forgotten" as const), absence)
)
const step = fc.record({
  changes: fc.array(change, { maxLength: 6 }),
  fault: fc.option(fc.constantFrom<Fault>("rows", "meta"), { freq: 2 }),
  afterRows: fc.nat({ max: 3 }),
  restarts: fc.boolean()
})

describe("the snapshot in SQLite", () => {
  it.scoped("is none before the first is saved", () =>
    Effect.gen(function* () {
      const { layer } = yield* faultyDatabase
      expect(yield* Effect.flatMap(storeOver(layer), ({ load }) => load)).toEqual(Option.none())
    })
  )

  it("is what was saved last, whatever writes failed in between", () =>
    fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 8 }), (steps) =>
        Effect.gen(function* () {
          const database = yield* faultyDatabase
          let store = yield* storeOver(database.layer)
          let model = new Map<string, Absence | null>()
          for (const [revision, { afterRows, changes, fault, restarts }] of steps.entries()) {
            const touched = new Set<string>()
            for (const [id, what] of changes) {
              touched.add(id)
              if (what === "forgotten") model.delete(id)
              else model.set(id, what === "present" ? null : what)
            }
            const snapshot = snapshotOf(model, revision)
            database.failing(fault, afterRows)
            yield* store.save(snapshot, touched)
            database.failing(null)
            const loaded = yield* store.load
            if (fault === null) expect(loaded).toEqual(Option.some(snapshot))
            if (!restarts) continue
            // The next life knows what the file has, and goes on from there.
            store = yield* storeOver(database.layer)
            expect(yield* store.load).toEqual(loaded)
            model = new Map(
              Option.isNone(loaded)
                ? []
                : [...loaded.value.entries].map(([id, entry]) => [id, entry.absence] as const)
            )
          }
          database.failing(null)
          yield* store.save(snapshotOf(model, 99), new Set())
          expect(yield* store.load).toEqual(Option.some(snapshotOf(model, 99)))
        }).pipe(Effect.scoped, Logger.withMinimumLogLevel(LogLevel.None), Effect.runPromise)
      ),
      { numRuns: 60 }
    ))

  it.scoped("loses nothing of a long save that fails while others are saved", () =>
    Effect.gen(function* () {
      const database = yield* faultyDatabase
      const store = yield* storeOver(database.layer)
      const many = idsOf(5_000)
      const model = presentOf(many)
      // The second of its three steps.
      database.failing("rows", 1)
      yield* Effect.all(
        [
          store.save(snapshotOf(model, 1), new Set(many)),
          store.save(snapshotOf(model, 2), new Set(["ws-17"])),
          store.save(snapshotOf(model, 3), new Set(["ws-4711"]))
        ],
        { concurrency: "unbounded" }
      )
      expect(yield* store.load).toEqual(Option.none())
      database.failing(null)
      yield* store.save(snapshotOf(model, 4), new Set())
      expect(yield* store.load).toEqual(Option.some(snapshotOf(model, 4)))
    })
  )

  it.scoped("is none when the very first save was cut short, and leaves no row for the next to find", () =>
    Effect.gen(function* () {
      const database = yield* faultyDatabase
      const first = yield* storeOver(database.layer)
      database.failing("meta")
      yield* first.save(snapshotOf(presentOf(["ws-0", "ws-1"]), 1), new Set(["ws-0", "ws-1"]))
      database.failing(null)
      const next = yield* storeOver(database.layer)
      expect(yield* next.load).toEqual(Option.none())
      yield* next.save(snapshotOf(presentOf(["ws-1"]), 2), new Set(["ws-1"]))
      expect(yield* next.load).toEqual(Option.some(snapshotOf(presentOf(["ws-1"]), 2)))
    })
  )
})
