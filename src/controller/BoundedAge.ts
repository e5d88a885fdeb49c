/**
 * One computation for all who ask within a bounded time: what costs too much to compute for everybody who asks.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { monotonicMs } from "./internal/time.ts"
import * as SingleFlight from "./SingleFlight.ts"

export interface BoundedAge<A, E> {
  /** Computes it now, or shares the computation that is under way. */
  readonly now: Effect.Effect<A, E>
  /** The newest result, if it is younger than the bound; else as `now`. */
  readonly recent: Effect.Effect<A, E>
}

/** `maxAgeMs` is counted on a clock that only goes forward: a wall clock that is set back must not keep an old result. */
export const make = <A, E>(
  effect: Effect.Effect<A, E>,
  maxAgeMs: number
): Effect.Effect<BoundedAge<A, E>, never, Scope.Scope> =>
  Effect.gen(function* () {
    const clock = yield* Effect.clock
    let newest: { readonly value: A; readonly at: number } | undefined
    const now = yield* SingleFlight.make(
      Effect.tap(effect, (value) =>
        Effect.sync(() => {
          newest = { value, at: monotonicMs(clock) }
        })
      )
    )
    const recent = Effect.suspend(() =>
      newest !== undefined && monotonicMs(clock) - newest.at < maxAgeMs ? Effect.succeed(newest.value) : now
    )
    return { now, recent }
  })
