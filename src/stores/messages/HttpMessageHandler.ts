/**
 * The built-in handler `http`: each message is POSTed to a URL, signed, with an idempotency key, and the JSON that comes
 * back is the answer.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type { CircuitBreaker } from "../../controller/CircuitBreaker.ts"
import * as Tracing from "../../telemetry/Tracing.ts"
import * as Outgoing from "../../transport/Outgoing.ts"
import { Reply } from "./Message.ts"
import { HandlerError, MessageHandler, type MessageRequest } from "./MessageHandler.ts"
import { signedHeaders } from "./StandardWebhook.ts"

export interface HttpMessageHandlerOptions {
  /** `MESSAGE_HANDLER_URL`. */
  readonly url: string
  /** `MESSAGE_HANDLER_SECRET`: the active secrets. */
  readonly secrets: ReadonlyArray<Redacted.Redacted>
  /**
   * Opened by a handler that cannot be reached, or says so to more than one workspace; never by what becomes of the
   * messages of one (law 4). A time-out teaches it nothing: it interrupts the call.
   */
  readonly breaker: CircuitBreaker
}

/** Answers longer than this are refused, in characters. */
const MAX_REPLY_LENGTH = 1_000_000
const NO_CONTENT = 204
/** So many workspaces have to hear that the handler is unavailable, without a success in between, to believe it. */
const WITNESSES = 2
/** Nobody is there, or too many are: it speaks against the handler, not against the message. */
const UNAVAILABLE: ReadonlySet<number> = new Set([429, 502, 503, 504])

const decodeReply = Schema.decodeUnknown(Schema.parseJson(Schema.NullOr(Reply)))

/** No answer came, or one that points elsewhere. */
const noAnswer = (error: Outgoing.SendError): HandlerError =>
  error._tag === "Redirected"
    ? new HandlerError({ reason: "failed", message: `the handler ${error.message}` })
    : new HandlerError({
        reason: "unavailable",
        message: `the handler could not be reached (${error.message})`
      })

const bodyOf = ({ attempt, idempotencyKey, message, storeId }: MessageRequest): string =>
  JSON.stringify({
    type: "user-message",
    storeId,
    idempotencyKey,
    attempt,
    message: {
      id: message.id,
      conversationId: message.conversationId,
      content: message.content,
      sentAt: message.sentAt === null ? null : new Date(message.sentAt).toISOString()
    },
    event: message.args
  })

/** Whole seconds, or a date of HTTP; undefined when it is neither. */
const retryAfterMsOf = (header: string | null, nowMs: number): number | undefined => {
  if (header === null) return undefined
  if (/^\d{1,9}$/.test(header)) return Number(header) * 1_000
  const at = Date.parse(header)
  return Number.isNaN(at) ? undefined : Math.max(0, at - nowMs)
}

/** The text of an answer, read no further than it may be long. */
const textOf = async (response: Response): Promise<string | undefined> => {
  const decoder = new TextDecoder()
  let text = ""
  for await (const chunk of response.body ?? []) {
    if (!(chunk instanceof Uint8Array)) continue
    text += decoder.decode(chunk, { stream: true })
    if (text.length > MAX_REPLY_LENGTH) return undefined
  }
  return text + decoder.decode()
}

export const make = ({ breaker, secrets, url }: HttpMessageHandlerOptions) => {
  /** Workspaces that have heard since the last success that the handler is unavailable. */
  const witnesses = new Set<string>()
  /** The errors of requests that reached nobody, for which one witness is enough. */
  const unreached = new WeakSet<HandlerError>()
  const isDown = (storeId: string, error: HandlerError): boolean => {
    if (error.reason !== "unavailable") return false
    if (witnesses.size < WITNESSES) witnesses.add(storeId)
    return unreached.has(error) || witnesses.size >= WITNESSES
  }

  const post = (request: MessageRequest) =>
    Effect.gen(function* () {
      const now = yield* Clock.currentTimeMillis
      const body = bodyOf(request)
      const traceHeaders = yield* Tracing.outgoingHeaders
      const { status, retryAfter, text } = yield* Outgoing.send(
        url,
        {
          method: "POST",
          headers: {
            "content-type": "application/json",
            "user-agent": "workspace-orchestrator",
            "idempotency-key": request.idempotencyKey,
            ...traceHeaders,
            ...signedHeaders(secrets, request.idempotencyKey, now, body)
          },
          body
        },
        async (response) => {
          const retryAfter = response.headers.get("retry-after")
          if (response.ok) return { status: response.status, retryAfter, text: await textOf(response) }
          // Not reading it must not hold the connection.
          await response.body?.cancel()
          return { status: response.status, retryAfter, text: "" }
        }
      ).pipe(
        Effect.mapError((error) => {
          const failure = noAnswer(error)
          if (error._tag === "Unreached") unreached.add(failure)
          return failure
        })
      )
      if (status < 200 || status > 299) {
        return yield* new HandlerError({
          reason: UNAVAILABLE.has(status) ? "unavailable" : "failed",
          message: `the handler answered ${status}`,
          retryAfterMs: retryAfterMsOf(retryAfter, now)
        })
      }
      if (text === undefined) {
        return yield* new HandlerError({
          reason: "failed",
          message: `the handler's answer is longer than ${MAX_REPLY_LENGTH} characters`
        })
      }
      if (status === NO_CONTENT || text.trim() === "") return null
      return yield* Effect.mapError(
        decodeReply(text),
        () =>
          new HandlerError({
            reason: "failed",
            message: 'the handler\'s answer is not JSON of the form {"content": "…"}'
          })
      )
    })

  return (request: MessageRequest): Effect.Effect<Reply | null, HandlerError> =>
    breaker
      .protect(post(request), {
        isFailure: (error) => isDown(request.storeId, error),
        retryAfterMs: ({ retryAfterMs }) => retryAfterMs
      })
      .pipe(
        Effect.tap(() => Effect.sync(() => witnesses.clear())),
        Effect.catchTag("CircuitOpen", ({ retryAfterMs }) =>
          Effect.fail(
            new HandlerError({
              reason: "unavailable",
              message: "the circuit breaker is open",
              retryAfterMs,
              refused: true
            })
          )
        )
      )
}

export const layer = (options: HttpMessageHandlerOptions): Layer.Layer<MessageHandler> =>
  Layer.succeed(MessageHandler, { name: "http", handle: make(options) })
