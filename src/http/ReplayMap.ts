/**
 * Does what a message asks for once, however often the message is delivered.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import { monotonicMs } from "../controller/Elapsed.ts"

export interface Options {
  /** How long a message is remembered. Defaults to ten minutes: twice the window of a signed timestamp. */
  readonly ttlMs?: number
  /** How many are remembered at most; the oldest is forgotten first. Defaults to 10,000. */
  readonly capacity?: number
}

export interface Replayed<A> {
  readonly outcome: A
  /** False if another delivery of the message has brought the outcome about. */
  readonly isFirst: boolean
}

export interface ReplayMap<A> {
  /**
   * Runs the effect unless one has run under this id; then answers with that one's outcome, waiting for it if it is
   * still running. An effect that fails or is interrupted is forgotten: one of those that wait runs its own.
   */
  readonly once: <E, R>(id: string, effect: Effect.Effect<A, E, R>) => Effect.Effect<Replayed<A>, E, R>
}

interface Entry<A> {
  readonly outcome: Deferred.Deferred<Option.Option<A>>
  readonly expiresAt: number
}

export const make = <A>({ capacity = 10_000, ttlMs = 600_000 }: Options = {}): ReplayMap<A> => {
  // In the order of insertion, which is the order of expiry.
  const entries = new Map<string, Entry<A>>()

  const forgetOld = (now: number) => {
    for (const [id, { expiresAt }] of entries) {
      if (expiresAt > now && entries.size < capacity) return
      entries.delete(id)
    }
  }

  const once = <E, R>(id: string, effect: Effect.Effect<A, E, R>): Effect.Effect<Replayed<A>, E, R> =>
    Effect.uninterruptibleMask((restore) =>
      Effect.gen(function* () {
        const now = yield* monotonicMs
        const known = entries.get(id)
        if (known !== undefined && known.expiresAt > now) {
          const outcome = yield* restore(Deferred.await(known.outcome))
          return Option.isSome(outcome)
            ? { outcome: outcome.value, isFirst: false }
            : yield* restore(once(id, effect))
        }
        const outcome = yield* Deferred.make<Option.Option<A>>()
        const entry = { outcome, expiresAt: now + ttlMs }
        entries.delete(id)
        forgetOld(now)
        entries.set(id, entry)
        const exit = yield* Effect.exit(restore(effect))
        if (Exit.isFailure(exit) && entries.get(id) === entry) entries.delete(id)
        yield* Deferred.succeed(outcome, Exit.isSuccess(exit) ? Option.some(exit.value) : Option.none())
        return { outcome: yield* exit, isFirst: true }
      })
    )

  return { once }
}
