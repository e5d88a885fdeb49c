/**
 * A node:http server that starts with a typed error and stops without a hanging connection. It knows nothing of what it
 * serves: it gives every request an id, every answer the headers that belong on all of them, and drains.
 */
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { randomUUID } from "node:crypto"
import { createServer, type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from "node:http"
import type { Socket } from "node:net"
import type { Duplex } from "node:stream"
import { REQUEST_ID_HEADER } from "./Answer.ts"
import { sourceOf } from "./IpList.ts"

/** Slow senders of headers, and of whole requests, are cut off after this long. */
const HEADERS_TIMEOUT_MS = 10_000
const REQUEST_TIMEOUT_MS = 30_000
/** Longer than the idle timeout of the usual load balancers (60 s), which must be the ones to close. */
const KEEP_ALIVE_TIMEOUT_MS = 75_000
/** How often Node looks for connections that exceed the above. */
const CONNECTIONS_CHECK_MS = 2_000
const MAX_HEADER_BYTES = 16_384
const MAX_CONNECTIONS = 10_000
/** Of one address (the /64 of an IPv6 one): a fifth of all, so that none can keep the others out. */
export const MAX_CONNECTIONS_PER_ADDRESS = 2_000
/** Of a proxy that is trusted, behind which many clients are: the rest is for the other proxies, and for operators. */
const MAX_CONNECTIONS_PER_PROXY = 9_000
/** What a client that meets a stopping server is told to wait, in seconds. */
const RETRY_AFTER_DRAINING_SECONDS = 5

const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "cross-origin-resource-policy": "same-origin",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "cache-control": "no-store"
}

/** The server cannot listen where it should. */
export class HttpListenError extends Schema.TaggedError<HttpListenError>()("HttpListenError", {
  host: Schema.String,
  port: Schema.Int,
  /** Node's code, such as `EADDRINUSE`. */
  code: Schema.String
}) {
  override get message(): string {
    const where = `${this.host}:${this.port}`
    switch (this.code) {
      case "EADDRINUSE":
        return `Another program listens on ${where}: set PORT to a free port, or to 0 for any.`
      case "EACCES":
        return `This user may not listen on ${where}: set PORT to 1024 or above.`
      case "EADDRNOTAVAIL":
      case "ENOTFOUND":
        return `This machine has no address ${this.host}: set HOST to one of its own, or to 0.0.0.0 for all.`
      default:
        return `Cannot listen on ${where} (${this.code}): check HOST and PORT.`
    }
  }
}

export interface Options {
  readonly host: string
  /** 0 takes any free port. */
  readonly port: number
  /** How long requests in flight may take once the scope closes; then their connections are cut. */
  readonly drainMs: number
  /** Whether many clients come through this address. Defaults to none. */
  readonly isProxy?: (address: string) => boolean
  /** Connections of one address; the default is for production, another for tests. */
  readonly maxConnectionsPerAddress?: number
}

/** The listening server. */
export class HttpServer extends Context.Tag("workspace-orchestrator/http/HttpServer")<
  HttpServer,
  {
    readonly host: string
    readonly port: number
    /** As a client on this machine reaches it. */
    readonly url: string
  }
>() {}

/** Completes when the server begins to drain: what would last for ever, such as a stream of events, ends then. */
export class Draining extends Context.Tag("workspace-orchestrator/http/Draining")<
  Draining,
  Deferred.Deferred<void>
>() {}

export type Listener = (request: IncomingMessage, response: ServerResponse) => void

/** A request id of others is kept if it is harmless in a header and in a log. */
const requestIdOf = (request: IncomingMessage): string => {
  const given = request.headers[REQUEST_ID_HEADER]
  return typeof given === "string" && /^[\w.:-]{1,128}$/.test(given) ? given : randomUUID()
}

const errorBody = (code: string, message: string, requestId: string): string =>
  JSON.stringify({ error: { code, message, requestId } })

/** The answer to bytes that never became a request. */
const refuseConnection = (code: string | undefined, socket: Duplex): void => {
  const [status, name, message] =
    code === "HPE_HEADER_OVERFLOW"
      ? [431, "HEADERS_TOO_LARGE", `Headers may have ${MAX_HEADER_BYTES} bytes.`]
      : code === "ERR_HTTP_REQUEST_TIMEOUT"
        ? [408, "REQUEST_TIMEOUT", "The request took too long to arrive."]
        : code === "HPE_INVALID_VERSION"
          ? [505, "HTTP_VERSION_NOT_SUPPORTED", "This server speaks HTTP/1.1."]
          : [400, "BAD_REQUEST", "This is not an HTTP request."]
  answerSocket(socket, status, name, message)
}

/** An answer on a connection that has no response object, which is closed with it. */
const answerSocket = (socket: Duplex, status: number, name: string, message: string): void => {
  const requestId = randomUUID()
  const body = errorBody(name, message, requestId)
  const headers = {
    ...SECURITY_HEADERS,
    [REQUEST_ID_HEADER]: requestId,
    "content-type": "application/json",
    "content-length": String(Buffer.byteLength(body)),
    connection: "close"
  }
  const lines = Object.entries(headers).map(([key, value]) => `${key}: ${value}\r\n`)
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}\r\n${lines.join("")}\r\n${body}`, () =>
    socket.destroy()
  )
}

/** How many Host headers the request line and its headers have: exactly one belongs there (RFC 9112, 3.2). */
const hostsOf = ({ rawHeaders }: IncomingMessage): number =>
  rawHeaders.filter((name, index) => index % 2 === 0 && name.toLowerCase() === "host").length

const refuse = (response: ServerResponse, status: number, code: string, message: string): void => {
  const requestId = response.getHeader(REQUEST_ID_HEADER)
  response.writeHead(status, { "content-type": "application/json", connection: "close" })
  response.end(errorBody(code, message, typeof requestId === "string" ? requestId : ""))
}

const refuseDraining = (response: ServerResponse, requestId: string): void => {
  response.writeHead(503, {
    "content-type": "application/json",
    "retry-after": String(RETRY_AFTER_DRAINING_SECONDS),
    connection: "close"
  })
  response.end(errorBody("SHUTTING_DOWN", "The server is stopping.", requestId))
}

const listen = (server: Server, host: string, port: number): Effect.Effect<number, HttpListenError> =>
  Effect.async((resume) => {
    // It stays: an error while accepting (too many open files) must not end the process.
    server.on("error", (error: NodeJS.ErrnoException) =>
      resume(new HttpListenError({ host, port, code: error.code ?? error.name }))
    )
    server.listen({ host, port }, () => {
      const address = server.address()
      resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : port))
    })
  })

/** How a client on this machine writes the address: a wildcard is no address, and IPv6 goes in brackets. */
const urlOf = (host: string, port: number): string => {
  const reachable = host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host
  return `http://${reachable.includes(":") ? `[${reachable}]` : reachable}:${port}`
}

/**
 * Listens until the scope closes, then drains: no new connection, 503 on old ones, idle ones closed, requests in
 * flight finished within `drainMs`, the rest cut.
 */
export const make = (
  listener: Listener,
  options: Options
): Effect.Effect<typeof HttpServer.Service, HttpListenError, Scope.Scope | Draining> =>
  Effect.gen(function* () {
    const { drainMs, host, port } = options
    const draining = yield* Draining
    const inFlight = new Set<ServerResponse>()
    /** The newest response on each connection, to know whether an answer has begun when the connection errs. */
    const newest = new WeakMap<Duplex, ServerResponse>()
    let isDraining = false

    const server = createServer({
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
      connectionsCheckingInterval: CONNECTIONS_CHECK_MS,
      maxHeaderSize: MAX_HEADER_BYTES,
      // Node's own refusal has no body and no request id.
      requireHostHeader: false
    })
    server.maxConnections = MAX_CONNECTIONS

    const connectionsOf = new Map<string, number>()
    server.on("connection", (socket: Socket) => {
      const address = sourceOf(socket.remoteAddress ?? "")
      const most =
        options.isProxy?.(address) === true
          ? MAX_CONNECTIONS_PER_PROXY
          : (options.maxConnectionsPerAddress ?? MAX_CONNECTIONS_PER_ADDRESS)
      const open = (connectionsOf.get(address) ?? 0) + 1
      connectionsOf.set(address, open)
      socket.once("close", () => {
        const left = (connectionsOf.get(address) ?? 1) - 1
        if (left === 0) connectionsOf.delete(address)
        else connectionsOf.set(address, left)
      })
      if (open > most) socket.destroy()
    })

    /** What every answer has, whatever it says. */
    const identify = (request: IncomingMessage, response: ServerResponse): string => {
      const requestId = requestIdOf(request)
      request.headers[REQUEST_ID_HEADER] = requestId
      for (const [name, value] of Object.entries(SECURITY_HEADERS)) response.setHeader(name, value)
      response.setHeader(REQUEST_ID_HEADER, requestId)
      return requestId
    }

    server.on("checkExpectation", (request: IncomingMessage, response: ServerResponse) => {
      identify(request, response)
      refuse(response, 417, "EXPECTATION_FAILED", "The only expectation that is met is 100-continue.")
    })
    server.on("connect", (_: IncomingMessage, socket: Duplex) => {
      // The connection is no server's any more once Node hands it out: an error on it is ours to hear.
      socket.on("error", () => socket.destroy())
      answerSocket(socket, 405, "METHOD_NOT_ALLOWED", "This server is no proxy.")
    })
    server.on("request", (request: IncomingMessage, response: ServerResponse) => {
      const requestId = identify(request, response)
      const hosts = hostsOf(request)
      if (hosts > 1 || (hosts === 0 && request.httpVersion !== "1.0")) {
        return refuse(response, 400, "BAD_REQUEST", "The request needs exactly one Host header.")
      }
      if (isDraining) return refuseDraining(response, requestId)
      inFlight.add(response)
      newest.set(request.socket, response)
      response.once("close", () => {
        inFlight.delete(response)
        // A streamed answer had promised to keep its connection before the draining began.
        if (isDraining) setImmediate(() => server.closeIdleConnections())
      })
      listener(request, response)
    })
    server.on("clientError", (error: NodeJS.ErrnoException, socket) => {
      if (!socket.writable || newest.get(socket)?.headersSent === true) return void socket.destroy()
      refuseConnection(error.code, socket)
    })

    const closed = Effect.async<void>((resume) => {
      server.close(() => resume(Effect.void))
      server.closeIdleConnections()
    })
    const cutAtDeadline = Effect.zipRight(
      Effect.sleep(drainMs),
      Effect.sync(() => server.closeAllConnections())
    )
    const drain = Effect.gen(function* () {
      isDraining = true
      yield* Deferred.succeed(draining, undefined)
      for (const response of inFlight) if (!response.headersSent) response.setHeader("connection", "close")
      // A finalizer is uninterruptible, and so would the loser of this race be.
      yield* Effect.raceFirst(
        Effect.interruptible(closed),
        Effect.interruptible(Effect.zipRight(cutAtDeadline, Effect.never))
      )
    })

    const bound = yield* Effect.acquireRelease(listen(server, host, port), () => drain)
    return { host, port: bound, url: urlOf(host, bound) }
  })
