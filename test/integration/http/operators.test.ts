import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { afterEach, describe, expect, it } from "vitest"
import {
  ApproveAnswer,
  PauseAnswer,
  ReconcileOneAnswer,
  ResumeAnswer
} from "../../../src/http/api/AdminViews.ts"
import * as Views from "../../../src/http/api/Views.ts"
import { PlanMismatch, UnknownBreaker, UnknownWorkspace } from "../../../src/orchestration/Administration.ts"
import type { AuditRecord } from "../../../src/orchestration/Audit.ts"
import type { Actor } from "../../../src/orchestration/Operations.ts"
import { breaker, converged, explanation, plan, queue, T } from "./administration.ts"
import { admin, bodyOf, eventually, start, type Started, type StartOptions } from "./server.ts"

let server: Started | undefined
const started = async (options?: StartOptions): Promise<Started> => (server = await start(options))
afterEach(() => server?.stop())

const post = (url: string, body?: unknown, headers: Record<string, string> = admin): Promise<Response> =>
  fetch(url, {
    method: "POST",
    headers: { ...headers, ...(body === undefined ? {} : { "content-type": "application/json" }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) })
  })

const get = (url: string): Promise<Response> => fetch(url, { headers: admin })

describe("the operators' views", () => {
  it("have the shapes that the API describes", async () => {
    const { url } = await started({
      administration: {
        plan: Effect.succeed(plan),
        breakers: Effect.succeed([breaker]),
        stuck: () =>
          Effect.succeed([
            { storeId: "ws-1", kind: "missing", since: T, forMs: 5, reason: "backoff", message: "It failed" }
          ])
      }
    })
    const is = async (path: string, schema: Schema.Schema.AnyNoContext) =>
      expect([path, Schema.is(schema)(await bodyOf(await get(`${url}${path}`)))]).toEqual([path, true])
    await is("/stores/ws-1", Views.Explanation)
    await is("/admin/plan", Views.Plan)
    await is("/queue", Views.Queue)
    await is("/queue/stuck", Schema.Struct({ stuck: Schema.Array(Views.Stuck) }))
    await is("/circuit-breakers", Schema.Struct({ circuitBreakers: Schema.Array(Views.Breaker) }))
    await is("/recent-errors", Schema.Struct({ errors: Schema.Array(Views.ErrorGroup) }))
    await is("/admin/audit?verify=true", Views.Audit)
    expect(await bodyOf(await get(`${url}/queue`))).toEqual(queue)
    expect(await bodyOf(await get(`${url}/stores/ws-1`))).toMatchObject({ summary: explanation.summary })
  })

  it("are for administrators in production, and the admin ones everywhere", async () => {
    const { stop, url } = await start({ isProduction: true })
    const reading = [
      "/stores/ws-1",
      "/queue",
      "/queue/stuck",
      "/circuit-breakers",
      "/recent-errors",
      "/events"
    ]
    for (const path of [...reading, "/admin/plan", "/admin/audit"]) {
      expect([path, (await fetch(`${url}${path}`)).status]).toEqual([path, 401])
    }
    await stop()
    const { url: open } = await started()
    for (const path of ["/admin/plan", "/admin/audit"])
      expect((await fetch(`${open}${path}`)).status).toBe(401)
    expect((await fetch(`${open}/queue`)).status).toBe(200)
  })

  it("say 404 for a workspace that nobody knows", async () => {
    const { url } = await started({
      administration: { explain: (storeId) => new UnknownWorkspace({ storeId }) }
    })
    const response = await get(`${url}/stores/reflect.me`)
    expect(response.status).toBe(404)
    const text = await response.text()
    expect(text).toContain("WORKSPACE_NOT_FOUND")
    expect(text).not.toContain("reflect.me")
  })

  it("probe what the server depends on", async () => {
    const { url } = await started({
      administration: {
        probe: (check) => Effect.succeed({ healthy: check !== "sync", detail: { checked: check } })
      }
    })
    for (const [path, status, state] of [
      ["db", 200, "ok"],
      ["auth-worker", 200, "ok"],
      ["sync", 503, "unavailable"]
    ] as const) {
      const response = await fetch(`${url}/health/${path}`)
      expect(response.status).toBe(status)
      expect(await bodyOf(response)).toEqual({ status: state, check: path, checked: path })
    }
  })
})

describe("a probe in production", () => {
  it("keeps its detail for administrators", async () => {
    const { url } = await started({
      isProduction: true,
      administration: {
        probe: () => Effect.succeed({ healthy: false, detail: { path: "/data", error: "ws-1" } })
      }
    })
    expect(await bodyOf(await fetch(`${url}/health/db`))).toEqual({ status: "unavailable", check: "db" })
    expect(await bodyOf(await get(`${url}/health/db`))).toMatchObject({ path: "/data" })
  })
})

describe("POST /admin/reconcile", () => {
  it("with storeId looks at that workspace only, and says what became of it", async () => {
    const asked: Array<readonly [string, Actor]> = []
    const { url } = await started({
      administration: {
        reconcileOne: (storeId, actor) =>
          Effect.sync(() => {
            asked.push([storeId, actor])
            return asked.length === 1
              ? { status: "monitoring_started" as const }
              : { status: "reconcile_queued" as const, reason: "guard" }
          })
      }
    })
    const settled = await post(`${url}/admin/reconcile?storeId=ws-1`)
    expect(settled.status).toBe(200)
    const body = await bodyOf(settled)
    expect(Schema.is(ReconcileOneAnswer)(body)).toBe(true)
    expect(body).toMatchObject({ status: "monitoring_started", storeId: "ws-1" })
    const held = await post(`${url}/admin/reconcile?storeId=ws-1`)
    expect([held.status, await bodyOf(held)]).toMatchObject([
      202,
      { status: "reconcile_queued", reason: "guard" }
    ])
    expect(asked.map(([storeId, { name }]) => [storeId, name])).toEqual([
      ["ws-1", "admin"],
      ["ws-1", "admin"]
    ])
  })

  it("with dryRun answers the plan and runs nothing", async () => {
    let runs = 0
    const { url } = await started({
      operations: { reconcile: () => Effect.dieMessage(`ran ${++runs}`) },
      administration: {
        plan: Effect.succeed(plan),
        planOne: (storeId) =>
          Effect.succeed({ ...converged, waiting: [{ storeId, reason: "grace", until: T }] })
      }
    })
    expect(await bodyOf(await post(`${url}/admin/reconcile?dryRun=true`))).toEqual({
      status: "planned",
      ...plan
    })
    expect(await bodyOf(await post(`${url}/admin/reconcile?dryRun=true&storeId=ws-held-2`))).toMatchObject({
      status: "planned",
      waiting: [{ storeId: "ws-held-2", reason: "grace" }]
    })
    expect(runs).toBe(0)
  })

  it("authenticates before it looks at the query", async () => {
    const { url } = await started()
    expect((await post(`${url}/admin/reconcile?dryRun=perhaps`, undefined, {})).status).toBe(401)
    expect((await post(`${url}/admin/reconcile?dryRun=perhaps`)).status).toBe(400)
    expect((await post(`${url}/admin/reconcile?storeId=../x`)).status).toBe(400)
  })
})

describe("POST /admin/selftest/livestore", () => {
  it("is for administrators, and answers 503 when no store could be opened", async () => {
    let healthy = true
    const { url } = await started({
      administration: {
        selfTest: Effect.sync(() => ({ healthy, detail: { driver: "livestore", openMs: 151 } }))
      }
    })
    const path = `${url}/admin/selftest/livestore`
    expect((await post(path, undefined, {})).status).toBe(401)
    const passed = await post(path)
    expect([passed.status, await bodyOf(passed)]).toEqual([
      200,
      { status: "ok", check: "livestore", driver: "livestore", openMs: 151 }
    ])
    healthy = false
    const failed = await post(path)
    expect([failed.status, await bodyOf(failed)]).toMatchObject([503, { status: "unavailable" }])
  })
})

describe("POST /admin/removals/approve", () => {
  it("approves the plan of that hash, and 409 says when it is another", async () => {
    const { url } = await started({
      administration: {
        approve: (planHash) =>
          planHash === "right"
            ? Effect.succeed({ planHash, storeIds: ["ws-1"] })
            : new PlanMismatch({ currentHash: "right" })
      }
    })
    const approved = await bodyOf(await post(`${url}/admin/removals/approve`, { planHash: "right" }))
    expect(Schema.is(ApproveAnswer)(approved)).toBe(true)
    const refused = await post(`${url}/admin/removals/approve`, { planHash: "wrong" })
    expect(refused.status).toBe(409)
    expect(await bodyOf(refused)).toMatchObject({ error: { code: "PLAN_CHANGED" }, currentPlanHash: "right" })
    expect((await post(`${url}/admin/removals/approve`, {})).status).toBe(400)
    expect((await post(`${url}/admin/removals/approve`, { planHash: "right" }, {})).status).toBe(401)
  })
})

describe("pausing and resuming", () => {
  it("passes on what, why, for how long and who", async () => {
    const seen: Array<unknown> = []
    const { url } = await started({
      administration: {
        pause: (request, actor) =>
          Effect.sync(() => {
            seen.push([request, actor.name])
            return {
              storeId: request.storeId,
              reason: request.reason,
              actor: actor.name,
              since: T,
              expiresAt: null
            }
          }),
        resume: (storeId, actor) => Effect.sync(() => (seen.push([storeId, actor.name]), storeId === null))
      }
    })
    const paused = await bodyOf(
      await post(`${url}/admin/pause`, { reason: "deploy" }, { ...admin, "x-actor": "ann" })
    )
    expect(Schema.is(PauseAnswer)(paused)).toBe(true)
    await post(`${url}/admin/pause`, { storeId: "ws-1", reason: "look", expiresInMs: 60_000 })
    const resumed = await bodyOf(await post(`${url}/admin/resume`))
    expect(Schema.is(ResumeAnswer)(resumed)).toBe(true)
    expect(resumed).toEqual({ status: "resumed", storeId: null })
    expect(await bodyOf(await post(`${url}/admin/resume`, { storeId: "ws-1" }))).toMatchObject({
      status: "not_paused"
    })
    expect(seen).toEqual([
      [{ storeId: null, reason: "deploy", expiresInMs: null }, "ann"],
      [{ storeId: "ws-1", reason: "look", expiresInMs: 60_000 }, "admin"],
      [null, "admin"],
      ["ws-1", "admin"]
    ])
  })

  it.each([
    [{}, /reason is missing/],
    [{ reason: "" }, /reason must be/],
    [{ reason: "x".repeat(501) }, /reason must be/],
    [{ reason: "r", storeId: "../" }, /storeId must be/],
    [{ reason: "r", expiresInMs: 1 }, /expiresInMs must be/],
    [{ reason: "r", expiresInMs: 1e12 }, /expiresInMs must be/]
  ])("refuses to pause for %j", async (body, message) => {
    const { url } = await started()
    const response = await post(`${url}/admin/pause`, body)
    expect(response.status).toBe(400)
    expect(await response.text()).toMatch(message)
  })

  it("authenticates before it reads the body", async () => {
    const { url } = await started()
    for (const path of ["pause", "resume", "removals/approve"]) {
      expect((await post(`${url}/admin/${path}`, "x".repeat(100_000), {})).status).toBe(401)
      expect((await post(`${url}/admin/${path}`, "x".repeat(100_000))).status).toBe(413)
    }
  })
})

describe("GET /admin/audit", () => {
  const record = (seq: number): AuditRecord => ({
    seq,
    at: Date.parse(T),
    actor: "ann",
    address: "::1",
    action: "loop.paused",
    subject: "",
    detail: "deploy",
    outcome: "succeeded",
    hash: "h"
  })

  it("answers pages, the newest first, with times in ISO", async () => {
    const { url } = await started({
      administration: {
        audit: ({ action, before, limit }) =>
          Effect.succeed(
            [3, 2, 1]
              .filter(
                (seq) => (before === null || seq < before) && (action === null || action === "loop.paused")
              )
              .slice(0, limit)
              .map(record)
          )
      }
    })
    const first = await bodyOf(await get(`${url}/admin/audit?limit=2`))
    expect(Schema.is(Views.Audit)(first)).toBe(true)
    expect(first).toMatchObject({ records: [{ seq: 3, at: T }, { seq: 2 }], nextBefore: 2 })
    expect(await bodyOf(await get(`${url}/admin/audit?limit=2&before=2`))).toMatchObject({
      records: [{ seq: 1 }],
      nextBefore: null
    })
    expect(await bodyOf(await get(`${url}/admin/audit?action=other`))).toMatchObject({ records: [] })
  })
})

describe("POST /admin/circuit-breakers/:name/reset", () => {
  it("answers the breaker after it, or names the known ones", async () => {
    const { url } = await started({
      administration: {
        resetBreaker: (name) =>
          name === "auth-worker"
            ? Effect.succeed({ ...breaker, state: "half-open" as const })
            : new UnknownBreaker({ known: ["auth-worker"] })
      }
    })
    expect(await bodyOf(await post(`${url}/admin/circuit-breakers/auth-worker/reset`))).toMatchObject({
      state: "half-open"
    })
    const unknown = await post(`${url}/admin/circuit-breakers/other/reset`)
    expect(unknown.status).toBe(404)
    expect(await unknown.text()).toContain("auth-worker")
  })
})

describe("GET /events", () => {
  const event = (id: number) => ({
    id,
    at: Date.parse(T),
    type: "died",
    storeId: "ws-1",
    message: `event ${id}`
  })

  /** What a stream has said so far. */
  const watch = (url: string, headers: Record<string, string> = {}) => {
    const abort = new AbortController()
    const state = { text: "", ended: false, status: 0 }
    void fetch(url, { headers, signal: abort.signal })
      .then(async (response) => {
        state.status = response.status
        const decoder = new TextDecoder()
        if (response.body !== null) {
          for await (const chunk of response.body) state.text += decoder.decode(chunk as Uint8Array)
        }
      })
      .catch(() => undefined)
      .finally(() => (state.ended = true))
    return { state, stop: () => abort.abort() }
  }

  it("streams every event with its id, and resumes behind the last one that was seen", async () => {
    const asked: Array<number> = []
    const { url } = await started({
      administration: {
        events: (after) =>
          Stream.concat(
            Stream.fromIterable([1, 2, 3].filter((id) => id > after).map(event)),
            Stream.never
          ).pipe(Stream.onStart(Effect.sync(() => asked.push(after))))
      }
    })
    const first = watch(`${url}/events`)
    await eventually(() => first.state.text.includes("event 3"))
    expect(first.state.text).toMatch(/^retry: 2000\n\nid: [0-9a-z]+-1\nevent: died\ndata: \{.*\}\n\n/)
    const data = /data: (.*)\n/.exec(first.state.text)?.[1] ?? ""
    expect(Schema.is(Views.Event)(JSON.parse(data))).toBe(true)
    const lastId = /id: (\S+-2)\n/.exec(first.state.text)?.[1] ?? ""
    first.stop()
    const second = watch(`${url}/events`, { "last-event-id": lastId })
    await eventually(() => second.state.text.includes("event 3"))
    expect(second.state.text).not.toContain("event 2")
    second.stop()
    // An id of another process, or none, begins with the oldest that is kept.
    const third = watch(`${url}/events?after=other-2`)
    await eventually(() => third.state.text.includes("event 3"))
    expect(third.state.text).toContain("event 1")
    third.stop()
    expect(asked).toEqual([0, 2, 0])
  })

  it("ends when the server stops, and does not delay it", async () => {
    const { stop, url } = await start({ drainMs: 30_000, administration: { events: () => Stream.never } })
    const { state } = watch(`${url}/events`)
    await eventually(() => state.text.startsWith("retry"))
    await stop()
    await eventually(() => state.ended)
    expect(state.status).toBe(200)
  })

  it("is released when its watcher goes, and has room for a bounded number of them", async () => {
    let open = 0
    const { url } = await started({
      administration: {
        events: () =>
          Stream.unwrapScoped(
            Effect.as(
              Effect.acquireRelease(
                Effect.sync(() => open++),
                () => Effect.sync(() => open--)
              ),
              Stream.never
            )
          )
      }
    })
    const watchers = Array.from({ length: 100 }, () => watch(`${url}/events`))
    await eventually(() => open === 100)
    const refused = await fetch(`${url}/events`)
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "30"])
    for (const { stop } of watchers) stop()
    await eventually(() => open === 0)
    const again = watch(`${url}/events`)
    await eventually(() => again.state.status === 200)
    again.stop()
  })
})
