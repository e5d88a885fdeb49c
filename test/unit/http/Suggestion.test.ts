import { describe, expect, it } from "@effect/vitest"
import fc from "fast-check"
import { repeatedField } from "../../../src/http/JsonFields.ts"
import { closest, describeUnknown } from "../../../src/http/Suggestion.ts"

const known = ["storeId", "reason", "expiresInMs", "dryRun"]

describe("what may have been meant by an unknown name", () => {
  it("is the known name in another spelling, or one slip of the hand away", () => {
    const slip = fc
      .tuple(fc.constantFrom(...known), fc.nat(), fc.constantFrom("drop", "double", "swap", "snake", "upper"))
      .map(([name, at, how]) => {
        const place = at % (name.length - 1)
        switch (how) {
          case "drop":
            return [name, name.slice(0, place) + name.slice(place + 1)] as const
          case "double":
            return [name, name.slice(0, place) + (name[place] ?? "") + name.slice(place)] as const
          case "swap":
            return [
              name,
              name.slice(0, place) + (name[place + 1] ?? "") + (name[place] ?? "") + name.slice(place + 2)
            ] as const
          case "snake":
            return [name, name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)] as const
          case "upper":
            return [name, name.toUpperCase()] as const
        }
      })
    fc.assert(
      fc.property(slip, ([name, written]) => {
        expect(closest(written, known)).toBe(name)
      })
    )
  })

  it("is not guessed from afar", () => {
    for (const name of ["workspace", "x", "", "restart", "when"]) expect(closest(name, known)).toBeUndefined()
  })

  it("is said without repeating what could be anything but a name", () => {
    const text = describeUnknown(["<b>x</b>", "storeid"], { subject: "the body", part: "field", known })
    expect(text).toBe(
      "There is an unknown field in the body. storeid is no field of the body: did you mean storeId? It takes storeId, reason, expiresInMs, dryRun."
    )
  })
})

describe("a field that a JSON object has twice", () => {
  it("is told from one that it has once, whatever the values are", () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string(), fc.jsonValue()),
        fc.string(),
        fc.nat(3),
        (object, spaces, at) => {
          const text = JSON.stringify(object, null, spaces.length % 4)
          expect(repeatedField(text)).toBe(false)
          const name = Object.keys(object)[at % Math.max(1, Object.keys(object).length)]
          if (name === undefined) return
          expect(repeatedField(`{${JSON.stringify(name)} : 1,${text.trim().slice(1)}`)).toBe(true)
        }
      )
    )
  })
})
