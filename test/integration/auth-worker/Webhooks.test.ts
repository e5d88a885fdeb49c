import { describe, expect, it } from "vitest"
import { type AuthWorker, eventually, startAuthWorker, startHookServer } from "./support.ts"

const withHooks = (url: string, more: Record<string, string> = {}) => ({
  SERVER_WEBHOOK_URL: url,
  WEBHOOK_SECRET: "a-webhook-secret",
  WEBHOOK_BACKOFF_MS: "20",
  WEBHOOK_MAX_ATTEMPTS: "2",
  MAX_INSTANCES_PER_USER: "100",
  ...more
})

const create = async (worker: AuthWorker, instanceId: string) => {
  const answer = await worker.call("POST", "/workspaces", {
    token: await worker.tokenOf("alice"),
    body: { instanceId }
  })
  expect(answer.status).toBe(201)
}

const remove = async (worker: AuthWorker, instanceId: string) => {
  const answer = await worker.call("DELETE", `/workspaces/${instanceId}`, {
    token: await worker.tokenOf("alice")
  })
  expect(answer.status).toBe(204)
}

const counted = (worker: AuthWorker, status: string, count: number) =>
  eventually(`${count} ${status}`, async () => {
    const { body } = await worker.internal("GET", "/webhooks")
    return body.counts[status] === count ? body : undefined
  })

describe("an operator", () => {
  it("sees what was given up and why, and has it sent again: one, or all", async () => {
    const server = await startHookServer(() => ({ status: 500 }))
    const worker = await startAuthWorker(withHooks(server.url))
    for (const id of ["ws-a", "ws-b", "ws-c"]) await create(worker, id)
    const listed = await counted(worker, "failed", 3)
    expect(listed.webhooks.map((row) => row.instanceId)).toEqual(["ws-c", "ws-b", "ws-a"])
    expect(listed.webhooks[0]).toMatchObject({
      event: "workspace.created",
      status: "failed",
      attempts: 2,
      lastStatus: 500,
      lastError: "the server answered 500"
    })

    server.answerWith(() => ({ status: 200 }))
    const [last] = listed.webhooks
    const one = await worker.internal("POST", `/webhooks/${String(last?.webhookId)}/retry`)
    expect([one.status, one.body.retried]).toEqual([202, 1])
    await counted(worker, "delivered", 1)
    expect(server.deliveries.at(-1)?.headers["webhook-id"]).toBe(last?.webhookId)

    expect((await worker.internal("POST", "/webhooks/retry")).body.retried).toBe(2)
    expect((await counted(worker, "delivered", 3)).webhooks).toEqual([])
    expect((await worker.internal("POST", "/webhooks/msg_unknown/retry")).status).toBe(404)
  })

  it("reads them in pages and by status", async () => {
    const server = await startHookServer(() => ({ status: 500 }))
    const worker = await startAuthWorker(withHooks(server.url))
    const ids = ["ws-1", "ws-2", "ws-3"]
    for (const id of ids) await create(worker, id)
    await counted(worker, "failed", 3)
    const first = await worker.internal("GET", "/webhooks?limit=2&status=failed")
    const second = await worker.internal(
      "GET",
      `/webhooks?limit=2&status=failed&cursor=${String(first.body.nextCursor)}`
    )
    const rows = [...first.body.webhooks, ...second.body.webhooks]
    expect(rows.map((row) => row.instanceId)).toEqual(ids.toReversed())
    expect(second.body.nextCursor).toBeUndefined()
    expect((await worker.internal("GET", "/webhooks?status=delivered")).body.webhooks).toEqual([])
    expect((await worker.internal("GET", "/webhooks?status=nonsense")).status).toBe(400)
    expect(
      (await worker.call("GET", "/internal/webhooks", { token: await worker.tokenOf("alice") })).status
    ).toBe(403)
  })
})

describe("several changes of one workspace", () => {
  it("are one webhook, of the last, while none could be delivered", async () => {
    const server = await startHookServer()
    const worker = await startAuthWorker(withHooks(server.url, { WEBHOOK_MAX_ATTEMPTS: "50" }))
    await server.goDown()
    await create(worker, "ws-brief")
    await create(worker, "ws-kept")
    await remove(worker, "ws-brief")
    const { body } = await worker.internal("GET", "/webhooks?status=all")
    expect(body.counts).toMatchObject({ superseded: 1, pending: 2 })
    await server.comeBack()
    await counted(worker, "delivered", 2)
    expect(
      server.deliveries.map(({ body: { event, instanceId } }) => `${event} ${instanceId}`).toSorted()
    ).toEqual(["workspace.created ws-kept", "workspace.deleted ws-brief"])
  })

  it("supersede what was given up", async () => {
    const server = await startHookServer(() => ({ status: 500 }))
    const worker = await startAuthWorker(withHooks(server.url))
    await create(worker, "ws-one")
    await counted(worker, "failed", 1)
    server.answerWith(() => ({ status: 200 }))
    await remove(worker, "ws-one")
    const listed = await counted(worker, "delivered", 1)
    expect(listed.counts).toMatchObject({ superseded: 1, failed: 0, pending: 0 })
  })
})

describe("a receiver that wants to be left alone", () => {
  it("hears nothing more after 410 until an operator asks for it", async () => {
    const server = await startHookServer(() => ({ status: 410 }))
    const worker = await startAuthWorker(withHooks(server.url))
    await create(worker, "ws-gone")
    const paused = await counted(worker, "failed", 1)
    expect(paused.pausedUntil).not.toBeNull()
    expect(paused.webhooks[0]).toMatchObject({ attempts: 1, lastStatus: 410 })
    await create(worker, "ws-waiting")
    await counted(worker, "pending", 1)
    expect(server.deliveries).toHaveLength(1)

    server.answerWith(() => ({ status: 200 }))
    await worker.internal("POST", "/webhooks/retry")
    const after = await counted(worker, "delivered", 2)
    expect(after.pausedUntil).toBeNull()
  })

  it("hears nothing of any workspace until its Retry-After is over, and no attempt is used up", async () => {
    const server = await startHookServer()
    let asked = 0
    server.answerWith(() =>
      asked++ === 0 ? { status: 503, headers: { "retry-after": "2" } } : { status: 200 }
    )
    const worker = await startAuthWorker(withHooks(server.url))
    await create(worker, "ws-first")
    await eventually("the refusal", () => worker.logs.find((line) => line.includes("503")))
    await create(worker, "ws-second")
    const { body } = await worker.internal("GET", "/webhooks")
    expect(body.webhooks.map((row) => [row.instanceId, row.status, row.attempts])).toEqual([
      ["ws-second", "pending", 0],
      ["ws-first", "pending", 1]
    ])
    await counted(worker, "delivered", 2)
    const [refused, ...later] = server.deliveries.map((delivery) => delivery.at)
    expect(Math.min(...later) - (refused ?? 0)).toBeGreaterThan(1_900)
  })
})
