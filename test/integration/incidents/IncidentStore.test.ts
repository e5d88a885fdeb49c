import { it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { describe, expect } from "vitest"
import type { Incident } from "../../../src/incidents/Incident.ts"
import { IncidentStore, KEPT_RESOLVED, layerMemory } from "../../../src/incidents/IncidentStore.ts"
import type { Owed } from "../../../src/incidents/Notification.ts"
import * as SqliteIncidentStore from "../../../src/persistence/SqliteIncidentStore.ts"
import * as StateDatabase from "../../../src/persistence/StateDatabase.ts"
import { temporaryFolder } from "../persistence/state.ts"

const incident = (id: string, fields: Partial<Incident> = {}): Incident => ({
  id,
  kind: "removal-guard",
  severity: "high",
  summary: "The removal guard holds back the removal of 5 workspaces.",
  since: 1,
  openedAt: 2,
  toldAt: 2,
  resolvedAt: null,
  counts: { held: 5 },
  storeIds: ["ws-a"],
  fingerprint: "0123abcd",
  told: 1,
  ...fields
})

const owed = (id: string, createdAt = 1): Owed => ({
  id,
  kind: "removal-guard",
  body: '{"type":"incident.opened"}',
  createdAt,
  attempts: 0,
  nextAttemptAt: createdAt
})

const sqliteIn = (folder: string) =>
  SqliteIncidentStore.layer.pipe(Layer.provide(StateDatabase.layer(folder)))

describe.each([
  ["in memory", layerMemory],
  ["in SQLite", Layer.unwrapScoped(Effect.map(temporaryFolder, sqliteIn))]
])("incidents %s", (_, layer) => {
  const withStore = <A, E>(test: (store: IncidentStore["Type"]) => Effect.Effect<A, E>) =>
    Effect.flatMap(IncidentStore, test).pipe(Effect.provide(Layer.fresh(layer)))

  it.effect("are what was last noted of each", () =>
    withStore((store) =>
      Effect.gen(function* () {
        expect(yield* store.incidents).toEqual([])
        yield* store.record([incident("one"), incident("two", { openedAt: 9 })], [owed("one-1")])
        const over = incident("one", { resolvedAt: 5, told: 2 })
        yield* store.record([over], [])
        expect(yield* store.incidents).toEqual(
          expect.arrayContaining([over, incident("two", { openedAt: 9 })])
        )
      })
    )
  )

  it.effect("keep those that are open, and the newest of those that are over", () =>
    withStore((store) =>
      Effect.gen(function* () {
        yield* store.record([incident("open", { openedAt: 0 })], [])
        for (let at = 1; at <= KEPT_RESOLVED + 20; at++) {
          yield* store.record([incident(`over-${at}`, { openedAt: at, resolvedAt: at })], [])
        }
        const ids = (yield* store.incidents).map(({ id }) => id)
        expect(ids).toHaveLength(KEPT_RESOLVED + 1)
        expect(ids).toContain("open")
        expect(ids).not.toContain("over-20")
        expect(ids).toContain("over-21")
      })
    )
  )

  it.effect("owe each notification until it is settled", () =>
    withStore((store) =>
      Effect.gen(function* () {
        yield* store.record([], [owed("a", 1), owed("b", 2)])
        yield* store.putOff({ ...owed("a", 1), attempts: 3, nextAttemptAt: 99 })
        expect(yield* store.owed).toEqual([{ ...owed("a", 1), attempts: 3, nextAttemptAt: 99 }, owed("b", 2)])
        yield* store.settle("a")
        yield* store.settle("never-owed")
        expect(yield* store.owed).toEqual([owed("b", 2)])
      })
    )
  )
})

describe("incidents in SQLite", () => {
  it.scoped("are all there again after a restart", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const life = <A>(live: (store: IncidentStore["Type"]) => Effect.Effect<A>) =>
        Effect.flatMap(IncidentStore, live).pipe(
          Effect.provide(sqliteIn(folder)),
          Effect.scoped,
          Effect.orDie
        )
      yield* life((store) => store.record([incident("one")], [owed("one-1")]))
      expect(yield* life((store) => Effect.all([store.incidents, store.owed]))).toEqual([
        [incident("one")],
        [owed("one-1")]
      ])
    })
  )
})
