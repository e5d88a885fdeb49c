import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Runtime from "effect/Runtime"

/**
 * Forks a fiber that runs at once until it first has to wait, in the caller's context and no more interruptible than the
 * caller is here. What has nothing to wait for has ended when this answers (`unsafePoll`), and needs no timer and nobody
 * to wait for it: a timeout around each opening costs more than the opening of a store in memory.
 *
 * The fiber is nobody's child: whoever starts it also interrupts it.
 */
export const startNow = <A, E, R>(
  effect: Effect.Effect<A, E, R>
): Effect.Effect<Fiber.RuntimeFiber<A, E>, never, R> =>
  Effect.map(Effect.runtime<R>(), (runtime) => Runtime.runFork(runtime, effect))
