/** What a frame of LiveStore's protocol says, as far as the guard in front of LiveStore has to know it. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { isDeeperThan } from "../http/JsonDepth.ts"

/** LiveStore's ids are numbers. They are kept in the socket's attachment, which takes 2 KiB. */
const RequestId = Schema.String.pipe(Schema.maxLength(40))
/** Whose message it is, in the words of the client. */
const owner = { storeId: Schema.String, payload: Schema.optional(Schema.Unknown) }

const Pull = Schema.Struct({
  _tag: Schema.Literal("Request"),
  id: RequestId,
  tag: Schema.Literal("SyncWsRpc.Pull"),
  payload: Schema.Struct(owner)
})

/** Events as they are numbered; everything else of them is the clients' business. */
const Push = Schema.Struct({
  _tag: Schema.Literal("Request"),
  id: RequestId,
  tag: Schema.Literal("SyncWsRpc.Push"),
  payload: Schema.Struct({
    ...owner,
    batch: Schema.Array(Schema.Struct({ seqNum: Schema.Int, parentSeqNum: Schema.Int }))
  })
})

const Interrupt = Schema.Struct({ _tag: Schema.Literal("Interrupt"), requestId: RequestId })
const Other = Schema.Struct({ _tag: Schema.Literal("Ack", "Ping", "Eof") })

const Message = Schema.Union(Pull, Push, Interrupt, Other)
type Pull = typeof Pull.Type
export type Push = typeof Push.Type
export type Message = typeof Message.Type

/** A message, and the JSON that it was read from: what is passed on is what the client has said. */
export interface Received {
  readonly message: Message
  readonly json: unknown
}

/**
 * How deep the JSON of a frame may nest. Readers decode an event's arguments recursively: what LiveStore stores and its
 * clients cannot read would be in the log for good.
 */
const MAX_DEPTH = 200

const encoder = new TextEncoder()
const decode = Schema.decodeUnknown(Message)
const parse = Schema.decodeUnknown(Schema.parseJson())

/** The messages of a frame, which may be several; none for a frame that cannot be read (not JSON, nested too deep). */
export const messagesOf = (frame: string): Effect.Effect<Option.Option<ReadonlyArray<Received>>> =>
  Effect.suspend(() =>
    isDeeperThan(encoder.encode(frame), MAX_DEPTH) ? Effect.succeed(undefined) : parse(frame)
  ).pipe(
    Effect.flatMap((json) =>
      Effect.forEach(Array.isArray(json) ? json : [json], (one: unknown) =>
        Effect.map(decode(one), (message): Received => ({ message, json: one }))
      )
    ),
    Effect.option,
    Effect.catchAllCause(() => Effect.succeedNone)
  )

/** An event that does not follow the one before it. */
export interface Gap {
  readonly expectedParent: number
  readonly parent: number
}

/**
 * Where a push leaves the chain: each event's parent has to be the event before it, and its number the next one. LiveStore
 * itself compares the parent of the first with its head, and nothing else, so that a push of event 9 after parent 2 would
 * be stored. Events that are numbered with a gap make readers that count deaf, for good: the log is append-only.
 */
export const gapOf = ({ payload: { batch } }: Push): Option.Option<Gap> => {
  let expectedParent = batch[0]?.parentSeqNum ?? 0
  for (const { parentSeqNum, seqNum } of batch) {
    if (parentSeqNum !== expectedParent) return Option.some({ expectedParent, parent: parentSeqNum })
    if (seqNum !== expectedParent + 1) return Option.some({ expectedParent, parent: seqNum - 1 })
    expectedParent = seqNum
  }
  return Option.none()
}

const failure = (requestId: string, error: Readonly<Record<string, unknown>>): string =>
  JSON.stringify({
    _tag: "Exit",
    requestId,
    exit: { _tag: "Failure", cause: { _tag: "Fail", error } }
  })

/** LiveStore's own answer to a push that does not follow its head. */
export const serverAhead = (requestId: string, { expectedParent, parent }: Gap): string =>
  failure(requestId, {
    _tag: "ServerAheadError",
    minimumExpectedNum: expectedParent,
    providedNum: parent
  })

/** LiveStore's own answer where it has no error of that name. */
export const refused = (requestId: string, message: string): string =>
  failure(requestId, { _tag: "UnknownError", cause: { name: "Refused", message } })
