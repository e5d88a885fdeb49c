import * as Effect from "effect/Effect"
import { afterEach, describe, expect, it } from "vitest"
import { NotParked } from "../../../src/stores/EventProcessor.ts"
import { LedgerError, type ParkedQuery } from "../../../src/stores/messages/MessageLedger.ts"
import { admin, start, type Started, type StartOptions } from "./server.ts"

let started: Started | undefined
afterEach(async () => {
  await started?.stop()
  started = undefined
})

const serve = async (options: StartOptions) => {
  const { url } = (started = await start(options))
  return async (path: string, init: RequestInit = {}) => {
    const response = await fetch(`${url}${path}`, { headers: admin, ...init })
    return { status: response.status, body: await response.json() }
  }
}

const parked = (messageId: string) => ({
  storeId: "ws-a",
  messageId,
  conversationId: "talk",
  attempts: 5,
  failures: 5,
  lastError: "failed: the handler answered 500",
  parkedAt: "2025-02-10T20:15:00.000Z"
})

describe("parked messages", () => {
  it("are listed, page by page", async () => {
    const queries: Array<ParkedQuery> = []
    const ask = await serve({
      messages: {
        parked: (query) => {
          queries.push(query)
          return Effect.succeed(query.after === null ? [parked("m1"), parked("ü/2")] : [])
        }
      }
    })
    const first = await ask("/messages?status=parked&storeId=ws-a&limit=2")
    expect(first).toMatchObject({ status: 200, body: { messages: [{ messageId: "m1" }, parked("ü/2")] } })
    const { nextCursor } = first.body as { readonly nextCursor: string }
    expect(await ask(`/messages?cursor=${nextCursor}`)).toEqual({
      status: 200,
      body: { messages: [], nextCursor: null }
    })
    expect(queries).toEqual([
      { storeId: "ws-a", limit: 2, after: null },
      { storeId: null, limit: 100, after: { storeId: "ws-a", messageId: "ü/2" } }
    ])
  })

  it("refuse a query that makes no sense", async () => {
    const ask = await serve({})
    for (const query of ["status=pending", "limit=0", "cursor=%21", "cursor=e30", "storeId=../x"]) {
      expect(await ask(`/messages?${query}`)).toMatchObject({ status: 400 })
    }
  })

  it("are retried and dropped by administrators, whatever their ids", async () => {
    const decided: Array<ReadonlyArray<string>> = []
    const ask = await serve({
      messages: {
        decide: (decision, storeId, messageId, actor) => {
          decided.push([decision, storeId, messageId, actor.name])
          return Effect.void
        }
      }
    })
    const id = encodeURIComponent("ü/2 %?")
    expect(await ask(`/admin/messages/ws-a/${id}/retry`, { method: "POST" })).toEqual({
      status: 200,
      body: { status: "retrying", storeId: "ws-a", messageId: "ü/2 %?" }
    })
    expect(await ask("/admin/messages/ws-a/m1/drop", { method: "POST" })).toMatchObject({ status: 200 })
    expect(await ask("/admin/messages/ws-a/m1/drop", { method: "POST", headers: {} })).toMatchObject({
      status: 401
    })
    expect(decided).toEqual([
      ["retry", "ws-a", "ü/2 %?", "admin"],
      ["drop", "ws-a", "m1", "admin"]
    ])
  })

  it("say why nothing was decided", async () => {
    const ask = await serve({
      messages: {
        decide: (_, storeId, messageId) =>
          Effect.fail(
            messageId === "done"
              ? new NotParked({ storeId, messageId, state: "done" })
              : new LedgerError({ operation: "find", message: "disk" })
          )
      }
    })
    expect(await ask("/admin/messages/ws-a/done/retry", { method: "POST" })).toMatchObject({
      status: 409,
      body: { error: { code: "MESSAGE_NOT_PARKED" }, state: "done" }
    })
    expect(await ask("/admin/messages/ws-a/m1/retry", { method: "POST" })).toMatchObject({
      status: 503,
      body: { error: { code: "STATE_UNAVAILABLE" } }
    })
  })

  it("name workspaces, so that in production only administrators see them", async () => {
    const ask = await serve({ isProduction: true })
    expect(await ask("/messages", { headers: {} })).toMatchObject({ status: 401 })
    expect(await ask("/messages")).toMatchObject({ status: 200 })
  })
})
