import * as Effect from "effect/Effect"
import { Waiters } from "./internal/Waiters.ts"

/**
 * Lets timers, sockets and everything else that waits have its turn. Fibers yield to each other but not to those: whoever
 * goes over a whole set calls this now and then, or a set of 100,000 is one long stall.
 */
export const letTurn: Effect.Effect<void> = Effect.async<void>((resume) => {
  const immediate = setImmediate(() => resume(Effect.void))
  return Effect.sync(() => clearImmediate(immediate))
})

/**
 * Turns of the event loop for fibers that work side by side: after so many steps of all of them together, each waits for
 * the same turn. (With a turn for each, the first to come back would work on before the second does, and so on: the loop
 * would turn once in that many steps of each.) `step` counts one, and answers what to wait for before the next, if anything.
 */
export const makeTurns = (stepsPerTurn: number): { readonly step: () => Effect.Effect<void> | undefined } => {
  const waiting = new Waiters()
  let steps = 0
  let isTurning = false
  const turned = (): void => {
    isTurning = false
    steps = 0
    waiting.wake()
  }
  const turn = Effect.suspend(() => {
    if (!isTurning) {
      isTurning = true
      setImmediate(turned)
    }
    return waiting.wait(() => isTurning)
  })
  return { step: () => (++steps < stepsPerTurn ? undefined : turn) }
}
