import * as Effect from "effect/Effect"
import { afterEach, describe, expect, it } from "vitest"
import { T } from "../http/administration.ts"
import { healthyBody, start, type Started, type StartOptions, TOKEN } from "../http/server.ts"
import { wso } from "./wso.ts"

let server: Started | undefined
const started = async (options?: StartOptions): Promise<string> => (server = await start(options)).url
afterEach(() => server?.stop())

describe("wso lockdown", () => {
  it("locks down with a reason, says so when it is already, and lifts", async () => {
    const asked: Array<readonly [string, string]> = []
    const standing = { reason: "leak", actor: "ann", since: T }
    const url = await started({
      administration: {
        lockDown: (reason) =>
          Effect.sync(() => ({ isNew: asked.push(["lock", reason]) === 1, lockdown: standing })),
        liftLockdown: (reason) => Effect.sync(() => (asked.push(["lift", reason]), standing))
      }
    })
    const locked = await wso(url, "lockdown", "--reason", "a token has leaked")
    expect([locked.code, locked.out]).toEqual([0, expect.stringContaining("answer 503 until it is lifted")])
    expect((await wso(url, "lockdown", "-r", "again")).out).toContain("already, by ann since 2025")
    const lifted = await wso(url, "lockdown", "lift", "--reason", "it is rotated")
    expect([lifted.code, lifted.out]).toEqual([
      0,
      expect.stringContaining("Lifted: it was locked down by ann")
    ])
    expect(asked).toEqual([
      ["lock", "a token has leaked"],
      ["lock", "again"],
      ["lift", "it is rotated"]
    ])
  })

  it("needs a reason", async () => {
    const url = await started()
    expect((await wso(url, "lockdown")).code).toBe(2)
    expect((await wso(url, "lockdown", "lift")).code).toBe(2)
  })

  it("is on the screen of wso status while it stands, and refuses what wso would change", async () => {
    const url = await started({
      administration: { lockdown: () => ({ reason: "leak", actor: "ann", since: T }) },
      operations: {
        health: Effect.succeed({
          ...healthyBody,
          status: "degraded",
          lockdown: { active: true, reason: "leak", actor: "ann", since: T }
        })
      }
    })
    expect((await wso(url, "status")).out).toMatch(/^Lockdown: +since .* ago by ann \(leak\)/m)
    const refused = await wso(url, "resume")
    expect([refused.code, refused.said]).toEqual([2, expect.stringContaining("LOCKED_DOWN")])
  })
})

describe("wso limits", () => {
  it("shows what is used of each, and by whom", async () => {
    const url = await started({ limits: { read: { count: 10, windowMs: 60_000 } } })
    const { code, out } = await wso(url, "limits")
    expect(code).toBe(0)
    expect(out).toMatch(/^LIMIT +USED +OF +IN +FREE +BUSIEST +REJECTED$/m)
    expect(out).toMatch(/^read +1 +10 +1m +in \S+ +127\.0\.0\.1 \(proven\) +0$/m)
    expect(out).toMatch(/^webhook +0 +\d+ +1s +- +- +0$/m)
  })
})

describe("wso secrets", () => {
  it("shows each secret's fingerprint, use and age, and no secret", async () => {
    const url = await started({ tokens: [TOKEN, "old-token"] })
    const { code, out } = await wso(url, "secrets")
    expect(code).toBe(0)
    expect(out).toMatch(/^SERVER_BYPASS_TOKEN +current +sha256:[0-9a-f]{8} +1 +\S+ ago +\S+ ago$/m)
    expect(out).toMatch(/^SERVER_BYPASS_TOKEN +next +sha256:[0-9a-f]{8} +0 +- +\S+ ago$/m)
    expect(out).toMatch(/^MESSAGE_HANDLER_SECRET +not set/m)
    expect(out).not.toContain("old-token")
  })
})
