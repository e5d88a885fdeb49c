/**
 * The raw gate in front of every body: size, kind and depth are checked on bytes, before a schema sees anything.
 * @effect/platform alone accepts 20 MB, resets the socket beyond its limit and dies of 3,000 brackets (field notes).
 */
import * as NodeHttpServerRequest from "@effect/platform-node/NodeHttpServerRequest"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as Effect from "effect/Effect"
import * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import type { IncomingMessage } from "node:http"
import { fieldsOf, noQuery } from "./api/Query.ts"
import { describeIssue } from "./Expectation.ts"
import { isDeeperThan, MAX_JSON_DEPTH } from "./JsonDepth.ts"
import { repeatedField } from "./JsonFields.ts"
import { badRequest, Refusal } from "./Refusal.ts"
import { describeUnknown } from "./Suggestion.ts"

/** Wire contract, section 2. */
export const MAX_BODY_BYTES = 65_536

/**
 * What is sent beyond the limit is read and dropped, so that the sender gets to read the answer; beyond this much the
 * connection is cut. HttpServer's request timeout bounds the time.
 */
const MAX_DISCARDED_BYTES = 33_554_432

const tooLarge = new Refusal({
  status: 413,
  code: "PAYLOAD_TOO_LARGE",
  message: `A body may have ${MAX_BODY_BYTES} bytes.`
})

const unsupportedMediaType = new Refusal({
  status: 415,
  code: "UNSUPPORTED_MEDIA_TYPE",
  message: "The body must be application/json, without a content encoding."
})

const discard = (request: IncomingMessage): void => {
  let discarded = 0
  request.on("data", (chunk: Buffer) => {
    discarded += chunk.length
    if (discarded > MAX_DISCARDED_BYTES) request.destroy()
  })
  request.on("error", () => undefined)
  request.resume()
}

/** Reads up to the limit; what is over it ends in 413 without a reset of the connection. */
const readCapped = (request: IncomingMessage): Effect.Effect<Buffer, Refusal> =>
  Effect.async((resume) => {
    const chunks: Array<Buffer> = []
    let size = 0
    const stop = () => {
      request.off("data", onData).off("end", onEnd).off("error", onBroken).off("close", onBroken)
    }
    const settle = (result: Effect.Effect<Buffer, Refusal>) => {
      stop()
      resume(result)
    }
    const onData = (chunk: Buffer) => {
      size += chunk.length
      if (size <= MAX_BODY_BYTES) return void chunks.push(chunk)
      settle(Effect.fail(tooLarge))
      discard(request)
    }
    const onEnd = () => settle(Effect.succeed(Buffer.concat(chunks)))
    // Nobody reads the answer to a request whose connection broke.
    const onBroken = () => settle(Effect.interrupt)
    request.on("data", onData).on("end", onEnd).on("error", onBroken).on("close", onBroken)
    return Effect.sync(stop)
  })

const isJson = (contentType: string | undefined): boolean =>
  contentType?.split(";", 1)[0]?.trim().toLowerCase() === "application/json"

export interface BodyOptions {
  /** What no body at all stands for. Without it, no body is a body of another kind: 415. */
  readonly whenEmpty?: string
}

/** The bytes of a JSON body, in the contract's order: 413 by its announced length, 413 by its real one, 415. */
export const rawBody = Effect.fnUntraced(function* (
  request: HttpServerRequest.HttpServerRequest,
  { whenEmpty }: BodyOptions = {}
) {
  const incoming = NodeHttpServerRequest.toIncomingMessage(request)
  if (Number(incoming.headers["content-length"] ?? 0) > MAX_BODY_BYTES) {
    discard(incoming)
    return yield* tooLarge
  }
  const body = yield* readCapped(incoming)
  if (body.length === 0 && whenEmpty !== undefined) return Buffer.from(whenEmpty)
  const encoding = incoming.headers["content-encoding"] ?? "identity"
  if (!isJson(incoming.headers["content-type"]) || encoding.toLowerCase() !== "identity") {
    return yield* unsupportedMediaType
  }
  return body
})

const utf8 = new TextDecoder("utf-8", { fatal: true })
const SUBJECT = "the body"

const isObject = (value: unknown): value is object =>
  typeof value === "object" && value !== null && !Array.isArray(value)

interface DecodeOptions {
  /**
   * What becomes of fields that the schema does not know: an event of a newer sender may have more of them, an operator's
   * request may not, since what is ignored may have been meant as protection.
   */
  readonly others: "ignored" | "refused"
}

/** What the bytes say, as the schema reads it; else 400 with the place and what belongs there. */
export const decodeBody = <A, I>(schema: Schema.Schema<A, I>, { others }: DecodeOptions) => {
  const decode = Schema.decodeUnknown(schema, { errors: "all" })
  const known = others === "ignored" ? [] : fieldsOf(schema)
  const strangeness = (text: string, value: unknown): string | undefined => {
    if (others === "ignored" || !isObject(value)) return undefined
    if (repeatedField(text)) return "The body has a field twice."
    return describeUnknown(Object.keys(value), { subject: SUBJECT, part: "field", known })
  }
  return (bytes: Uint8Array): Effect.Effect<A, Refusal> =>
    Effect.gen(function* () {
      if (isDeeperThan(bytes, MAX_JSON_DEPTH)) {
        return yield* badRequest(`The body may nest ${MAX_JSON_DEPTH} deep.`)
      }
      const [text, value] = yield* Effect.try({
        try: (): readonly [string, unknown] => {
          const decoded = utf8.decode(bytes)
          return [decoded, JSON.parse(decoded)]
        },
        catch: () => badRequest("The body is not JSON.")
      })
      const strange = strangeness(text, value)
      if (strange !== undefined) return yield* badRequest(strange)
      return yield* Effect.mapError(decode(value), ({ issue }) => badRequest(describeIssue(issue, SUBJECT)))
    }).pipe(Effect.catchIf(ParseResult.isParseError, () => badRequest("The body is wrong.")))
}

/** The body of a call whose whole input it is, as the schema reads it; fields that it does not know are refused. */
export const readBody = <A, I>(schema: Schema.Schema<A, I>, options?: BodyOptions) => {
  const decode = decodeBody(schema, { others: "refused" })
  return noQuery(fieldsOf(schema)).pipe(
    Effect.zipRight(HttpServerRequest.HttpServerRequest),
    Effect.flatMap((request) => rawBody(request, options)),
    Effect.flatMap(decode)
  )
}

/** 400 for a call that has a body and takes none; `{}` says nothing. */
export const noBody = Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) =>
  Effect.gen(function* () {
    const incoming = NodeHttpServerRequest.toIncomingMessage(request)
    const text = (yield* readCapped(incoming)).toString("utf8").trim()
    if (text !== "" && text !== "{}") {
      return yield* badRequest("This call takes no body: what it takes is in its URL.")
    }
  })
)

/** 400 for a call that has a body or a query, and takes neither. */
export const noInput = Effect.zipRight(noQuery(), noBody)
