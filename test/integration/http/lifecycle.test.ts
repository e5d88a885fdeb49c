import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { Agent, createServer, get, type IncomingMessage } from "node:http"
import { connect } from "node:net"
import { afterEach, describe, expect, it } from "vitest"
import { event, eventually, raw, SECRET, start, type Started, type StartOptions, webhook } from "./server.ts"

let server: Started | undefined
const started = async (options?: StartOptions): Promise<Started> => (server = await start(options))
afterEach(() => server?.stop())

/** A nudge that waits until the test lets it go. */
const gate = () => {
  let open: () => void = () => undefined
  const opened = new Promise<void>((resolve) => (open = resolve))
  let entered = 0
  const nudge = () =>
    Effect.promise(() => (entered++, opened)).pipe(Effect.as({ status: "already_monitored" } as const))
  return { open, nudge, entered: () => entered }
}

describe("starting", () => {
  it("on a port that is taken fails with an error that names PORT", async () => {
    const other = createServer()
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve))
    const address = other.address()
    const port = typeof address === "object" ? (address?.port ?? 0) : 0
    await expect(start({ port })).rejects.toThrow(/Another program listens on 127.0.0.1:\d+: set PORT/)
    other.close()
  })

  it("on port 0 takes a free one and says which", async () => {
    const { port, url } = await started()
    expect(url).toBe(`http://127.0.0.1:${port}`)
    expect((await fetch(`${url}/health/live`)).status).toBe(200)
  })
})

describe("stopping", () => {
  it("finishes the request in flight, with connection: close, and refuses new connections", async () => {
    const { entered, nudge, open } = gate()
    const { port, stop, url } = await started({ operations: { nudge } })
    const inFlight = webhook(url, event())
    await eventually(() => entered() === 1)
    const stopped = stop()
    await expect(fetch(`http://127.0.0.1:${port}/health/live`)).rejects.toThrow()
    open()
    const response = await inFlight
    expect([response.status, response.headers.get("connection")]).toEqual([200, "close"])
    await stopped
  })

  it("answers 503 on a connection that is busy, and then closes it", async () => {
    const { entered, nudge, open } = gate()
    const { port, stop } = await started({ operations: { nudge }, drainMs: 10_000 })
    const body = event()
    const post = `POST /webhooks/workspaces HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\nx-webhook-secret: ${SECRET}\r\ncontent-length: ${body.length}\r\n\r\n${body}`
    const socket = connect(port, "127.0.0.1")
    let received = ""
    let closed = false
    socket.on("data", (chunk) => (received += chunk.toString()))
    socket.on("close", () => (closed = true))
    socket.write(post)
    await eventually(() => entered() === 1)
    const stopped = stop()
    // Pipelined behind the request in flight, on the same connection.
    socket.write("GET /health/live HTTP/1.1\r\nhost: a\r\n\r\n")
    open()
    await eventually(() => closed)
    await stopped
    expect(received).toMatch(/^HTTP\/1\.1 200/)
    expect(received.toLowerCase()).toContain("connection: close")
    const second = received.slice(1).match(/HTTP\/1\.1 (\d+)/)
    expect(second === null || second[1] === "503").toBe(true)
  })

  it("does not wait for idle connections", async () => {
    const { port, stop } = await started({ drainMs: 60_000 })
    const agent = new Agent({ keepAlive: true })
    await new Promise<void>((resolve) =>
      get({ port, host: "127.0.0.1", path: "/health/live", agent }, (response: IncomingMessage) =>
        response.resume().on("end", resolve)
      )
    )
    await stop()
    agent.destroy()
  })

  it("cuts what exceeds the drain time, and interrupts its work", async () => {
    let interrupted = false
    let entered = false
    const { stop, url } = await started({
      drainMs: 100,
      operations: {
        nudge: () =>
          Effect.sync(() => (entered = true)).pipe(
            Effect.zipRight(Effect.never),
            Effect.onExit((exit) => Effect.sync(() => (interrupted = Exit.isInterrupted(exit))))
          )
      }
    })
    const cut = webhook(url, event()).then(
      () => "answered",
      () => "cut"
    )
    await eventually(() => entered)
    await stop()
    expect(await cut).toBe("cut")
    await eventually(() => interrupted)
  })
})

describe("bytes that are no request", () => {
  it("get 400 in the same form as every error", async () => {
    const { port } = await started()
    const answer = await raw(port, "NONSENSE\r\n\r\n")
    expect(answer).toMatch(/^HTTP\/1\.1 400/)
    expect(answer).toContain(`"code":"BAD_REQUEST"`)
    expect(answer).toContain("x-request-id")
  })

  it("with headers too large get 431", async () => {
    const { port } = await started()
    expect(await raw(port, `GET / HTTP/1.1\r\nhost: a\r\nx: ${"y".repeat(20_000)}\r\n\r\n`)).toMatch(
      /^HTTP\/1\.1 431/
    )
  })

  it.each([
    ["no Host", "GET /health/live HTTP/1.1\r\n\r\n", 400, "BAD_REQUEST"],
    ["two Hosts", "GET /health/live HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n", 400, "BAD_REQUEST"],
    [
      "another expectation",
      "POST /webhooks/workspaces HTTP/1.1\r\nhost: a\r\nexpect: a-miracle\r\ncontent-length: 2\r\n\r\n{}",
      417,
      "EXPECTATION_FAILED"
    ],
    ["a tunnel", "CONNECT a:1 HTTP/1.1\r\nhost: a:1\r\n\r\n", 405, "METHOD_NOT_ALLOWED"],
    ["HTTP/9.9", "GET / HTTP/9.9\r\nhost: a\r\n\r\n", 505, "HTTP_VERSION_NOT_SUPPORTED"],
    ["a path that is not encoded", "GET /stores/%zz HTTP/1.1\r\nhost: a\r\n\r\n", 400, "BAD_REQUEST"],
    ["half a character", "GET /stores/%E0%A4 HTTP/1.1\r\nhost: a\r\n\r\n", 400, "BAD_REQUEST"],
    [
      "TRACE",
      "TRACE /health HTTP/1.1\r\nhost: a\r\nx-server-token: hidden\r\n\r\n",
      405,
      "METHOD_NOT_ALLOWED"
    ]
  ])("with %s are answered in the form of every error, with a request id", async (_, bytes, status, code) => {
    const { port, url } = await started()
    const answer = await raw(port, bytes)
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `))
    expect(answer).toMatch(/^x-request-id: \S+$/im)
    expect(answer).not.toContain("hidden")
    const body: unknown = JSON.parse(answer.slice(answer.indexOf("{"), answer.lastIndexOf("}") + 1))
    expect(body).toMatchObject({
      error: {
        code,
        message: expect.any(String) as unknown,
        requestId: expect.stringMatching(/./) as unknown
      }
    })
    expect((await fetch(`${url}/health/live`)).status).toBe(200)
  })

  it("do not end the server", async () => {
    const { port, url } = await started()
    const hostile = [
      "GET /%zz HTTP/1.1\r\nhost: a\r\n\r\n",
      "GET // HTTP/1.1\r\nhost: a\r\n\r\n",
      "GET http://[ HTTP/1.1\r\nhost: a\r\n\r\n",
      "GET /stores?%E0%A4%A=1 HTTP/1.1\r\nhost: a\r\n\r\n",
      "GET /health?__proto__=1&constructor=2 HTTP/1.1\r\nhost: a\r\n\r\n",
      "POST /webhooks/workspaces HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\n{",
      "POST /webhooks/workspaces HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
      "POST /webhooks/workspaces HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
      "CONNECT a:1 HTTP/1.1\r\nhost: a\r\n\r\n",
      "GET /events HTTP/1.1\r\nhost: a\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n",
      "\u0000\u0001\u0002"
    ]
    const answers = await Promise.all(hostile.map((bytes) => raw(port, bytes)))
    for (const answer of answers) expect(answer).not.toMatch(/^HTTP\/1\.1 5/)
    expect((await fetch(`${url}/health/live`)).status).toBe(200)
  })
})
