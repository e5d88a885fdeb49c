import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Redacted from "effect/Redacted"
import { Webhook } from "standardwebhooks"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import * as CircuitBreaker from "../../../src/controller/CircuitBreaker.ts"
import * as HttpMessageHandler from "../../../src/stores/messages/HttpMessageHandler.ts"
import { idempotencyKeyOf } from "../../../src/stores/messages/Message.ts"
import type { MessageRequest } from "../../../src/stores/messages/MessageHandler.ts"
import { HandlerServer } from "./HandlerServer.ts"

const secret = `whsec_${Buffer.from("0123456789abcdef0123456789abcdef").toString("base64")}`

const request = (storeId = "ws-a"): MessageRequest => ({
  storeId,
  message: { id: "m1", conversationId: "talk", content: "hi", sentAt: 0, args: { extra: 1 } },
  idempotencyKey: idempotencyKeyOf(storeId, "m1"),
  attempt: 1
})

describe("the http handler", () => {
  let server: HandlerServer
  let breaker: CircuitBreaker.CircuitBreaker
  let made: ReturnType<typeof HttpMessageHandler.make>
  beforeEach(async () => {
    server = await HandlerServer.start()
    breaker = await Effect.runPromise(CircuitBreaker.make({ name: "message-handler" }))
    made = makeHandle(server.url)
  })
  afterEach(() => server.stop())

  const makeHandle = (url: string) =>
    HttpMessageHandler.make({ url, secrets: [Redacted.make(secret), Redacted.make("older")], breaker })
  const handle = (asked = request()) => Effect.runPromise(Effect.either(made(asked)))

  it("signs what it sends by Standard Webhooks, with the message's idempotency key", async () => {
    expect(await handle()).toEqual(Either.right({ content: "hello" }))
    const [{ body, headers } = { body: "", headers: {} }] = server.asked
    const verified = new Webhook(secret).verify(body, {
      "webhook-id": String(headers["webhook-id"]),
      "webhook-timestamp": String(headers["webhook-timestamp"]),
      "webhook-signature": String(headers["webhook-signature"])
    })
    const key = idempotencyKeyOf("ws-a", "m1")
    expect(headers["idempotency-key"]).toBe(key)
    expect(headers["webhook-id"]).toBe(key)
    expect(verified).toEqual({
      type: "user-message",
      storeId: "ws-a",
      idempotencyKey: key,
      attempt: 1,
      message: { id: "m1", conversationId: "talk", content: "hi", sentAt: "1970-01-01T00:00:00.000Z" },
      event: { extra: 1 }
    })
  })

  it("has the handler join the trace of the attempt, and sends it no trace where there is none", async () => {
    const traced = Effect.withSpan(Effect.zipRight(made(request()), Effect.currentSpan), "message.handle")
    const { spanId, traceId } = await Effect.runPromise(traced)
    await handle()
    const [first, second] = server.asked
    expect(first?.headers["traceparent"]).toBe(`00-${traceId}-${spanId}-01`)
    expect(second?.headers).not.toHaveProperty("traceparent")
  })

  it("takes 204, an empty body and null for no answer", async () => {
    for (const answer of [{ status: 204 }, { body: "" }, { body: "null" }]) {
      server.answer = () => answer
      expect(await handle()).toEqual(Either.right(null))
    }
  })

  it("keeps what is beside the text", async () => {
    server.answer = () => ({ body: '{"content":"x","data":{"a":[1]}}' })
    expect(await handle()).toEqual(Either.right({ content: "x", data: { a: [1] } }))
  })

  it("tells a message that fails from a handler that is not there", async () => {
    const reasonFor = async (status: number, headers = {}) => {
      server.answer = () => ({ status, headers })
      return Either.getOrThrow(Either.flip(await handle()))
    }
    expect(await reasonFor(500)).toMatchObject({ reason: "failed", message: "the handler answered 500" })
    expect(await reasonFor(302, { location: "http://elsewhere" })).toMatchObject({ reason: "failed" })
    expect(await reasonFor(503, { "retry-after": "7" })).toMatchObject({
      reason: "unavailable",
      retryAfterMs: 7_000
    })
    for (const body of [
      "not json",
      '{"answer":1}',
      '"text"',
      JSON.stringify({ content: "x".repeat(1_000_001) })
    ]) {
      server.answer = () => ({ body })
      expect(await handle()).toMatchObject({ left: { reason: "failed" } })
    }
    await server.stop()
    expect(await handle()).toMatchObject({ left: { reason: "unavailable" } })
  })

  it("never shows the URL or the content in an error", async () => {
    made = makeHandle("http://user:password@127.0.0.1:1/")
    const failure = await handle()
    expect(JSON.stringify(failure)).not.toContain("password")
    expect(JSON.stringify(failure)).not.toContain("127.0.0.1")
  })

  it("stops asking a handler that cannot be reached, and says when it will ask again", async () => {
    await server.stop()
    for (let attempt = 0; attempt < 5; attempt++) await handle()
    const refused = Either.getOrThrow(Either.flip(await handle()))
    expect(refused).toMatchObject({ reason: "unavailable", refused: true })
    expect(refused.retryAfterMs).toBeGreaterThan(0)
  })

  it("asks on for the others when it fails for one workspace only", async () => {
    server.answer = ({ body }) => ({ status: body.includes("ws-sick") ? 503 : 200, body: "null" })
    for (let attempt = 0; attempt < 20; attempt++) await handle(request("ws-sick"))
    expect(await handle(request("ws-well"))).toEqual(Either.right(null))
    server.answer = () => ({ status: 503 })
    for (let attempt = 0; attempt < 20; attempt++) await handle(request(`ws-${attempt}`))
    expect((await Effect.runPromise(breaker.status)).state).toBe("open")
  })

  it("lets go of the connection when it is interrupted", async () => {
    server.answer = () => null
    const timed = await Effect.runPromise(Effect.either(Effect.timeout(made(request()), 200)))
    expect(Either.isLeft(timed)).toBe(true)
    expect((await Effect.runPromise(breaker.status)).failureCount).toBe(0)
  })
})
