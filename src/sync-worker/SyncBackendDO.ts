/** The sync backend of one workspace: LiveStore's Durable Object behind a guard of every message. */
import { type CfTypes, makeDurableObject } from "@livestore/sync-cf/cf-worker"
import * as Arr from "effect/Array"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import {
  confirmedAttachment,
  type Connection,
  connectionHeader,
  connectionOf,
  isOwnMessage,
  pullsInFlight
} from "./Connection.ts"
import type { Environment } from "./Environment.ts"
import { gapOf, messagesOf, type Received, refused, serverAhead } from "./Frame.ts"
import { isMemberNow } from "./Membership.ts"
import * as Traffic from "./Traffic.ts"

/** See `Environment.MEMBERSHIP_RECHECK_MS`. */
const defaultRecheckMs = 60_000
/** Below this the Auth Worker would be asked more than once a second for every connected user. */
const minRecheckMs = 1_000
/** How long an established connection survives an Auth Worker that cannot be asked (law 12: static stability). */
const maxUnconfirmedMs = 15 * 60_000
/** Users asked about at the same time. */
const recheckConcurrency = 4
/** LiveStore's own limit of a frame is 900,000 bytes. */
const maxFrameLength = 1_048_576

/** WebSocket close codes: two of the protocol's, one of ours. */
const policyViolation = 1008
const tooBig = 1009
const notAMember = 4403

const LiveStoreBackend = makeDurableObject({
  // HTTP and RPC carry storeId and payload in their bodies as well, and nobody of ours uses them.
  enabledTransports: new Set(["ws"]),
  forwardHeaders: [connectionHeader]
})

const recheckMsOf = (env: Environment) => {
  const configured = Number(env.MEMBERSHIP_RECHECK_MS ?? defaultRecheckMs)
  return Number.isFinite(configured) ? Math.max(minRecheckMs, configured) : defaultRecheckMs
}

const decoder = new TextDecoder()

/** A user's socket, with what is known about its connection. */
interface UserSocket {
  readonly socket: CfTypes.WebSocket
  readonly storeId: string
  readonly userId: string
  readonly confirmedAt: number
}

const userSocketOf = (socket: CfTypes.WebSocket): Option.Option<UserSocket> =>
  Option.flatMap(connectionOf(socket.deserializeAttachment()), ({ confirmedAt, principal, storeId }) =>
    principal.kind === "user"
      ? Option.some({ socket, storeId, userId: principal.userId, confirmedAt })
      : Option.none()
  )

export class SyncBackendDO extends LiveStoreBackend {
  readonly #state: CfTypes.DurableObjectState
  readonly #env: Environment
  /** When the last frame of a socket will have been handled. */
  readonly #handled = new WeakMap<CfTypes.WebSocket, Promise<void>>()
  readonly #traffic = new WeakMap<CfTypes.WebSocket, Traffic.Connection>()
  readonly #userPulls = new Traffic.UserPulls()

  constructor(state: CfTypes.DurableObjectState, env: Environment) {
    super(state, env)
    this.#state = state
    this.#env = env

    // LiveStore sets its handlers on the instance, so that they can only be wrapped here.
    const answer = this.fetch.bind(this)
    this.fetch = async (request) => {
      const response = await answer(request)
      await Effect.runPromise(this.#armRecheck())
      return response
    }
    const handle = this.webSocketMessage?.bind(this)
    this.webSocketMessage = async (socket, frame) => {
      const traffic = this.#trafficOf(socket)
      if (traffic.isClosed) return
      const size = typeof frame === "string" ? frame.length : frame.byteLength
      if (!traffic.begin(size)) {
        this.#close(socket, policyViolation, "too many frames at once")
        return
      }
      // Checking takes a moment, in which the next frame may come: it waits, or a push would overtake the one before.
      const handled = (this.#handled.get(socket) ?? Promise.resolve())
        .then(() => Effect.runPromise(this.#admitted(socket, frame)))
        .then(async (admitted) => {
          // It may have waited, and the connection have ended meanwhile.
          for (const one of traffic.isClosed ? [] : admitted) await handle?.(socket, one)
        })
        .finally(() => traffic.done(size))
      this.#handled.set(
        socket,
        handled.catch(() => undefined)
      )
      await handled
    }
    const close = this.webSocketClose?.bind(this)
    this.webSocketClose = async (socket, code, reason, wasClean) => {
      this.#trafficOf(socket).isClosed = true
      // Without an answer the client's socket lingers until its own timeout, half a minute and a file descriptor.
      socket.close(code === 1005 || code === 1006 ? 1000 : code)
      await close?.(socket, code, reason, wasClean)
    }
  }

  /** Asks again whether the connected users are members; sets the next time while there are any. Never throws. */
  override alarm(): Promise<void> {
    const users = Arr.getSomes(this.#state.getWebSockets().map(userSocketOf))
    return Effect.runPromise(
      Effect.forEach(
        Object.entries(Arr.groupBy(users, ({ userId }) => userId)),
        ([userId, theirs]) => this.#recheck(userId, theirs),
        { concurrency: recheckConcurrency, discard: true }
      ).pipe(
        Effect.catchAllCause(() => Effect.void),
        Effect.zipRight(this.#armRecheck())
      )
    )
  }

  #trafficOf(socket: CfTypes.WebSocket): Traffic.Connection {
    const known = this.#traffic.get(socket)
    if (known !== undefined) return known
    const traffic = new Traffic.Connection()
    this.#traffic.set(socket, traffic)
    return traffic
  }

  /** Ends a connection; what has already been sent over it is no longer handled. */
  #close(socket: CfTypes.WebSocket, code: number, reason: string): void {
    this.#trafficOf(socket).isClosed = true
    socket.close(code, reason)
  }

  /** The frames to pass on to LiveStore. Closes the socket of a client that names another store. */
  #admitted(socket: CfTypes.WebSocket, frame: string | ArrayBuffer): Effect.Effect<ReadonlyArray<string>> {
    const traffic = this.#trafficOf(socket)
    const close = (code: number, reason: string) => {
      this.#close(socket, code, reason)
      return []
    }
    const admit = (connection: Connection, received: Received) => this.#admit(socket, connection, received)
    return Effect.gen(function* () {
      yield* traffic.turn
      if (traffic.isClosed) return []
      const text = typeof frame === "string" ? frame : decoder.decode(frame)
      if (text.length > maxFrameLength) return close(tooBig, "frame too large")
      const connection = connectionOf(socket.deserializeAttachment())
      const messages = yield* messagesOf(text)
      const isOwn =
        Option.isSome(connection) &&
        Option.isSome(messages) &&
        (yield* Effect.every(messages.value, ({ message }) => isOwnMessage(connection.value, message)))
      if (!isOwn) return close(policyViolation, "not the store or payload of this connection")
      const admitted: Array<Received> = []
      for (const received of messages.value) {
        if (yield* admit(connection.value, received)) admitted.push(received)
      }
      return admitted.length === messages.value.length
        ? [text]
        : admitted.map(({ json }) => JSON.stringify(json))
    })
  }

  /** Whether LiveStore is to handle the message; one that it must not has its answer. */
  #admit(
    socket: CfTypes.WebSocket,
    { principal }: Connection,
    { message }: Received
  ): Effect.Effect<boolean> {
    const { pulls, pullTurn } = this.#trafficOf(socket)
    if (message._tag === "Interrupt") pulls.delete(message.requestId)
    if (message._tag !== "Request") return Effect.succeed(true)
    if (message.tag === "SyncWsRpc.Push") {
      const gap = gapOf(message)
      if (Option.isSome(gap)) socket.send(serverAhead(message.id, gap.value))
      return Effect.succeed(Option.isNone(gap))
    }
    // Those of before the object hibernated are known from the attachment alone.
    const inFlight = new Set([...pulls, ...pullsInFlight(socket.deserializeAttachment())])
    if (inFlight.size >= Traffic.MAX_PULLS_IN_FLIGHT || inFlight.has(message.id)) {
      socket.send(refused(message.id, "too many pulls in flight on this connection"))
      return Effect.succeed(false)
    }
    pulls.add(message.id)
    const userTurn = principal.kind === "user" ? this.#userPulls.turn(principal.userId) : Effect.void
    return Effect.as(Effect.zipRight(pullTurn, userTurn), true)
  }

  /** A removed member loses the connection; one whose membership cannot be asked keeps it for a bounded time. */
  #recheck(userId: string, theirs: ReadonlyArray<UserSocket>): Effect.Effect<void> {
    const env = this.#env
    return Effect.gen(function* () {
      // All sockets of one object belong to one store.
      const storeId = theirs[0]?.storeId ?? ""
      const isMember = yield* isMemberNow(env, userId, storeId).pipe(Effect.option)
      const now = yield* Clock.currentTimeMillis
      for (const { confirmedAt, socket } of theirs) {
        if (Option.contains(isMember, true)) {
          // Read again: LiveStore may have written to it since.
          const attachment = confirmedAttachment(socket.deserializeAttachment(), now)
          if (Option.isSome(attachment)) socket.serializeAttachment(attachment.value)
        } else if (Option.isSome(isMember) || now - confirmedAt > maxUnconfirmedMs) {
          socket.close(notAMember, "not a member of this workspace")
        }
      }
    })
  }

  #armRecheck(): Effect.Effect<void> {
    const recheckMs = recheckMsOf(this.#env)
    const state = this.#state
    return Effect.gen(function* () {
      const hasUsers = state.getWebSockets().some((socket) => Option.isSome(userSocketOf(socket)))
      if (!hasUsers) return
      const armed = yield* Effect.promise(() => state.storage.getAlarm())
      if (armed !== null) return
      const now = yield* Clock.currentTimeMillis
      yield* Effect.promise(() => state.storage.setAlarm(now + recheckMs))
    })
  }
}
