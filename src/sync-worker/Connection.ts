/** What the Worker has established about a connection, and how its Durable Object remembers it. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { Principal } from "./Credentials.ts"
import { jsonDigest } from "./Digest.ts"
import type { Message } from "./Frame.ts"

export const Connection = Schema.Struct({
  storeId: Schema.String,
  principal: Principal,
  /** Instead of the payload itself: it holds a secret, and a socket's attachment is limited to 2 KiB. */
  payloadDigest: Schema.String,
  /** When the membership was last confirmed, in milliseconds since the epoch. */
  confirmedAt: Schema.Number
})
export type Connection = typeof Connection.Type

/** Carries the connection from the Worker to the Durable Object. Whatever a client sends under it is overwritten. */
export const connectionHeader = "x-wso-connection"

const ConnectionJson = Schema.parseJson(Connection)
export const encodeConnection = Schema.encodeSync(ConnectionJson)

/** LiveStore's attachment of a socket, as far as it is ours: the headers we forwarded. */
const Attachment = Schema.parseJson(
  Schema.Struct(
    { headers: Schema.Struct({ [connectionHeader]: ConnectionJson }) },
    Schema.Record({ key: Schema.String, value: Schema.Unknown })
  )
)

const decodeAttachment = Schema.decodeUnknownOption(Attachment)
const encodeAttachment = Schema.encodeSync(Attachment)

/** The connection behind a socket's attachment; none for a socket that did not come through our Worker. */
export const connectionOf = (attachment: unknown): Option.Option<Connection> =>
  Option.map(decodeAttachment(attachment), (decoded) => decoded.headers[connectionHeader])

/** The attachment with its membership confirmed at `confirmedAt`, everything else as it was. */
export const confirmedAttachment = (attachment: unknown, confirmedAt: number): Option.Option<string> =>
  Option.map(decodeAttachment(attachment), (decoded) =>
    encodeAttachment({
      ...decoded,
      headers: { [connectionHeader]: { ...decoded.headers[connectionHeader], confirmedAt } }
    })
  )

/** LiveStore's attachment of a socket, as far as it counts the pulls in flight. */
const PullIds = Schema.parseJson(Schema.Struct({ pullRequestIds: Schema.Array(Schema.String) }))
const decodePullIds = Schema.decodeUnknownOption(PullIds)

/** The requests of the pulls in flight on a connection. */
export const pullsInFlight = (attachment: unknown): ReadonlyArray<string> =>
  Option.match(decodePullIds(attachment), {
    onNone: () => [],
    onSome: ({ pullRequestIds }) => pullRequestIds
  })

/**
 * Whether a message names the store and the payload of its own connection. LiveStore trusts what the frame says (sync-cf
 * 0.4.0 takes storeId and payload from the message, not from the validated URL), so that without this a client validated
 * for one workspace could speak in the name of another.
 */
export const isOwnMessage = (connection: Connection, message: Message): Effect.Effect<boolean> =>
  message._tag !== "Request"
    ? Effect.succeed(true)
    : message.payload.storeId !== connection.storeId
      ? Effect.succeed(false)
      : jsonDigest(message.payload.payload).pipe(
          Effect.map((digest) => digest === connection.payloadDigest),
          // A payload that is nested too deep to be read.
          Effect.catchAllCause(() => Effect.succeed(false))
        )
