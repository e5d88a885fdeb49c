/**
 * One run for all who ask for the same thing at the same time.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FiberId from "effect/FiberId"
import type * as Scope from "effect/Scope"

/**
 * The effect, of which at most one run is under way: calls meanwhile share it and its outcome, and a call after it begins
 * another. It runs in the scope in which this is made, so that whoever asked first and goes away ends nothing for others.
 */
export const make = <A, E>(
  effect: Effect.Effect<A, E>
): Effect.Effect<Effect.Effect<A, E>, never, Scope.Scope> =>
  Effect.map(Effect.scope, (scope) => {
    let running: Deferred.Deferred<A, E> | undefined
    // Interrupted between the two, it would be a run that never begins, and that everybody waits for.
    return Effect.uninterruptibleMask((restore) => {
      if (running !== undefined) return restore(Deferred.await(running))
      const outcome = Deferred.unsafeMake<A, E>(FiberId.none)
      running = outcome
      const run = Effect.zipRight(
        // Only this can be interrupted: whoever waits hears of it.
        Effect.intoDeferred(Effect.interruptible(effect), outcome),
        Effect.sync(() => {
          running = undefined
        })
      )
      return Effect.zipRight(Effect.forkIn(run, scope), restore(Deferred.await(outcome)))
    })
  })
