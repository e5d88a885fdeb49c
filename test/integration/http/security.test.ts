import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { connect, type Socket } from "node:net"
import { afterEach, describe, expect, it } from "vitest"
import { CredentialList, LiftAnswer, LimitList, LockdownAnswer } from "../../../src/http/api/SecurityApi.ts"
import type { LockdownView } from "../../../src/orchestration/Administration.ts"
import type { Actor } from "../../../src/orchestration/Operations.ts"
import { T } from "./administration.ts"
import {
  admin,
  bodyOf,
  event,
  eventually,
  type LogLine,
  raw,
  SECRET,
  start,
  type Started,
  type StartOptions,
  TOKEN,
  webhook
} from "./server.ts"

let server: Started | undefined
const started = async (options?: StartOptions): Promise<Started> => (server = await start(options))
afterEach(() => server?.stop())

const LOCAL = ["127.0.0.0/8"]
const from = (address: string) => ({ "x-forwarded-for": address })
const statusOf = async (url: string, headers: Record<string, string> = {}, method = "GET"): Promise<number> =>
  (await fetch(url, { method, headers })).status

describe("where requests come from", () => {
  it("decides for the admin API, whoever holds the token, and elsewhere the token shows nothing", async () => {
    const { url } = await started({
      isProduction: true,
      addresses: { trustedProxies: LOCAL, adminAllow: ["203.0.113.0/24"] }
    })
    const inside = { ...admin, ...from("203.0.113.7") }
    const outside = { ...admin, ...from("198.51.100.7") }
    expect(await statusOf(`${url}/admin/plan`, inside)).toBe(200)
    const refused = await fetch(`${url}/admin/plan`, { headers: outside })
    expect([refused.status, await bodyOf(refused)]).toMatchObject([
      403,
      { error: { code: "ADDRESS_NOT_ALLOWED" } }
    ])
    expect([await statusOf(`${url}/queue`, inside), await statusOf(`${url}/queue`, outside)]).toEqual([
      200, 403
    ])
    const health = async (headers: Record<string, string>) =>
      JSON.stringify(await bodyOf(await fetch(`${url}/health`, { headers })))
    expect(await health(inside)).toContain("ws-open")
    expect(await health(outside)).not.toContain("ws-open")
    expect(
      (await webhook(url, event(), { "x-webhook-secret": SECRET, ...from("198.51.100.7") })).status
    ).toBe(200)
  })

  it("decides for webhooks, and for nothing else", async () => {
    const { url } = await started({ addresses: { trustedProxies: LOCAL, webhookAllow: ["2001:db8::/32"] } })
    const send = async (address: string) =>
      (await webhook(url, event(), { "x-webhook-secret": SECRET, ...from(address) })).status
    expect([await send("2001:db8::1"), await send("2001:db9::1")]).toEqual([200, 403])
    expect(await statusOf(`${url}/admin/plan`, { ...admin, ...from("2001:db9::1") })).toBe(200)
  })

  it("can shut somebody out of everything, even of the probes", async () => {
    const { url } = await started({ addresses: { trustedProxies: LOCAL, deny: ["203.0.113.7"] } })
    for (const path of ["/health/live", "/metrics", "/admin/plan", "/nothing", "/%61dmin/plan"]) {
      expect([path, await statusOf(`${url}${path}`, from("203.0.113.7"))]).toEqual([path, 403])
    }
    expect(await statusOf(`${url}/health/live`, from("203.0.113.8"))).toBe(200)
    const metrics = await (await fetch(`${url}/metrics`)).text()
    expect(metrics).toMatch(/^wso_ip_rejected_total\{list="ip_deny"\} [1-9]/m)
  })

  it("is what the socket says where no proxy is trusted", async () => {
    const { url } = await started({ addresses: { adminAllow: ["203.0.113.7"] } })
    expect(await statusOf(`${url}/admin/plan`, { ...admin, ...from("203.0.113.7") })).toBe(403)
  })

  it("is what the audit trail and the log have, from behind a proxy", async () => {
    const actors: Array<Actor> = []
    const { logs, url } = await started({
      addresses: { trustedProxies: LOCAL },
      administration: { resume: (_, actor) => Effect.sync(() => (actors.push(actor), true)) }
    })
    await fetch(`${url}/admin/resume`, { method: "POST", headers: { ...admin, ...from("203.0.113.7") } })
    expect(actors).toEqual([{ name: "admin", address: "203.0.113.7" }])
    await webhook(url, event(), from("203.0.113.9"))
    expect(logs.find(({ message }) => message === "workspace_webhook.refused")?.text).toContain("203.0.113.9")
  })

  it("is asked before any spelling of a path: none leads around", async () => {
    const { port } = await started({ addresses: { adminAllow: ["203.0.113.7"] } })
    for (const target of [
      "/admin/plan",
      "/%61dmin/plan",
      "/admin;x/../admin/plan",
      "http://a/admin/plan",
      "http://a?x=/admin/plan",
      "HTTP://a/admin/plan",
      "//admin/plan",
      "/x/../admin/plan",
      "/admin%2fplan",
      "/stores/..%2f..%2fadmin/plan"
    ]) {
      const answer = await raw(
        port,
        `GET ${target} HTTP/1.1\r\nhost: a\r\nconnection: close\r\nauthorization: Bearer ${TOKEN}\r\n\r\n`
      )
      expect([target, answer]).toEqual([target, expect.stringMatching(/^HTTP\/1\.1 40[034]/)])
    }
  })
})

describe("a rate limit", () => {
  const slow = (count: number) => ({ count, windowMs: 300_000 })

  it("refuses the admin API and reading with Retry-After, each address by itself, but never a probe", async () => {
    const { url } = await started({
      addresses: { trustedProxies: LOCAL },
      limits: { admin: slow(2), read: slow(3) }
    })
    const ask = (path: string, address: string) =>
      fetch(`${url}${path}`, { headers: { ...admin, ...from(address) } })
    const statuses = async (path: string, times: number, address = "203.0.113.7") => {
      const all = []
      for (let time = 0; time < times; time++) all.push((await ask(path, address)).status)
      return all
    }
    expect(await statuses("/admin/plan", 4)).toEqual([200, 200, 429, 429])
    expect(await statuses("/stores", 4)).toEqual([200, 200, 200, 429])
    expect(await statuses("/health/live", 10)).toEqual(Array.from({ length: 10 }, () => 200))
    expect(await statuses("/admin/plan", 1, "203.0.113.8")).toEqual([200])
    const refused = await ask("/admin/plan", "203.0.113.7")
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(100)
    expect(await bodyOf(refused)).toMatchObject({ error: { code: "TOO_MANY_REQUESTS" } })
  })

  it("takes all addresses of an IPv6 subscriber for one", async () => {
    const { url } = await started({ addresses: { trustedProxies: LOCAL }, limits: { read: slow(1) } })
    expect(await statusOf(`${url}/stores`, from("2001:db8::1"))).toBe(200)
    expect(await statusOf(`${url}/stores`, from("2001:db8::2"))).toBe(429)
    expect(await statusOf(`${url}/stores`, from("2001:db8:0:1::2"))).toBe(200)
  })

  it("refuses a flood of unproven webhooks, and takes the proven ones from the same address", async () => {
    const { url } = await started({ limits: { webhookSource: slow(2) } })
    for (let time = 0; time < 2; time++) expect((await webhook(url, "nonsense", {})).status).toBe(401)
    expect((await webhook(url, "nonsense", {})).status).toBe(429)
    expect([(await webhook(url, event())).status, (await webhook(url, event())).status]).toEqual([200, 200])
    expect((await webhook(url, event())).status).toBe(429)
  })

  it("answers wrong tokens with 429 after some failures, and always takes the right one", async () => {
    const { url } = await started({
      isProduction: true,
      addresses: { trustedProxies: LOCAL },
      limits: { authFailure: slow(3) }
    })
    const guess = (token: string, path = "/admin/plan", address = "203.0.113.7") =>
      statusOf(`${url}${path}`, { "x-server-token": token, ...from(address) })
    expect([await guess("a"), await guess("b", "/queue"), await guess("c", "/health")]).toEqual([
      401, 401, 200
    ])
    expect([await guess("d"), await guess(TOKEN)]).toEqual([429, 200])
    const health = await fetch(`${url}/health`, {
      headers: { "x-server-token": TOKEN, ...from("203.0.113.7") }
    })
    expect([health.status, await health.text()]).toEqual([200, expect.stringContaining("ws-open")])
    expect(await guess(TOKEN, "/admin/plan", "203.0.113.8")).toBe(200)
    // Without a token nothing is guessed.
    for (let time = 0; time < 5; time++) {
      expect(await statusOf(`${url}/admin/plan`, from("203.0.113.9"))).toBe(401)
    }
    expect(await guess(TOKEN, "/admin/plan", "203.0.113.9")).toBe(200)
  })

  it("holds for guesses that come at the same time", async () => {
    const { url } = await started({ limits: { authFailure: slow(3) } })
    const statuses = await Promise.all(
      Array.from({ length: 20 }, (_, guess) =>
        statusOf(`${url}/admin/plan`, { authorization: `Bearer guess-${guess}` })
      )
    )
    expect(statuses.filter((status) => status === 401)).toHaveLength(3)
    expect(statuses.filter((status) => status === 429)).toHaveLength(17)
  })

  it("keeps no administrator out, whatever strangers behind the same address have used up", async () => {
    const asked: Array<string> = []
    const { url } = await started({
      isProduction: true,
      limits: { admin: slow(3), read: slow(3), authFailure: slow(3) },
      administration: {
        lockDown: (reason) =>
          Effect.sync(() => {
            asked.push(reason)
            return { isNew: true, lockdown: { reason, actor: "admin", since: T } }
          })
      }
    })
    const lockDown = () =>
      fetch(`${url}/admin/lockdown`, {
        method: "POST",
        headers: { ...admin, "content-type": "application/json" },
        body: JSON.stringify({ reason: "leak" })
      })
    for (let time = 0; time < 40; time++) {
      const wrong = { "x-server-token": `wrong-${time}` }
      await statusOf(`${url}/admin/plan`, wrong)
      await statusOf(`${url}/stores`, wrong)
      await statusOf(`${url}/admin/lockdown`, wrong, "POST")
    }
    expect(await statusOf(`${url}/stores`, { "x-server-token": "wrong" })).toBe(429)
    expect(await statusOf(`${url}/stores`, admin)).toBe(200)
    expect(await statusOf(`${url}/admin/plan`, admin)).toBe(200)
    // In an emergency not even an administrator's own scripts are in the way.
    for (let time = 0; time < 10; time++) await statusOf(`${url}/admin/plan`, admin)
    expect(await statusOf(`${url}/admin/plan`, admin)).toBe(429)
    expect((await lockDown()).status).toBe(200)
    expect(asked).toEqual(["leak"])
  })

  it("answers wrong webhooks with 429 after some failures, and always takes the right ones", async () => {
    const { url } = await started({ limits: { authFailure: slow(3) } })
    for (let time = 0; time < 3; time++) {
      expect((await webhook(url, event(), { "x-webhook-secret": `guess ${time}` })).status).toBe(401)
    }
    expect((await webhook(url, event())).status).toBe(200)
    const refused = await webhook(url, event(), { "x-webhook-secret": "guess" })
    expect([refused.status, await bodyOf(refused)]).toMatchObject([
      429,
      { error: { code: "TOO_MANY_FAILURES" } }
    ])
    expect(await statusOf(`${url}/admin/plan`, admin)).toBe(200)
  })

  it("is shown with what is used of it, as a view and as metrics", async () => {
    const { url } = await started({ limits: { read: slow(4) } })
    await fetch(`${url}/stores`)
    const body = await bodyOf(await fetch(`${url}/limits`))
    expect(Schema.is(LimitList)(body)).toBe(true)
    expect(body["limits"]).toContainEqual(
      expect.objectContaining({
        limiter: "read",
        limit: 4,
        used: 2,
        perSource: true,
        busiestSource: "127.0.0.1",
        sources: 1
      })
    )
    for (let time = 0; time < 3; time++) await fetch(`${url}/stores`)
    const metrics = await (await fetch(`${url}/metrics`)).text()
    expect(metrics).toMatch(/^wso_ratelimit_used_ratio\{limiter="read"\} (1|0\.9\d*)$/m)
    expect(metrics).toMatch(/^wso_ratelimit_rejected_total\{limiter="read"\} [1-9]/m)
  })

  it("is for administrators to see in production", async () => {
    const { url } = await started({ isProduction: true })
    expect([await statusOf(`${url}/limits`), await statusOf(`${url}/limits`, admin)]).toEqual([401, 200])
  })
})

describe("the use of secrets", () => {
  it("is counted for each of two, so that one sees when the old one may go", async () => {
    const { url } = await started({ secrets: ["new-secret", "old-secret"], tokens: [TOKEN, "old-token"] })
    for (let time = 0; time < 2; time++) await webhook(url, event(), { "x-webhook-secret": "old-secret" })
    await webhook(url, event(), { "x-webhook-secret": "new-secret" })
    await webhook(url, event(), { "x-webhook-secret": "wrong" })
    await fetch(`${url}/admin/plan`, { headers: { "x-server-token": "old-token" } })
    const answer = await fetch(`${url}/admin/secrets`, { headers: admin })
    const text = await answer.text()
    for (const secret of [TOKEN, "old-token", "new-secret", "old-secret"]) expect(text).not.toContain(secret)
    const body: unknown = JSON.parse(text)
    expect(Schema.is(CredentialList)(body)).toBe(true)
    expect(body).toMatchObject({
      secrets: [
        {
          variable: "SERVER_BYPASS_TOKEN",
          secrets: [
            { slot: "current", uses: 1 },
            { slot: "next", uses: 1 }
          ]
        },
        {
          variable: "WEBHOOK_SECRET",
          isSet: true,
          secrets: [
            {
              slot: "current",
              uses: 1,
              fingerprint: expect.stringMatching(/^sha256:[0-9a-f]{8}$/) as unknown
            },
            { slot: "next", uses: 2 }
          ]
        },
        { variable: "MESSAGE_HANDLER_SECRET", isSet: false, secrets: [] }
      ]
    })
    const metrics = await (await fetch(`${url}/metrics`)).text()
    expect(metrics).toMatch(/^wso_auth_used_total\{credential="webhook_secret",slot="next"\} [1-9]/m)
    expect(metrics).toMatch(/^wso_secret_age_seconds\{secret="server_bypass_token",slot="current"\} /m)
  })

  it("is for administrators everywhere", async () => {
    const { url } = await started()
    expect(await statusOf(`${url}/admin/secrets`)).toBe(401)
  })
})

describe("a lockdown", () => {
  const lockable = () => {
    const state: { lockdown: LockdownView | null; readonly asked: Array<readonly [string, string, string]> } =
      {
        lockdown: null,
        asked: []
      }
    return {
      state,
      administration: {
        lockdown: () => state.lockdown,
        lockDown: (reason: string, actor: Actor) =>
          Effect.sync(() => {
            state.asked.push(["lock", reason, actor.name])
            const isNew = state.lockdown === null
            state.lockdown ??= { reason, actor: actor.name, since: T }
            return { isNew, lockdown: state.lockdown }
          }),
        liftLockdown: (reason: string, actor: Actor) =>
          Effect.sync(() => {
            state.asked.push(["lift", reason, actor.name])
            const lifted = state.lockdown
            state.lockdown = null
            return lifted
          })
      }
    }
  }
  const ask = (url: string, method: string, body: unknown, headers: Record<string, string> = admin) =>
    fetch(`${url}/admin/lockdown`, {
      method,
      headers: { ...headers, "content-type": "application/json", "x-actor": "ann" },
      body: JSON.stringify(body)
    })

  it("refuses whatever would change anything, from whomever, and lets everybody read", async () => {
    const { administration } = lockable()
    const { url } = await started({ administration })
    expect(Schema.is(LockdownAnswer)(await bodyOf(await ask(url, "POST", { reason: "leak" })))).toBe(true)
    for (const path of [
      "/webhooks/workspaces",
      "/admin/reconcile",
      "/admin/reconcile?dryRun=true",
      "/admin/pause",
      "/admin/resume",
      "/admin/removals/approve",
      "/admin/circuit-breakers/x/reset",
      "/admin/messages/ws-1/m/retry",
      "/admin/lockdown/x"
    ]) {
      const response = await fetch(`${url}${path}`, { method: "POST", headers: admin })
      expect([path, response.status, response.headers.get("retry-after")]).toEqual([path, 503, "60"])
      expect(await bodyOf(response)).toMatchObject({ error: { code: "LOCKED_DOWN" }, lockedDownSince: T })
    }
    for (const path of ["/health", "/stores", "/admin/plan", "/admin/audit", "/metrics", "/limits"]) {
      expect([path, await statusOf(`${url}${path}`, admin)]).toEqual([path, 200])
    }
  })

  it("stays as it is when it is asked for again, and ends when it is lifted", async () => {
    const { administration, state } = lockable()
    const { url } = await started({ administration })
    await ask(url, "POST", { reason: "leak" })
    expect(await bodyOf(await ask(url, "POST", { reason: "again" }))).toEqual({
      status: "already_locked_down",
      lockdown: { reason: "leak", actor: "ann", since: T }
    })
    const lifted = await bodyOf(await ask(url, "DELETE", { reason: "rotated" }))
    expect(Schema.is(LiftAnswer)(lifted)).toBe(true)
    expect(lifted["status"]).toBe("lifted")
    expect(await bodyOf(await ask(url, "DELETE", { reason: "rotated" }))).toEqual({
      status: "not_locked_down",
      lockdown: null
    })
    expect((await webhook(url, event())).status).toBe(200)
    expect(state.asked.map(([what, , actor]) => [what, actor])).toEqual([
      ["lock", "ann"],
      ["lock", "ann"],
      ["lift", "ann"],
      ["lift", "ann"]
    ])
  })

  it("is made and lifted by administrators only, with a reason", async () => {
    const { administration, state } = lockable()
    const { url } = await started({ administration })
    for (const method of ["POST", "DELETE"]) {
      expect((await ask(url, method, { reason: "x" }, {})).status).toBe(401)
      const response = await ask(url, method, {})
      expect([response.status, await response.text()]).toEqual([
        400,
        expect.stringContaining("reason is missing")
      ])
    }
    const more = await ask(url, "POST", { reason: "leak", closeStores: true })
    expect([more.status, await more.text()]).toEqual([
      400,
      expect.stringContaining("closeStores must be false: a lockdown closes no store")
    ])
    expect(state.asked).toEqual([])
  })
})

describe("who is refused at the door", () => {
  const knocksIn = (logs: ReadonlyArray<LogLine>, message: string) =>
    logs.filter((line) => line.message === message).map(({ text }) => text)

  it("is in the log and in the audit trail: once at once, however often they try", async () => {
    const { audit, logs, url } = await started({
      addresses: { trustedProxies: LOCAL, deny: ["198.51.100.9"] }
    })
    for (let time = 0; time < 50; time++) {
      await statusOf(`${url}/admin/pause`, { "x-server-token": "wrong", ...from("203.0.113.7") }, "POST")
      await webhook(url, event(), { "x-webhook-secret": "wrong", ...from("203.0.113.8") })
      await statusOf(`${url}/stores/some-workspace`, from("198.51.100.9"))
    }
    expect(knocksIn(logs, "admin.refused")).toEqual([expect.stringContaining("203.0.113.7")])
    expect(knocksIn(logs, "workspace_webhook.refused")).toEqual([expect.stringContaining("203.0.113.8")])
    expect(knocksIn(logs, "address.refused")).toEqual([expect.stringContaining("198.51.100.9")])
    const records = (await audit()).filter(({ action }) => action === "access.refused")
    expect(
      records.map(({ address, detail, outcome, subject }) => [subject, address, detail, outcome])
    ).toEqual([
      ["admin", "203.0.113.7", "wrong once, /admin/pause", "refused"],
      ["webhook", "203.0.113.8", "secret once, /webhooks/workspaces", "refused"],
      ["address", "198.51.100.9", "denied once, /stores/:storeId", "refused"]
    ])
    expect(JSON.stringify(records) + JSON.stringify(logs)).not.toContain("some-workspace")
  })

  it("is told apart from who is locked out", async () => {
    const { audit, url } = await started({ limits: { authFailure: { count: 2, windowMs: 300_000 } } })
    for (let time = 0; time < 5; time++) {
      await statusOf(`${url}/admin/plan`, { "x-server-token": `guess ${time}` })
    }
    expect((await audit()).map(({ detail }) => detail)).toEqual([
      "wrong once, /admin/plan",
      "locked-out once, /admin/plan"
    ])
  })
})

describe("a secret that an error carries", () => {
  it("is in no answer, however it is written, and the answer stays JSON", async () => {
    const secret = 'a "secret"\\of-this-server'
    const message = `refused ${secret} at https://x.example/?key=${encodeURIComponent(secret)} (${btoa(secret)})`
    const { url } = await started({
      confidential: [secret],
      administration: {
        recentErrors: Effect.succeed([
          {
            component: "source",
            code: "DirectoryRejected",
            count: 1,
            firstSeenAt: T,
            lastSeenAt: T,
            lastMessage: message,
            lastStoreId: null
          }
        ])
      }
    })
    const text = await (await fetch(`${url}/recent-errors`)).text()
    for (const form of [
      secret,
      JSON.stringify(secret).slice(1, -1),
      encodeURIComponent(secret),
      btoa(secret)
    ]) {
      expect(text).not.toContain(form)
    }
    expect(JSON.parse(text)).toMatchObject({ errors: [{ code: "DirectoryRejected" }] })
    expect(text).toContain("[redacted]")
  })
})

describe("the name that a request is sent to", () => {
  const named = (port: number, host: string, path = "/stores") =>
    raw(port, `GET ${path} HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`)

  it("has to be a loopback one or a configured one, where names are configured", async () => {
    const { port } = await started({ hosts: ["wso.example.com"] })
    for (const host of [
      "127.0.0.1",
      "localhost:3003",
      "[::1]:3003",
      "a.localhost",
      "WSO.example.com.:80",
      "127.9.9.9"
    ]) {
      expect([host, await named(port, host)]).toEqual([host, expect.stringMatching(/^HTTP\/1\.1 200/)])
    }
    for (const host of [
      "evil.example.com",
      "127.0.0.1.evil.com",
      "localhost.evil.com",
      "wso.example.com.evil.com",
      ""
    ]) {
      const answer = await named(port, host)
      expect([host, answer]).toEqual([host, expect.stringMatching(/^HTTP\/1\.1 421/)])
      expect(answer).toContain("MISDIRECTED_REQUEST")
    }
    // The name in a whole URL of the request line counts too.
    expect(await named(port, "localhost", "http://evil.example.com/stores")).toMatch(/^HTTP\/1\.1 421/)
  })

  it("may be any, where none is configured", async () => {
    const { port } = await started()
    expect(await named(port, "any.example.com")).toMatch(/^HTTP\/1\.1 200/)
  })
})

describe("the connections of one address", () => {
  it("are bounded, and those that are closed count no more", async () => {
    const { port, url } = await started({ maxConnectionsPerAddress: 3 })
    const open = () =>
      new Promise<Socket>((resolve) => {
        const socket = connect(port, "127.0.0.1", () => resolve(socket))
        socket.on("error", () => undefined)
      })
    const first = [await open(), await open(), await open()]
    await eventually(() => first.every((socket) => socket.readyState === "open"))
    const fourth = await open()
    await eventually(() => fourth.closed)
    expect(first.every((socket) => !socket.closed)).toBe(true)
    for (const socket of first) socket.destroy()
    await eventually(() => first.every((socket) => socket.closed))
    for (;;) {
      const status = await statusOf(`${url}/health/live`).catch(() => 0)
      if (status === 200) break
    }
  })
})
