import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import { afterEach, describe, expect, it } from "vitest"
import * as Supervised from "../../../src/controller/Supervised.ts"
import { Health } from "../../../src/http/api/HealthViews.ts"
import { ReconcileAnswer } from "../../../src/http/api/AdminViews.ts"
import {
  type Actor,
  type ManualRun,
  ReconcilerDisabled,
  RunFailed,
  RunInFlight,
  RunTooSoon,
  type StoresQuery
} from "../../../src/orchestration/Operations.ts"
import { admin, bodyOf, healthyBody, start, type Started, type StartOptions, TOKEN } from "./server.ts"

let server: Started | undefined
const started = async (options?: StartOptions): Promise<Started> => (server = await start(options))
afterEach(() => server?.stop())

const run: ManualRun = {
  status: "completed",
  durationMs: 12,
  driftCount: 2,
  result: {
    added: ["ws-1"],
    removed: ["ws-2"],
    failedAdds: [],
    failedRemovals: [],
    held: [],
    authoritativeCount: 1,
    monitoredCount: 1,
    driftCount: 0
  },
  incidentDashboardUrl: null,
  triggeredAt: "2025-02-10T20:15:00.000Z"
}

const reconcile = (url: string, headers: Record<string, string> = admin): Promise<Response> =>
  fetch(`${url}/admin/reconcile`, { method: "POST", headers })

describe("POST /admin/reconcile", () => {
  it("answers the run, by either header, and logs what it did", async () => {
    const actors: Array<Actor> = []
    const { logs, url } = await started({
      operations: { reconcile: (actor) => Effect.sync(() => (actors.push(actor), run)) }
    })
    for (const headers of [
      admin,
      { "x-server-token": TOKEN },
      { authorization: `bearer ${TOKEN}`, "x-actor": "ann" }
    ]) {
      const response = await reconcile(url, headers)
      expect(response.status).toBe(200)
      expect(Schema.is(ReconcileAnswer)(await response.json())).toBe(true)
    }
    expect(actors.map(({ name }) => name)).toEqual(["admin", "admin", "ann"])
    expect(actors[0]?.address).toContain("127.0.0.1")
    const line = logs.find(({ message }) => message === "workspace_reconciler.manual_trigger")
    expect(line?.text).toContain(`"durationMs":12`)
    expect(line?.text).toContain(`"added":1,"removed":1`)
    expect(line?.text).toContain("workspace_orchestration")
  })

  it.each([
    ["no credentials", {}],
    ["a wrong token", { authorization: "Bearer wrong" }],
    ["an empty token", { authorization: "Bearer " }],
    ["another scheme", { authorization: `Basic ${TOKEN}` }],
    ["no scheme", { authorization: TOKEN }],
    ["an empty header", { "x-server-token": "" }],
    ["a longer token", { "x-server-token": `${TOKEN}x` }]
  ])("refuses %s with 401 and says how to authenticate", async (_, headers) => {
    const { url } = await started({ operations: { reconcile: () => new RunInFlight({ startedAt: "now" }) } })
    const response = await reconcile(url, headers)
    expect(response.status).toBe(401)
    expect(response.headers.get("www-authenticate")).toContain("Bearer")
    expect(await bodyOf(response)).toMatchObject({ error: { code: "UNAUTHORIZED" } })
  })

  it("is disabled with 503 where no token is configured", async () => {
    const { url } = await started({ tokens: [] })
    const response = await reconcile(url, { authorization: "Bearer " })
    expect(response.status).toBe(503)
    expect(await bodyOf(response)).toMatchObject({ reason: "SERVER_BYPASS_TOKEN is not set" })
  })

  it("takes either token of a rotation", async () => {
    const { url } = await started({
      tokens: ["new", "old"],
      operations: { reconcile: () => Effect.succeed(run) }
    })
    expect((await reconcile(url, { "x-server-token": "new" })).status).toBe(200)
    expect((await reconcile(url, { "x-server-token": "old" })).status).toBe(200)
  })

  it("answers 503 with the reason when the reconciler is disabled", async () => {
    const { url } = await started({
      operations: { reconcile: () => new ReconcilerDisabled({ reason: "AUTH_WORKER_URL is not set" }) }
    })
    const response = await reconcile(url)
    expect(response.status).toBe(503)
    expect(await bodyOf(response)).toMatchObject({
      reason: "AUTH_WORKER_URL is not set",
      error: { code: "RECONCILER_DISABLED" }
    })
  })

  it("answers 409 while a run is in flight", async () => {
    const { url } = await started({ operations: { reconcile: () => new RunInFlight({ startedAt: "T" }) } })
    const response = await reconcile(url)
    expect(response.status).toBe(409)
    expect(await bodyOf(response)).toMatchObject({ error: { code: "RECONCILE_IN_FLIGHT" } })
  })

  it("answers 429 with whole seconds in Retry-After, never 0", async () => {
    for (const [retryAfterMs, seconds] of [
      [1, "1"],
      [59_001, "60"]
    ] as const) {
      const { stop, url } = await start({ operations: { reconcile: () => new RunTooSoon({ retryAfterMs }) } })
      const response = await reconcile(url)
      expect(response.status).toBe(429)
      expect(response.headers.get("retry-after")).toBe(seconds)
      expect(await bodyOf(response)).toMatchObject({ retryAfterMs })
      await stop()
    }
  })

  it("answers 500 when the source could not be read, and logs an error", async () => {
    const failure = new RunFailed({
      code: "SOURCE_UNAVAILABLE",
      message: "503 from the source",
      durationMs: 7
    })
    const { logs, url } = await started({ operations: { reconcile: () => failure } })
    const response = await reconcile(url)
    expect(response.status).toBe(500)
    expect(await bodyOf(response)).toMatchObject({
      status: "failed",
      durationMs: 7,
      error: { code: "SOURCE_UNAVAILABLE", message: "503 from the source" }
    })
    expect(logs.map(({ text }) => text).join()).toContain("ERROR")
  })

  it("is not reached by another spelling of its path", async () => {
    let calls = 0
    const { url } = await started({ operations: { reconcile: () => Effect.sync(() => (calls++, run)) } })
    for (const path of [
      "/Admin/reconcile",
      "//admin/reconcile",
      "/admin//reconcile",
      "/admin/%2e/reconcile/x"
    ]) {
      const response = await fetch(`${url}${path}`, { method: "POST" })
      expect([path, response.status]).toEqual([path, 404])
    }
    expect((await fetch(`${url}/admin%2Freconcile`, { method: "POST" })).status).not.toBe(200)
    expect(calls).toBe(0)
  })
})

describe("GET /health", () => {
  it("has the contract's shape, with the time, the uptime and the version", async () => {
    const { url } = await started()
    const response = await fetch(`${url}/health`)
    expect(response.status).toBe(200)
    const body = await bodyOf(response)
    expect(Schema.is(Health)(body)).toBe(true)
    expect(body).toMatchObject(healthyBody)
    expect(body["uptime"]).toBeTypeOf("number")
    expect(body["version"]).toMatch(/^\d+\.\d+\.\d+/)
  })

  it("is 200 when degraded, but 503 where strictness is asked for", async () => {
    const { url } = await started({
      operations: { health: Effect.succeed({ ...healthyBody, status: "degraded" }) }
    })
    expect((await fetch(`${url}/health`)).status).toBe(200)
    expect((await fetch(`${url}/health?strict=false`)).status).toBe(200)
    expect((await fetch(`${url}/health?strict=true`)).status).toBe(503)
    const wrong = await fetch(`${url}/health?strict=<script>`)
    expect(wrong.status).toBe(400)
    expect(await wrong.text()).toMatch(/strict must be true or false/)
  })

  it("names no workspace in production without the admin token, and keeps the counts", async () => {
    const { url } = await started({ isProduction: true })
    const response = await fetch(`${url}/health`)
    const body = await bodyOf(response)
    expect(JSON.stringify(body)).not.toMatch(/ws-/)
    expect(Schema.is(Health)(body)).toBe(true)
    expect(body).toMatchObject({
      status: "healthy",
      storeCount: 1,
      convergence: { converged: true, driftCount: 0, desired: { revision: "42", source: "auth-worker" } },
      processedMessages: { total: 3 },
      orchestrator: { totalProvisioned: 1 },
      removalGuard: { tripped: true },
      circuitBreakers: { "auth-worker": { state: "closed" } }
    })
    expect(JSON.stringify(await bodyOf(await fetch(`${url}/health`, { headers: admin })))).toMatch(/ws-open/)
  })

  it("says in production why there is no reconciler", async () => {
    const { url } = await started({
      isProduction: true,
      operations: {
        health: Effect.succeed({
          ...healthyBody,
          reconciliation: { enabled: false, reason: "no token is set" }
        })
      }
    })
    expect(await bodyOf(await fetch(`${url}/health`))).toMatchObject({
      reconciliation: { enabled: false, reason: "no token is set" }
    })
  })

  it("has probes for liveness and readiness", async () => {
    const { url } = await started({
      operations: { ready: Effect.succeed({ ready: false, reason: "no snapshot yet" }) }
    })
    const live = await fetch(`${url}/health/live`)
    expect([live.status, await live.json()]).toEqual([200, { status: "ok", check: "live" }])
    const dead = await Effect.runPromise(Scope.make())
    await Effect.runPromise(
      Supervised.run("store-signals", Effect.die("broken")).pipe(
        Effect.zipRight(
          Effect.repeat(Effect.delay(Supervised.view, "10 millis"), {
            until: (fibers) => fibers.some(({ restarts }) => restarts > 0)
          })
        ),
        Scope.extend(dead)
      )
    )
    const unwell = await fetch(`${url}/health/live`)
    expect([unwell.status, await unwell.json()]).toEqual([
      503,
      { status: "unavailable", check: "live", reason: "store-signals (restarting)" }
    ])
    await Effect.runPromise(Scope.close(dead, Exit.void))
    expect((await fetch(`${url}/health/live`)).status).toBe(200)
    const ready = await fetch(`${url}/health/ready`)
    expect([ready.status, await ready.json()]).toEqual([
      503,
      { status: "unavailable", check: "ready", reason: "no snapshot yet" }
    ])
  })
})

describe("GET /stores", () => {
  it("hands its query to the operations, and is open outside production", async () => {
    const queries: Array<StoresQuery> = []
    const { url } = await started({
      operations: { stores: (query) => Effect.sync(() => (queries.push(query), { stores: [] })) }
    })
    expect((await fetch(`${url}/stores`)).status).toBe(200)
    expect((await fetch(`${url}/stores?limit=5&cursor=ws-1&status=error&other=ignored`)).status).toBe(200)
    expect(queries).toEqual([
      { limit: Option.none(), cursor: Option.none(), status: Option.none() },
      { limit: Option.some(5), cursor: Option.some("ws-1"), status: Option.some("error") }
    ])
  })

  it.each([
    "limit=0",
    "limit=abc",
    "limit=1e3",
    "limit=10001",
    "limit=1&limit=2",
    "status=evil",
    `cursor=${"x".repeat(257)}`
  ])("refuses ?%s with 400, without showing it", async (query) => {
    const { url } = await started()
    const response = await fetch(`${url}/stores?${query}`)
    expect(response.status).toBe(400)
    const { error } = await bodyOf(response)
    expect((error as { message: string }).message).not.toMatch(/evil|xxx|1e3|abc|10001/)
  })

  it("is for administrators in production", async () => {
    const { url } = await started({ isProduction: true })
    expect((await fetch(`${url}/stores`)).status).toBe(401)
    expect((await fetch(`${url}/stores?limit=evil`)).status).toBe(401)
    expect((await fetch(`${url}/stores`, { headers: admin })).status).toBe(200)
  })
})

describe("every answer", () => {
  it("carries a request id: the sender's if it is sane, else a fresh one", async () => {
    const { url } = await started()
    const idOf = async (path: string, headers: Record<string, string> = {}) =>
      (await fetch(`${url}${path}`, { headers })).headers.get("x-request-id")
    expect(await idOf("/health/live", { "x-request-id": "abc-123.x:y" })).toBe("abc-123.x:y")
    for (const odd of ["has space", "x".repeat(129), "a<b>", '"quoted"']) {
      expect(await idOf("/nothing", { "x-request-id": odd })).toMatch(/^[0-9a-f-]{36}$/)
    }
    const response = await fetch(`${url}/nothing`, { headers: { "x-request-id": "mine" } })
    expect(await bodyOf(response)).toMatchObject({ error: { code: "NOT_FOUND", requestId: "mine" } })
  })

  it("carries the security headers", async () => {
    const { url } = await started()
    for (const path of ["/health", "/nothing", "/docs", "/webhooks/workspaces"]) {
      const { headers } = await fetch(`${url}${path}`)
      expect(headers.get("x-content-type-options")).toBe("nosniff")
      expect(headers.get("x-frame-options")).toBe("DENY")
      expect(headers.get("referrer-policy")).toBe("no-referrer")
      expect(headers.get("cross-origin-resource-policy")).toBe("same-origin")
      expect(headers.get("cache-control")).toBe("no-store")
      expect(headers.get("content-security-policy")).toContain("default-src 'none'")
      expect(headers.get("access-control-allow-origin")).toBeNull()
    }
  })

  it("to another method is 405 with Allow, and to HEAD that of GET without a body", async () => {
    const { url } = await started()
    const wrong = await fetch(`${url}/health`, { method: "POST" })
    expect([wrong.status, wrong.headers.get("allow")]).toEqual([405, "GET, HEAD"])
    const head = await fetch(`${url}/health`, { method: "HEAD" })
    expect([head.status, await head.text()]).toEqual([200, ""])
  })

  it("hides the reason of a defect, which the log has under the same request id", async () => {
    const { logs, url } = await started({ operations: { health: Effect.dieMessage("secret detail") } })
    const response = await fetch(`${url}/health`, { headers: { "x-request-id": "find-me" } })
    expect(response.status).toBe(500)
    expect(await response.text()).not.toContain("secret detail")
    const line = logs.find(({ message }) => message === "http.request_failed")
    expect(line?.text).toContain("secret detail")
    expect(line?.text).toContain("find-me")
  })
})

describe("the API's description", () => {
  it("is an OpenAPI document of every route, with the errors that really occur", async () => {
    const { url } = await started()
    const response = await fetch(`${url}/openapi.json`)
    const document = await response.text()
    const { openapi, paths } = JSON.parse(document) as { openapi: string; paths: Record<string, object> }
    expect(openapi).toBe("3.1.0")
    expect(Object.keys(paths)).toEqual(
      expect.arrayContaining([
        "/health",
        "/stores",
        "/webhooks/workspaces",
        "/admin/reconcile",
        "/openapi.json"
      ])
    )
    expect(document).not.toContain("HttpApiDecodeError")
    expect(document).toContain("securitySchemes")
    const references = [...document.matchAll(/"#\/components\/schemas\/([^"]+)"/g)].map(([, name]) => name)
    const { components } = JSON.parse(document) as { components: { schemas: Record<string, unknown> } }
    for (const name of references) expect(Object.keys(components.schemas)).toContain(name)
  })

  it("is a page without a script", async () => {
    const { url } = await started()
    const response = await fetch(`${url}/docs`)
    expect(response.headers.get("content-type")).toContain("text/html")
    const page = await response.text()
    expect(page).toContain("POST /webhooks/workspaces")
    expect(page).not.toContain("<script")
  })
})
