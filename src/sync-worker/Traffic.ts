/**
 * How much one client may ask of a workspace's Durable Object. All objects of a Worker may share one thread, and a pull of
 * 1,000 events keeps it busy for a third of a second (measured): without bounds, one member with one socket stops every
 * workspace.
 */
import * as Effect from "effect/Effect"
import * as TokenBucket from "../http/TokenBucket.ts"

/**
 * Pulls in flight on one connection. LiveStore has one, and two for the moment in which it gives one up for another; a
 * live pull is in flight until its client interrupts it.
 */
export const MAX_PULLS_IN_FLIGHT = 4
/** Pulls that one user begins at once, on all connections together, and how many a second from then on. The rest wait. */
const PULLS_OF_USER = { burst: 8, perSecond: 0.5 }
/** The same for each connection: of the server, that is, which connects once for each of its replicas. */
const PULLS_OF_CONNECTION = { burst: 4, perSecond: 0.5 }
/** The same for frames of one connection: an acknowledgement for each page of a pull, and a push at a time. */
const FRAMES = { burst: 400, perSecond: 200 }
/** Frames of one connection that wait their turn. Beyond it the client does not listen to back-pressure. */
const MAX_WAITING_FRAMES = 200
/** And their sum, in UTF-16 units or bytes: some frames of LiveStore's greatest size. */
const MAX_WAITING_SIZE = 8 * 1_048_576
/** Users remembered by one object; the longest remembered goes first. */
const MAX_USERS = 1_000

const throttle = (bucket: TokenBucket.TokenBucket): Effect.Effect<void> =>
  Effect.flatMap(bucket.take, (waitMs) =>
    waitMs === 0 ? Effect.void : Effect.zipRight(Effect.sleep(waitMs), throttle(bucket))
  )

/** The frames of one connection: how many wait, and how fast they are taken. */
export class Connection {
  readonly #frames = TokenBucket.make(FRAMES)
  readonly #pulls = TokenBucket.make(PULLS_OF_CONNECTION)
  #waiting = 0
  #waitingSize = 0
  isClosed = false
  /** The pulls that were passed on: LiveStore notes them at the socket a moment later. */
  readonly pulls = new Set<string>()

  /** Whether one more frame may wait its turn. Each that may is to be let go of by `done`. */
  begin(size: number): boolean {
    if (this.#waiting >= MAX_WAITING_FRAMES || this.#waitingSize + size > MAX_WAITING_SIZE) return false
    this.#waiting += 1
    this.#waitingSize += size
    return true
  }

  done(size: number): void {
    this.#waiting -= 1
    this.#waitingSize -= size
  }

  /** Returns when the next frame may be handled. */
  readonly turn: Effect.Effect<void> = Effect.suspend(() => throttle(this.#frames))

  /** Returns when the connection may begin one more pull. */
  readonly pullTurn: Effect.Effect<void> = Effect.suspend(() => throttle(this.#pulls))
}

/** The pulls of each user. */
export class UserPulls {
  readonly #users = new Map<string, TokenBucket.TokenBucket>()

  /** Returns when the user may begin one more pull. */
  turn(user: string): Effect.Effect<void> {
    return Effect.suspend(() => {
      const bucket = this.#users.get(user) ?? TokenBucket.make(PULLS_OF_USER)
      this.#users.delete(user)
      this.#users.set(user, bucket)
      for (const oldest of this.#users.keys()) {
        if (this.#users.size <= MAX_USERS) break
        this.#users.delete(oldest)
      }
      return throttle(bucket)
    })
  }
}
