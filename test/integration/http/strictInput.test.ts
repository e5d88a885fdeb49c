import * as HttpApi from "@effect/platform/HttpApi"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import * as Effect from "effect/Effect"
import { Api } from "../../../src/http/Api.ts"
import { UnknownWorkspace } from "../../../src/orchestration/Administration.ts"
import { start, type Started, TOKEN } from "./server.ts"

let server: Started
/** What has been done, as the handlers asked for it. */
const done: Array<string> = []

beforeAll(async () => {
  server = await start({
    operations: {
      reconcile: () =>
        Effect.suspend(() => {
          done.push("reconcile")
          return Effect.die("not asked for")
        })
    },
    administration: {
      pause: ({ storeId, reason, expiresInMs }, actor, which) =>
        Effect.suspend(() => {
          if (storeId === "ws-nowhere" && which?.allowUnknown !== true) {
            return Effect.fail(new UnknownWorkspace({ storeId }))
          }
          done.push(`pause ${storeId ?? "everything"}`)
          return Effect.succeed({
            storeId,
            reason,
            actor: actor.name,
            since: "2025-02-10T20:15:00.000Z",
            expiresAt: expiresInMs === null ? null : "2025-02-10T20:15:00.000Z"
          })
        }),
      reconcileOne: (storeId) => Effect.fail(new UnknownWorkspace({ storeId })),
      planOne: (storeId) => Effect.fail(new UnknownWorkspace({ storeId }))
    }
  })
})
afterAll(() => server.stop())

const ask = async (method: string, path: string, body?: string) => {
  done.length = 0
  const response = await fetch(server.url + path, {
    method,
    headers: {
      authorization: `Bearer ${TOKEN}`,
      ...(body === undefined ? {} : { "content-type": "application/json" })
    },
    ...(body === undefined ? {} : { body })
  })
  const text = await response.text()
  return { status: response.status, text, done: [...done] }
}
const pause = (body: unknown) =>
  ask("POST", "/admin/pause", typeof body === "string" ? body : JSON.stringify(body))

interface Asked {
  readonly method: string
  readonly path: string
}
const endpoints = (): ReadonlyArray<Asked> => {
  const found: Array<Asked> = []
  HttpApi.reflect(Api, {
    onGroup: () => undefined,
    onEndpoint: ({ endpoint: { method, path } }) => {
      found.push({ method, path: path.replaceAll(/:\w+/g, "ws-1") })
    }
  })
  return found
}
/** The sources of webhooks and interactions send what they like. */
const changing = endpoints().filter(
  ({ method, path }) => method !== "GET" && !/^\/(webhooks|chatops)\//.test(path)
)
/** What balancers and scrapers ask: their answers have no filter. */
const reading = endpoints().filter(
  ({ method, path }) => method === "GET" && !/^\/$|^\/(health\/|metrics|docs|openapi)/.test(path)
)

describe("an input that the server does not take", () => {
  it("is 400 as a parameter of every call that may change something", async () => {
    expect(changing.length).toBeGreaterThan(10)
    for (const { method, path } of changing) {
      const { done: happened, status } = await ask(method, `${path}?nonsense=1`)
      expect([method, path, status, happened]).toEqual([method, path, 400, []])
    }
  })

  it("is 400 as a filter of every call that reads and has no such filter", async () => {
    expect(reading.length).toBeGreaterThan(10)
    for (const { method, path } of reading) {
      expect([path, (await ask(method, `${path}?storeid=ws-1`)).status]).toEqual([path, 400])
    }
  })

  it("is 400 as a field of the body of every call that may change something", async () => {
    for (const { method, path } of changing) {
      const { done: happened, status } = await ask(method, path, JSON.stringify({ nonsense: 1 }))
      expect([method, path, status, happened]).toEqual([method, path, 400, []])
    }
  })

  it.each([
    [{ reason: "x", storeid: "ws-1" }, "storeid is no field of the body: did you mean storeId?"],
    [{ reason: "x", store_id: "ws-1" }, "store_id is no field of the body: did you mean storeId?"],
    [{ reason: "x", stroeId: "ws-1" }, "stroeId is no field of the body: did you mean storeId?"],
    [{ reason: "x", expiresinms: 5_000 }, "did you mean expiresInMs?"],
    [{ reason: "x", workspace: "ws-1" }, "workspace is no field of the body. It takes storeId"],
    ['{"reason":"x","storeId":"ws-1","store\\u0049d":"ws-2"}', "The body has a field twice."]
  ])("never pauses everything for the want of a letter: %j", async (body, says) => {
    const { done: happened, status, text } = await pause(body)
    expect({ status, happened }).toEqual({ status: 400, happened: [] })
    expect(text).toContain(says)
  })

  it.each([
    { reason: "x", storeId: "" },
    { reason: "x", storeId: " ws-1 " },
    { reason: "x", storeId: ["ws-1"] },
    { reason: "x", storeId: "ws-1,ws-2" },
    { reason: "x", storeId: null },
    { reason: "x", storeId: 7 },
    { reason: "   " },
    { reason: "x", expiresInMs: "5000" },
    { reason: "x", allowUnknown: true }
  ])("nor for a value of the wrong kind: %j", async (body) => {
    expect(await pause(body)).toMatchObject({ status: 400, done: [] })
  })

  it.each([
    ["/admin/reconcile?dryrun=true", "dryrun is no parameter of the query: did you mean dryRun?"],
    ["/admin/reconcile?dry_run=true", "did you mean dryRun?"],
    ["/admin/reconcile?storeid=ws-1", "did you mean storeId?"],
    ["/admin/reconcile?storeId[]=ws-1", "did you mean storeId?"],
    ["/admin/reconcile?dryRun=true&dryRun=true", "dryRun must be true or false"],
    ["/admin/reconcile?dryRun", "dryRun must be true or false"],
    ["/admin/reconcile?storeId=", "storeId must be"],
    ["/admin/pause?storeId=ws-1", "storeId must be in the JSON body"]
  ])("never runs what was to be a rehearsal: %s", async (path, says) => {
    const {
      done: happened,
      status,
      text
    } = await ask("POST", path, path.startsWith("/admin/pause") ? '{"reason":"x"}' : undefined)
    expect({ status, happened }).toEqual({ status: 400, happened: [] })
    expect(text).toContain(says)
  })

  it("is 400 as the body of a run, whose input is its query", async () => {
    const { done: happened, status, text } = await ask("POST", "/admin/reconcile", '{"dryRun":true}')
    expect({ status, happened }).toEqual({ status: 400, happened: [] })
    expect(text).toContain("what it takes is in its URL")
  })

  it("is let pass where others add parameters of their own, unless it is a slip of ours", async () => {
    expect((await ask("GET", "/health?_=17")).status).toBe(200)
    expect((await ask("GET", "/health/live?_=17")).status).toBe(200)
    expect((await ask("GET", "/health?Strict=true")).text).toContain("did you mean strict?")
  })
})

describe("a workspace that is not known", () => {
  it("is 404, and is taken where the call says that it may be unknown", async () => {
    const refused = await pause({ reason: "x", storeId: "ws-nowhere" })
    expect(refused).toMatchObject({ status: 404, done: [] })
    expect(refused.text).toContain("allowUnknown")
    expect(await pause({ reason: "x", storeId: "ws-nowhere", allowUnknown: true })).toMatchObject({
      status: 200,
      done: ["pause ws-nowhere"]
    })
    for (const query of ["storeId=ws-nowhere", "storeId=ws-nowhere&dryRun=true"]) {
      expect(await ask("POST", `/admin/reconcile?${query}`)).toMatchObject({ status: 404, done: [] })
    }
  })
})
