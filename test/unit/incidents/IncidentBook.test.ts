import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { type Incident, Kind } from "../../../src/incidents/Incident.ts"
import * as IncidentBook from "../../../src/incidents/IncidentBook.ts"
import { boundOf, type Trouble } from "../../../src/incidents/incidentsOf.ts"

const policy: IncidentBook.Policy = { minIntervalMs: 60_000 }
const idOf = (kind: Kind, at: number): string => `${kind}-${at}`

const trouble = (kind: Kind, fingerprint = "", since: number | null = null): Trouble => ({
  kind,
  severity: "high",
  summary: `about ${fingerprint}`,
  since,
  counts: {},
  storeIds: [],
  fingerprint
})

/** A book that is looked at again and again; what was told, and when. */
const start = () => {
  let book: IncidentBook.Book = IncidentBook.restore([])
  let isNew = false
  const stored = new Map<string, Incident>()
  const told: Array<IncidentBook.Change & { readonly at: number }> = []
  return {
    told,
    types: () => told.map(({ type }) => type),
    open: () => IncidentBook.openOf(book),
    look: (now: number, ...troubles: ReadonlyArray<Trouble>) => {
      const stepped = IncidentBook.step(book, { now, troubles, isWhole: !isNew }, policy, idOf)
      book = stepped.book
      for (const change of stepped.changes) {
        stored.set(change.incident.id, change.incident)
        told.push({ ...change, at: now })
      }
    },
    /** Has looked at everything since the restart. */
    settle: () => {
      isNew = false
    },
    /** A new life that knows what was stored. */
    restart: () => {
      isNew = true
      book = IncidentBook.restore(stored.values())
    }
  }
}

describe("an incident", () => {
  it("is opened once its trouble has lasted for its bound, and told once", () => {
    const { look, told, types } = start()
    const bound = boundOf("circuit-open")
    for (let now = 0; now < bound; now += 30_000) look(now, trouble("circuit-open"))
    expect(types()).toEqual([])
    for (let now = bound; now < 3 * bound; now += 30_000) look(now, trouble("circuit-open"))
    expect(types()).toEqual(["opened"])
    expect(told[0]).toMatchObject({ at: bound, incident: { since: 0, openedAt: bound, told: 1 } })
  })

  it("counts from when its trouble began, where that is known", () => {
    const { look, types } = start()
    look(boundOf("not-converged") + 5, trouble("not-converged", "", 5))
    expect(types()).toEqual(["opened"])
  })

  it("is told of and resolved although the clock was set back by a year", () => {
    const year = 365 * 86_400_000
    const { look, types } = start()
    for (let now = 0; now <= policy.minIntervalMs; now += 30_000) look(year + now, trouble("removal-guard"))
    look(0, trouble("removal-guard", "another plan"))
    expect(types()).toEqual(["opened", "updated"])
    for (let now = 0; now <= 2 * policy.minIntervalMs; now += 30_000) look(now)
    expect(types()).toEqual(["opened", "updated", "resolved"])
    for (let now = 0; now <= 2 * boundOf("paused"); now += 30_000) look(now, trouble("paused", "", year))
    expect(types()).toEqual(["opened", "updated", "resolved", "opened"])
  })

  it("forgets a trouble that went away before its bound", () => {
    const { look, types } = start()
    const half = boundOf("circuit-open") / 2
    look(0, trouble("circuit-open"))
    look(half)
    look(2 * half, trouble("circuit-open"))
    look(3 * half, trouble("circuit-open"))
    expect(types()).toEqual([])
  })

  it("is resolved after a calm of the least interval, and not by a moment of it", () => {
    const { look, told, types } = start()
    look(0, trouble("removal-guard"))
    look(100_000)
    look(110_000, trouble("removal-guard"))
    look(120_000)
    look(179_999)
    expect(types()).toEqual(["opened"])
    look(180_000)
    expect(types()).toEqual(["opened", "resolved"])
    expect(told[1]?.incident).toMatchObject({ id: told[0]?.incident.id, resolvedAt: 180_000, told: 2 })
  })

  it("is told again when there is news, at most once in the least interval", () => {
    const { look, told, types } = start()
    look(0, trouble("removal-guard", "plan-a"))
    look(1_000, trouble("removal-guard", "plan-b"))
    expect(types()).toEqual(["opened"])
    look(60_000, trouble("removal-guard", "plan-b"))
    look(120_000, trouble("removal-guard", "plan-b"))
    expect(types()).toEqual(["opened", "updated"])
    expect(told[1]?.incident.summary).toBe("about plan-b")
  })

  it("is still open after a restart: not opened twice, and resolved once", () => {
    const { look, open, restart, settle, types } = start()
    look(0, trouble("removal-guard"))
    restart()
    look(70_000, trouble("removal-guard"))
    expect([types(), open()]).toMatchObject([["opened"], [{ id: "removal-guard-0" }]])
    restart()
    for (let now = 100_000; now < 400_000; now += 60_000) look(now)
    expect(types()).toEqual(["opened"])
    settle()
    look(400_000)
    look(460_000)
    expect(types()).toEqual(["opened", "resolved"])
  })
})

/** Looks some seconds apart, with any troubles, and restarts between them. */
const history = fc.array(
  fc.record({
    afterMs: fc.integer({ min: 1, max: 120_000 }),
    troubles: fc.uniqueArray(
      fc.record({
        kind: fc.constantFrom(...Kind.literals),
        fingerprint: fc.constantFrom("a", "b"),
        forMs: fc.option(fc.integer({ min: 0, max: 4_000_000 }))
      }),
      { selector: ({ kind }) => kind }
    ),
    restarts: fc.boolean()
  }),
  { maxLength: 120 }
)

describe("whatever happens, and whenever the server restarts", () => {
  it("opened and resolved alternate, updates lie between, and of one kind nothing comes in a storm", () => {
    fc.assert(
      fc.property(history, (looks) => {
        const book = start()
        let now = 0
        for (const { afterMs, restarts, troubles } of looks) {
          now += afterMs
          if (restarts) book.restart()
          else book.settle()
          book.look(
            now,
            ...troubles.map(({ fingerprint, forMs, kind }) =>
              trouble(kind, fingerprint, forMs === null ? null : now - forMs)
            )
          )
        }
        for (const kind of Kind.literals) {
          const told = book.told.filter(({ incident }) => incident.kind === kind)
          let open: string | undefined
          let at = -Infinity
          for (const { at: toldAt, incident, type } of told) {
            if (type === "opened") expect(open).toBeUndefined()
            else expect(open).toBe(incident.id)
            open = type === "resolved" ? undefined : incident.id
            expect(toldAt - at).toBeGreaterThanOrEqual(policy.minIntervalMs)
            at = toldAt
          }
        }
        const ids = book.told.map(({ incident: { id, told } }) => `${id}-${told}`)
        expect(new Set(ids).size).toBe(ids.length)
      }),
      { numRuns: 500 }
    )
  })

  it("what lasts is told in the end, and what is over is resolved", () => {
    fc.assert(
      fc.property(history, fc.constantFrom(...Kind.literals), (looks, kind) => {
        const book = start()
        let now = 0
        for (const { afterMs, restarts, troubles } of looks) {
          now += afterMs
          if (restarts) book.restart()
          else book.settle()
          book.look(now, ...troubles.map(({ fingerprint, kind: one }) => trouble(one, fingerprint)))
        }
        book.settle()
        const until = now + boundOf(kind) + 2 * policy.minIntervalMs
        for (; now <= until; now += 5_000) book.look(now, trouble(kind, "a"))
        expect(book.open().map((incident) => incident.kind)).toContain(kind)
        for (let calm = 0; calm <= 3 * policy.minIntervalMs; calm += 5_000) book.look((now += 5_000))
        expect(book.open()).toEqual([])
      })
    )
  })
})
