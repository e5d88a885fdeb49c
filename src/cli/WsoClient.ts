/**
 * The server's API as the command line uses it. On node:http: a command must answer within 300 ms, and loading anything
 * larger takes a good part of them.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { type IncomingMessage, request as httpRequest } from "node:http"
import { request as httpsRequest } from "node:https"
import { ErrorBody } from "../http/api/Common.ts"
import { escaped, escapedValue } from "../telemetry/PlainText.ts"
import { describeFailure, failureOf } from "../transport/Failure.ts"
import { isRedirect, targetOf } from "../transport/Redirect.ts"

/** Longer than any answer of a server that works: a reconcile of everything included. */
const ANSWER_TIMEOUT_MS = 120_000
/** No answer of ours is larger; what is, is not from our server. */
const MAX_ANSWER_BYTES = 268_435_456

/** Nothing answers at the URL. */
export class ServerUnreachable extends Schema.TaggedError<ServerUnreachable>()("ServerUnreachable", {
  url: Schema.String,
  reason: Schema.String
}) {
  override get message(): string {
    return `No server answers at ${this.url} (${this.reason}). Is it running? --url or WSO_URL says where it is.`
  }
}

/** What stands at the URL points elsewhere. It is not followed: the admin token is meant for this URL alone. */
export class ServerMoved extends Schema.TaggedError<ServerMoved>()("ServerMoved", {
  url: Schema.String,
  status: Schema.Int,
  target: Schema.String
}) {
  override get message(): string {
    return `${this.url} redirects (${this.status}) to ${this.target}, which is not followed. If the server has moved there, say so with --url or WSO_URL.`
  }
}

/** The server answered with an error. */
export class ServerRefused extends Schema.TaggedError<ServerRefused>()("ServerRefused", {
  status: Schema.Int,
  code: Schema.String,
  reason: Schema.String,
  requestId: Schema.String
}) {
  override get message(): string {
    const hint = this.status === 401 ? " --token or SERVER_BYPASS_TOKEN says who asks." : ""
    return `${this.reason}${hint} (${this.code}, request ${this.requestId})`
  }
}

/** What answered is not the server, or is another version of it. */
export class AnswerUnexpected extends Schema.TaggedError<AnswerUnexpected>()("AnswerUnexpected", {
  path: Schema.String,
  status: Schema.Int
}) {
  override get message(): string {
    return `The answer to ${this.path} (HTTP ${this.status}) is not of the form that this version of wso knows.`
  }
}

export type ClientError = ServerUnreachable | ServerMoved | ServerRefused | AnswerUnexpected

/**
 * An answer as it was sent, for `-o json`, and as far as this version knows it: there every text is escaped, whatever view
 * shows it.
 */
export interface Answer<A> {
  readonly status: number
  readonly raw: unknown
  readonly value: A
  readonly headers: Readonly<Record<string, string | ReadonlyArray<string> | undefined>>
}

export interface Options {
  readonly url: string
  readonly token: Option.Option<Redacted.Redacted>
  /** Who asks, for the audit trail: all administrators hold the same token. */
  readonly actor: string
}

export interface Call {
  readonly method: "GET" | "POST" | "DELETE"
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

interface RawAnswer {
  readonly status: number
  readonly text: string
  readonly headers: Answer<unknown>["headers"]
}

const escapedOnce = (value: unknown): unknown => escapedValue(value)

const hostnameOf = (url: URL): string => url.hostname.replace(/^\[(.*)\]$/, "$1")

const decodeError = Schema.decodeUnknownOption(Schema.parseJson(ErrorBody))
const parse = Schema.decodeUnknownOption(Schema.parseJson())

export const make = (options: Options) => {
  const base = options.url.replace(/\/+$/, "")
  const token = Option.map(options.token, Redacted.value)

  /** Opens a request; the response has its headers, and its body is still to come. */
  const open = (call: Call, signal: AbortSignal): Effect.Effect<IncomingMessage, ServerUnreachable> =>
    Effect.async<IncomingMessage, ServerUnreachable>((resume) => {
      const fail = (reason: string) => resume(new ServerUnreachable({ url: base, reason }))
      if (!URL.canParse(`${base}${call.path}`)) return fail("this is no URL")
      const url = new URL(`${base}${call.path}`)
      if (url.protocol !== "http:" && url.protocol !== "https:") return fail("this is no http or https URL")
      const send = url.protocol === "https:" ? httpsRequest : httpRequest
      const outgoing = send(
        {
          method: call.method,
          hostname: hostnameOf(url),
          port: url.port,
          path: `${url.pathname}${url.search}`,
          signal,
          headers: {
            accept: "application/json",
            "x-actor": options.actor,
            ...(Option.isSome(token) ? { authorization: `Bearer ${token.value}` } : {}),
            ...(call.body === undefined
              ? {}
              : { "content-type": "application/json", "content-length": Buffer.byteLength(call.body) }),
            ...call.headers
          }
        },
        (response) => resume(Effect.succeed(response))
      )
      outgoing.on("error", (error: NodeJS.ErrnoException) => fail(describeFailure(failureOf(error))))
      outgoing.end(call.body)
    })

  const readAll = (response: IncomingMessage): Effect.Effect<string, ServerUnreachable> =>
    Effect.async((resume) => {
      const chunks: Array<Buffer> = []
      let size = 0
      const fail = (reason: string) => resume(new ServerUnreachable({ url: base, reason }))
      response.on("data", (chunk: Buffer) => {
        size += chunk.length
        chunks.push(chunk)
        if (size > MAX_ANSWER_BYTES) response.destroy(new Error("the answer is too large"))
      })
      response.on("end", () => resume(Effect.succeed(Buffer.concat(chunks).toString("utf8"))))
      response.on("error", (error) => fail(error.message))
      response.on("close", () => fail("the connection was closed"))
    })

  const exchange = (call: Call): Effect.Effect<RawAnswer, ServerUnreachable> =>
    Effect.gen(function* () {
      const controller = yield* Effect.acquireRelease(
        Effect.sync(() => new AbortController()),
        (abort) => Effect.sync(() => abort.abort())
      )
      const response = yield* open(call, controller.signal)
      const text = yield* readAll(response)
      return { status: response.statusCode ?? 0, text, headers: response.headers }
    }).pipe(
      Effect.scoped,
      Effect.timeoutFail({
        duration: ANSWER_TIMEOUT_MS,
        onTimeout: () => new ServerUnreachable({ url: base, reason: `no answer in ${ANSWER_TIMEOUT_MS} ms` })
      })
    )

  const refusalOf = (call: Call, { headers, status, text }: RawAnswer): ClientError => {
    const { location } = headers
    if (isRedirect(status)) {
      const target = targetOf(typeof location === "string" ? location : null, `${base}${call.path}`)
      return new ServerMoved({ url: base, status, target })
    }
    return Option.match(decodeError(text), {
      onNone: () => new AnswerUnexpected({ path: call.path, status }),
      onSome: ({ error }) =>
        new ServerRefused({
          status,
          code: escaped(error.code),
          reason: escaped(error.message),
          requestId: escaped(error.requestId)
        })
    })
  }

  /** The answer as the schema reads it; `accept` names statuses beside 2xx that carry an answer and no error. */
  const ask = <A, I>(
    schema: Schema.Schema<A, I>,
    call: Call,
    accept: ReadonlyArray<number> = []
  ): Effect.Effect<Answer<A>, ClientError> =>
    Effect.gen(function* () {
      const answer = yield* exchange(call)
      const isAnswer = (answer.status >= 200 && answer.status < 300) || accept.includes(answer.status)
      if (!isAnswer) return yield* refusalOf(call, answer)
      const raw = parse(answer.text)
      // What is shown to a person passes here, and only here: `raw` is for programs.
      const value = Option.flatMap(Option.map(raw, escapedOnce), Schema.decodeUnknownOption(schema))
      if (Option.isNone(raw) || Option.isNone(value)) {
        return yield* new AnswerUnexpected({ path: call.path, status: answer.status })
      }
      return { status: answer.status, raw: raw.value, value: value.value, headers: answer.headers }
    })

  /** The answer as it was sent, which may be no JSON. */
  const text = (path: string): Effect.Effect<string, ClientError> =>
    Effect.gen(function* () {
      const call: Call = { method: "GET", path, headers: { accept: "*/*" } }
      const answer = yield* exchange(call)
      return answer.status === 200 ? answer.text : yield* refusalOf(call, answer)
    })

  /** Not an async iterator of the response: its end would wait for the next chunk, which may be a heartbeat away. */
  const chunks = (response: IncomingMessage): Stream.Stream<string, ServerUnreachable> =>
    Stream.asyncPush((emit) =>
      Effect.sync(() => {
        response.setEncoding("utf8")
        response.on("data", (chunk: string) => emit.single(chunk))
        response.on("end", () => emit.end())
        response.on("error", ({ message }) =>
          emit.fail(new ServerUnreachable({ url: base, reason: message }))
        )
      })
    )

  /** The data of each server-sent event, until the server ends the stream or the caller stops listening. */
  const events = <A, I>(schema: Schema.Schema<A, I>, path: string): Stream.Stream<A, ClientError> => {
    const call: Call = { method: "GET", path, headers: { accept: "text/event-stream" } }
    const decode = (text: string) =>
      Option.flatMap(Option.map(parse(text), escapedOnce), Schema.decodeUnknownOption(schema))
    return Stream.unwrapScoped(
      Effect.gen(function* () {
        const controller = yield* Effect.acquireRelease(
          Effect.sync(() => new AbortController()),
          (abort) => Effect.sync(() => abort.abort())
        )
        const response = yield* open(call, controller.signal)
        if (response.statusCode !== 200) {
          return yield* refusalOf(call, {
            status: response.statusCode ?? 0,
            text: yield* readAll(response),
            headers: response.headers
          })
        }
        return chunks(response).pipe(
          Stream.splitLines,
          Stream.filterMap((line) =>
            line.startsWith("data:") ? decode(line.slice("data:".length)) : Option.none()
          )
        )
      })
    )
  }

  return { url: base, ask, text, events }
}

export type WsoClient = ReturnType<typeof make>
