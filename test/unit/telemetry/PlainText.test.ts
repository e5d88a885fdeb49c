import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { escaped, escapedJson, escapedLines, escapedValue } from "../../../src/telemetry/PlainText.ts"
import { prettyLine } from "../../../src/telemetry/PrettyLine.ts"

const HOSTILE = [
  "\u001b[31mred",
  "\u009b2J",
  "bell\u0007",
  "a\u202egnp.exe",
  "\u2066isolate\u2069",
  "\u200ezero\u200b\u200d\ufeff",
  "\u061c",
  "next\u2028line\u2029",
  "\u007f",
  "\u0000",
  "half \ud800",
  "tag \u{e0041}",
  "two\nlines\r"
]
const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u
const text = fc.oneof(
  fc.string({ unit: "binary" }),
  fc
    .array(fc.oneof(fc.constantFrom(...HOSTILE), fc.string()), { maxLength: 8 })
    .map((parts) => parts.join(""))
)

describe("a text from elsewhere", () => {
  it("has no character that is not seen once it is escaped, and a bounded length", () => {
    fc.assert(
      fc.property(text, (given) => {
        expect(escaped(given)).not.toMatch(UNSEEN)
        expect(escapedLines(given).replaceAll("\n", "")).not.toMatch(UNSEEN)
      })
    )
    expect(escaped("x".repeat(1_000_000)).length).toBeLessThan(4_100)
  })

  it.each([
    ["plain words, Ünïcödé, 漢字, 😀", "plain words, Ünïcödé, 漢字, 😀"],
    ["\u001b[31mred", "\\u001b[31mred"],
    ["a\u202eb", "a\\u202eb"],
    ["a\nStatus: healthy", "a\\nStatus: healthy"],
    ["\u{e0041}", "\\udb40\\udc41"]
  ])("reads %j as %j", (given, expected) => {
    expect(escaped(given)).toBe(expected)
  })

  it("is the same value in JSON, whose text shows every character", () => {
    fc.assert(
      fc.property(fc.jsonValue(), text, (value, given) => {
        const json = JSON.stringify({ value, [given]: given }, null, 2)
        const shown = escapedJson(json)
        expect(shown.replaceAll("\n", "")).not.toMatch(UNSEEN)
        expect(JSON.parse(shown)).toEqual(JSON.parse(json))
      })
    )
  })

  it("is escaped wherever it is in a value", () => {
    fc.assert(
      fc.property(fc.object({ key: text, values: [text, fc.integer()], maxDepth: 4 }), (value) => {
        const visit = (part: unknown): void => {
          if (typeof part === "string") expect(part).not.toMatch(UNSEEN)
          else if (typeof part === "object" && part !== null) Object.entries(part).flat().forEach(visit)
        }
        visit(escapedValue(value))
      })
    )
  })

  it("moves nothing on a terminal in which the log is read", () => {
    fc.assert(
      fc.property(text, text, text, (msg, field, stack) => {
        const line = JSON.stringify({
          level: "warn",
          time: "",
          msg,
          field,
          [`k${field}`]: 1,
          err: { message: stack }
        })
        expect(prettyLine(line, false).replaceAll("\n", "")).not.toMatch(UNSEEN)
        expect(prettyLine(`no JSON: ${field}`, false).replaceAll("\n", "")).not.toMatch(UNSEEN)
      })
    )
  })
})
