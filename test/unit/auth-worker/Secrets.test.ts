import * as Effect from "effect/Effect"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { hashPassword, verifyPassword } from "../../../src/auth-worker/Passwords.ts"
import { mayManage } from "../../../src/auth-worker/Roles.ts"
import { matchesAny } from "../../../src/auth-worker/Secrets.ts"

const matches = (given: string, secrets: ReadonlyArray<string>) =>
  Effect.runPromise(matchesAny(given, secrets))

describe("comparing secrets", () => {
  it("is equality with any of them, and an empty secret equals nothing", async () => {
    await fc.assert(
      fc.asyncProperty(fc.string(), fc.array(fc.string(), { maxLength: 3 }), async (given, secrets) => {
        expect(await matches(given, secrets)).toBe(given !== "" && secrets.includes(given))
        expect(await matches(given, [...secrets, given])).toBe(given !== "")
      })
    )
    expect(await matches("", [])).toBe(false)
    expect(await matches("undefined", [])).toBe(false)
  })
})

describe("a password", () => {
  const check = (password: string, stored: string | null, rounds = 1) =>
    Effect.runPromise(verifyPassword(password, stored, rounds))

  it("matches its own hash only, which is never the same twice", async () => {
    const [one, two] = await Effect.runPromise(
      Effect.all([hashPassword("pässword", 1), hashPassword("pässword", 1)])
    )
    expect(one).not.toBe(two)
    expect(await check("pässword", one)).toEqual({ matches: true, outdated: false })
    expect(await check("pa\u0308ssword", one)).toEqual({ matches: true, outdated: false })
    expect(await check("password", one)).toMatchObject({ matches: false })
    expect(await check("pässword", one, 2)).toEqual({ matches: true, outdated: true })
  })

  it("matches nothing where none or nonsense is stored", async () => {
    for (const stored of [null, "", "plain", "pbkdf2-sha256$1$$", "md5$1$AAAA$AAAA"]) {
      expect(await check("", stored)).toMatchObject({ matches: false })
    }
  })
})

describe("roles", () => {
  it("let owners manage all, admins all but owners, members nobody", () => {
    expect(mayManage("owner", "owner")).toBe(true)
    expect(mayManage("admin", "admin", "member")).toBe(true)
    expect(mayManage("admin", "member", "owner")).toBe(false)
    expect(mayManage("member")).toBe(false)
  })
})
