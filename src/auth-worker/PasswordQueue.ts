import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { ApiError } from "./ApiError.ts"

/** Passwords that are checked at the same time by one isolate: each takes a tenth of a second of its only thread. */
const maxRunning = 2
/** Log-ins that wait: of one account from one address, and of one address. */
const maxWaitingOfAccount = 4
const maxWaitingOfAddress = 64
/** Between two guesses at one account from an address that has failed too often, in milliseconds. */
export const slowGuessMs = 500
/** How often a waiting log-in looks whether it is its turn, in milliseconds. It may not be woken by another request. */
const pollMs = 10
/** Lanes remembered with the time of their last guess. */
const maxLanes = 10_000

/**
 * Where log-ins wait for their turn. A right password always gets its turn: who has failed too often is made slower, not
 * refused, and only a full queue of one account from one address, or of one address, refuses.
 */
export class PasswordQueue extends Context.Tag("auth-worker/PasswordQueue")<
  PasswordQueue,
  {
    readonly inTurn: <A, E, R>(
      of: { readonly address: string; readonly account: string; readonly slow: boolean },
      check: Effect.Effect<A, E, R>
    ) => Effect.Effect<A, E | ApiError, R>
  }
>() {}

interface Lane {
  /** In the order in which they came; the first is next, or runs. */
  readonly tickets: Array<symbol>
  lastAt: number
}

const tooMany = new ApiError({
  code: "RATE_LIMITED",
  message: "Too many log-ins at the same time: try again.",
  retryAfterSeconds: 1
})

export const make = (): Context.Tag.Service<PasswordQueue> => {
  const lanes = new Map<string, Lane>()
  const waitingOf = new Map<string, number>()
  let running = 0

  const laneOf = (key: string): Lane => {
    const lane = lanes.get(key) ?? { tickets: [], lastAt: -Infinity }
    lanes.delete(key)
    lanes.set(key, lane)
    for (const [oldest, { tickets }] of lanes) {
      if (lanes.size <= maxLanes) break
      if (tickets.length === 0) lanes.delete(oldest)
    }
    return lane
  }
  const countWaiting = (address: string, by: 1 | -1): void => {
    const next = (waitingOf.get(address) ?? 0) + by
    if (next === 0) waitingOf.delete(address)
    else waitingOf.set(address, next)
  }

  return {
    inTurn: <A, E, R>(
      {
        account,
        address,
        slow
      }: { readonly address: string; readonly account: string; readonly slow: boolean },
      check: Effect.Effect<A, E, R>
    ) =>
      Effect.suspend((): Effect.Effect<A, E | ApiError, R> => {
        const lane = laneOf(`${address} ${account}`)
        const isFull =
          lane.tickets.length > maxWaitingOfAccount || (waitingOf.get(address) ?? 0) >= maxWaitingOfAddress
        if (isFull) return Effect.fail(tooMany)
        const ticket = Symbol()
        lane.tickets.push(ticket)
        countWaiting(address, 1)
        let isRunning = false
        const turn = Effect.gen(function* () {
          for (;;) {
            const now = yield* Clock.currentTimeMillis
            // workerd has no other clock. One that was set back ends the wait.
            const isPaced = !slow || now >= lane.lastAt + slowGuessMs || now < lane.lastAt
            if (lane.tickets[0] === ticket && isPaced && running < maxRunning) break
            yield* Effect.sleep(pollMs)
          }
          running++
          isRunning = true
          lane.lastAt = yield* Clock.currentTimeMillis
        })
        return Effect.zipRight(turn, check).pipe(
          Effect.ensuring(
            Effect.sync(() => {
              if (isRunning) running--
              lane.tickets.splice(lane.tickets.indexOf(ticket), 1)
              countWaiting(address, -1)
            })
          )
        )
      })
  }
}
