import * as fc from "fast-check"
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import * as Column from "../../../src/persistence/Column.ts"
import * as StateDatabase from "../../../src/persistence/StateDatabase.ts"

/** Any UTF-16 code units at all: NUL, lone surrogates and the escape character are among them often. */
const texts = fc
  .array(fc.oneof(fc.constantFrom(0, 0xe000, 0xd800, 0xdfff, 0x30), fc.integer({ min: 0, max: 0xffff })), {
    maxLength: 20
  })
  .map((units) => String.fromCharCode(...units))
const numbers = fc.oneof(
  fc.maxSafeInteger(),
  fc.constantFrom(0, -0, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, 2 ** 31, 2 ** 32),
  fc.double({ min: -1e15, max: 1e15, noNaN: true })
)
const values = fc.oneof(texts, numbers, fc.constant(null))

const withDatabase = <A>(use: (database: StateDatabase.StateDatabase["Type"]) => A): A =>
  Effect.runSync(Effect.map(StateDatabase.StateDatabase, use).pipe(Effect.provide(StateDatabase.layerMemory)))
const rounded = (value: Column.Value): Column.Value =>
  typeof value === "number" ? Math.round(value) + 0 : value

describe("a value in a column", () => {
  it("is read as it was written, whatever the text, and a number as the nearest whole one", () => {
    withDatabase(({ all, run }) => {
      run("CREATE TABLE sample (place INTEGER PRIMARY KEY, number INTEGER, text TEXT) STRICT")
      fc.assert(
        fc.property(values, (value) => {
          const column = typeof value === "number" ? "number" : "text"
          run(`INSERT OR REPLACE INTO sample (place, ${column}) VALUES (1, ?)`, value)
          expect(all(`SELECT ${column} AS value FROM sample`)[0]).toMatchObject({ value: rounded(value) })
        }),
        { numRuns: 500 }
      )
    })
  })

  it("is read as it was written through a list and through rows, too", () => {
    withDatabase(({ all }) => {
      fc.assert(
        fc.property(fc.array(values, { maxLength: 5 }), (list) => {
          const written = list.map((value) => ({ value: rounded(value) }))
          expect(all("SELECT value FROM json_each(?)", Column.encodeList(list))).toMatchObject(written)
          const rows = Column.encodeRows(list.map((value) => [value]))
          expect(all("SELECT value ->> 0 AS value FROM json_each(?)", rows)).toMatchObject(written)
        }),
        { numRuns: 300 }
      )
    })
  })

  it("never meets another one: different texts stay different", () => {
    fc.assert(
      fc.property(texts, texts, (one, other) => {
        expect(Column.encodeText(one) === Column.encodeText(other)).toBe(one === other)
      })
    )
  })

  it.each([Number.NaN, Infinity, -Infinity, 2 ** 53, 1e300])("refuses %d instead of changing it", (value) => {
    withDatabase(({ all, run }) => {
      run("CREATE TABLE sample (value INTEGER) STRICT")
      expect(() => run("INSERT INTO sample VALUES (?)", value)).toThrow(Column.NotStorable)
      expect(all("SELECT * FROM sample")).toEqual([])
    })
  })
})
