import * as Effect from "effect/Effect"

/**
 * Lets timers, sockets and everything else that waits have its turn. Fibers yield to each other but not to those: whoever
 * goes over a whole set calls this now and then, or a set of 100,000 is one long stall.
 */
export const letTurn: Effect.Effect<void> = Effect.async<void>((resume) => {
  const immediate = setImmediate(() => resume(Effect.void))
  return Effect.sync(() => clearImmediate(immediate))
})
