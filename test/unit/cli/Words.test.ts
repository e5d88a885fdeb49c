import { describe, expect, it } from "@effect/vitest"
import fc from "fast-check"
import { pairs, table } from "../../../src/cli/Table.ts"
import { duration, parseDuration, relative } from "../../../src/cli/Words.ts"

describe("durations", () => {
  it("are said in their two largest units", () => {
    expect([0, 999, 1_000, 61_000, 90_000, 3_600_000, 5_430_000, 90_061_000].map(duration)).toEqual([
      "0ms",
      "999ms",
      "1s",
      "1m1s",
      "1m30s",
      "1h",
      "1h30m",
      "1d1h"
    ])
  })

  it("are read as they are said", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 99 }),
        fc.constantFrom("ms", "s", "m", "h", "d"),
        (amount, unit) => {
          const factor = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }[unit]
          expect(parseDuration(`${amount}${unit}`)).toBe(amount * factor)
        }
      )
    )
    expect(parseDuration("1h30m")).toBe(5_400_000)
    for (const text of ["", "5", "m", "-5m", "5 m", "5m!", "1.5h"])
      expect(parseDuration(text)).toBeUndefined()
  })

  it("are relative to now, either way", () => {
    const now = Date.parse("2025-02-10T20:15:00.000Z")
    expect(relative("2025-02-10T20:14:00.000Z", now)).toBe("1m ago")
    expect(relative("2025-02-10T20:15:10.000Z", now)).toBe("in 10s")
    expect([relative(null, now), relative("soon", now)]).toEqual(["-", "soon"])
  })
})

describe("tables", () => {
  it("line up whatever is in them, and let no control character through", () => {
    const cell = fc.oneof(fc.string(), fc.constantFrom("", "a\nb", "\u001b[2J", "tab\t"))
    fc.assert(
      fc.property(fc.array(fc.tuple(cell, cell), { minLength: 1 }), (rows) => {
        const lines = table(["A", "B"], rows).split("\n")
        expect(lines).toHaveLength(rows.length + 1)
        // eslint-disable-next-line no-control-regex -- control characters are what is looked for
        for (const line of lines) expect(line).not.toMatch(/[\u0000-\u001a\u001c-\u001f]/)
      })
    )
    expect(table(["A", "LONG"], [["wide cell", ""]])).toBe("A          LONG\nwide cell  -")
  })

  it("measure a cell without its colour", () => {
    expect(table(["A", "B"], [["\u001b[31mred\u001b[0m", "x"]])).toBe("A    B\n\u001b[31mred\u001b[0m  x")
    expect(
      pairs([
        ["Key", "value"],
        ["Longer", "x"]
      ])
    ).toBe("Key:    value\nLonger: x")
  })
})
