import { Webhook } from "standardwebhooks"
import { describe, expect, it } from "vitest"
import { anIsoTime, type AuthWorker, eventually, startAuthWorker, startHookServer } from "./support.ts"

const secret = "a-webhook-secret-of-the-tests"

const withHooks = (url: string, more: Record<string, string> = {}) => ({
  SERVER_WEBHOOK_URL: url,
  WEBHOOK_SECRET: secret,
  WEBHOOK_BACKOFF_MS: "50",
  WEBHOOK_TIMEOUT_MS: "1000",
  ...more
})

const create = async (worker: AuthWorker, instanceId: string) => {
  const token = await worker.tokenOf("alice")
  const answer = await worker.call("POST", "/workspaces", { token, body: { instanceId } })
  expect(answer.status).toBe(201)
  return token
}

const base64Of = (text: string) => Buffer.from(text).toString("base64")

const signatureHeaders = (headers: Record<string, string | string[] | undefined>) => ({
  "webhook-id": String(headers["webhook-id"]),
  "webhook-timestamp": String(headers["webhook-timestamp"]),
  "webhook-signature": String(headers["webhook-signature"])
})

describe("a webhook", () => {
  it("is sent for a creation and a deletion, with both authentications", async () => {
    const server = await startHookServer()
    const worker = await startAuthWorker(withHooks(server.url))
    const token = await create(worker, "ws-one")
    const created = await eventually("created", () => server.deliveries[0])
    expect(created.body).toEqual({
      event: "workspace.created",
      instanceId: "ws-one",
      userId: "alice",
      timestamp: anIsoTime
    })
    expect(created.headers["content-type"]).toBe("application/json")
    expect(created.headers["x-webhook-secret"]).toBe(secret)
    expect(created.headers["traceparent"]).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/)
    new Webhook(base64Of(secret)).verify(created.text, signatureHeaders(created.headers))
    expect(() =>
      new Webhook(base64Of("another")).verify(created.text, signatureHeaders(created.headers))
    ).toThrow()

    await worker.call("DELETE", "/workspaces/ws-one", { token })
    const deleted = await eventually("deleted", () => server.deliveries[1])
    expect(deleted.body).toMatchObject({ event: "workspace.deleted", instanceId: "ws-one" })
    expect(deleted.headers["webhook-id"]).not.toBe(created.headers["webhook-id"])
  })

  it("carries on the trace of the request that caused it", async () => {
    const server = await startHookServer()
    const worker = await startAuthWorker(withHooks(server.url))
    const token = await worker.tokenOf("alice")
    const trace = "0af7651916cd43dd8448eb211c80319c"
    await worker.call("POST", "/workspaces", {
      token,
      body: {},
      headers: { traceparent: `00-${trace}-b7ad6b7169203331-01` }
    })
    const { headers } = await eventually("created", () => server.deliveries[0])
    expect(headers["traceparent"]).toMatch(new RegExp(`^00-${trace}-[0-9a-f]{16}-01$`))
    expect(headers["traceparent"]).not.toContain("b7ad6b7169203331")
  })

  it("is signed with every active secret while one is being replaced, in either form", async () => {
    const server = await startHookServer()
    const encoded = `whsec_${base64Of("a-key-of-at-least-24-bytes-in-length")}`
    const worker = await startAuthWorker(withHooks(server.url, { WEBHOOK_SECRET: `${encoded},${secret}` }))
    await create(worker, "ws-one")
    const { headers, text } = await eventually("created", () => server.deliveries[0])
    expect(headers["x-webhook-secret"]).toBe(encoded)
    new Webhook(encoded).verify(text, signatureHeaders(headers))
    new Webhook(base64Of(secret)).verify(text, signatureHeaders(headers))
  })

  it("is tried again with the same id until the server takes it", async () => {
    const server = await startHookServer()
    let refusals = 2
    server.answerWith(() => ({ status: refusals-- > 0 ? 503 : 200 }))
    const worker = await startAuthWorker(withHooks(server.url))
    await create(worker, "ws-one")
    await eventually("three attempts", () => server.deliveries[2])
    expect(new Set(server.deliveries.map((delivery) => delivery.headers["webhook-id"])).size).toBe(1)
    expect(new Set(server.deliveries.map((delivery) => delivery.text)).size).toBe(1)
    for (const delivery of server.deliveries) {
      new Webhook(base64Of(secret)).verify(delivery.text, signatureHeaders(delivery.headers))
    }
    await eventually("delivery in the log", () =>
      worker.logs.find((line) => line.includes("webhook delivered"))
    )
    expect(server.deliveries).toHaveLength(3)
    expect(worker.logs.join("\n")).not.toContain(secret)
  })

  it("is given up after WEBHOOK_MAX_ATTEMPTS, and the next workspace's is sent all the same", async () => {
    const server = await startHookServer(({ body }) => ({ status: body.instanceId === "ws-bad" ? 500 : 200 }))
    const worker = await startAuthWorker(withHooks(server.url, { WEBHOOK_MAX_ATTEMPTS: "2" }))
    await create(worker, "ws-bad")
    await eventually("two attempts", () => server.deliveries[1])
    await create(worker, "ws-good")
    await eventually("the good one", () =>
      server.deliveries.find((delivery) => delivery.body.instanceId === "ws-good")
    )
    expect(server.deliveries.filter((delivery) => delivery.body.instanceId === "ws-bad")).toHaveLength(2)
  })

  it("waits as long as Retry-After says", async () => {
    const server = await startHookServer()
    let asked = false
    server.answerWith(() => {
      if (asked) return { status: 200 }
      asked = true
      return { status: 429, headers: { "retry-after": "2" } }
    })
    const worker = await startAuthWorker(withHooks(server.url))
    await create(worker, "ws-one")
    const second = await eventually("the second attempt", () => server.deliveries[1])
    expect(second.at - (server.deliveries[0]?.at ?? 0)).toBeGreaterThan(1_900)
  })

  it("does not follow a redirect", async () => {
    const elsewhere = await startHookServer()
    const server = await startHookServer(() => ({ status: 307, headers: { location: elsewhere.url } }))
    const worker = await startAuthWorker(withHooks(server.url))
    await create(worker, "ws-moved")
    await eventually("three redirected attempts", () => server.deliveries[2])
    expect(elsewhere.deliveries).toEqual([])
  })

  it("is owed to nobody while SERVER_WEBHOOK_URL is unset", async () => {
    const worker = await startAuthWorker()
    await create(worker, "ws-one")
    expect(worker.logs.filter((line) => line.includes("webhook delivered"))).toEqual([])
  })
})

describe("the alarm behind the outbox", () => {
  it("does not forget a retry that falls due while it is itself waiting for an answer", async () => {
    const attemptsOf = (instanceId: string) =>
      server.deliveries.filter((delivery) => delivery.body.instanceId === instanceId)
    const server = await startHookServer()
    // The slow one's second attempt is the alarm's own, and hangs; the other fails once meanwhile.
    server.answerWith(({ body }) => {
      const attempt = attemptsOf(body.instanceId).length
      return { status: attempt === 1 ? 500 : 200, hang: body.instanceId === "ws-slow" && attempt === 2 }
    })
    const worker = await startAuthWorker(
      withHooks(server.url, { WEBHOOK_BACKOFF_MS: "20", WEBHOOK_TIMEOUT_MS: "2000" })
    )
    await create(worker, "ws-slow")
    await eventually("the hanging attempt", () => attemptsOf("ws-slow")[1])
    await create(worker, "ws-other")
    await eventually("the other's retry", () => attemptsOf("ws-other")[1])
    await eventually("the slow one's third attempt", () => attemptsOf("ws-slow")[2])
  })
})

describe("a server that is away", () => {
  it("does not delay the user: not when it refuses connections, and not when it never answers", async () => {
    const server = await startHookServer(() => ({ status: 200, hang: true }))
    const worker = await startAuthWorker(withHooks(server.url, { WEBHOOK_TIMEOUT_MS: "60000" }))
    const token = await create(worker, "ws-0")
    await eventually("a hanging attempt", () => server.deliveries[0])
    const hanging = await timed(() => create(worker, "ws-1"))
    await server.goDown()
    const down = await timed(() => create(worker, "ws-2"))
    // Far below the 60 s that an attempt may take: nothing in the answer waits for one.
    expect(Math.max(hanging, down)).toBeLessThan(5_000)
    expect((await worker.call("GET", "/workspaces", { token })).body.workspaces).toHaveLength(3)
  })

  it("hears of everything once it is back", async () => {
    const server = await startHookServer()
    const worker = await startAuthWorker(withHooks(server.url, { WEBHOOK_MAX_ATTEMPTS: "20" }))
    await server.goDown()
    const ids = ["ws-a", "ws-b", "ws-c"]
    for (const id of ids) await create(worker, id)
    await server.comeBack()
    await eventually("all three", () => {
      const heard = server.deliveries.map((delivery) => delivery.body.instanceId).toSorted()
      return heard.length === ids.length ? heard : undefined
    })
    expect(server.deliveries.map((delivery) => delivery.body.instanceId).toSorted()).toEqual(ids)
  })
})

const timed = async (run: () => Promise<unknown>) => {
  const start = performance.now()
  await run()
  return performance.now() - start
}
