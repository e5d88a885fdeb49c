/**
 * Admits a steady rate with bursts.
 */
import * as Effect from "effect/Effect"
import { monotonicMs } from "../controller/Elapsed.ts"

export interface Options {
  /** How many are admitted at once at most. */
  readonly burst: number
  /** How many are admitted a second for ever. */
  readonly perSecond: number
}

export interface TokenBucket {
  /** Takes one token: 0, or the milliseconds until there is one. Never waits. */
  readonly take: Effect.Effect<number>
  /** As `take`, without taking. */
  readonly peek: Effect.Effect<number>
  /** How many tokens are taken out of it and have not come back, as of a time of the monotonic clock. */
  readonly used: (now: number) => number
}

export const make = ({ burst, perSecond }: Options): TokenBucket => {
  let tokens = burst
  let refilledAt: number | undefined
  const refill = (now: number): void => {
    const elapsedMs = Math.max(0, now - (refilledAt ?? now))
    refilledAt = now
    tokens = Math.min(burst, tokens + (elapsedMs * perSecond) / 1_000)
  }
  const missingMs = (): number => (tokens < 1 ? Math.ceil(((1 - tokens) * 1_000) / perSecond) : 0)
  const peek = Effect.map(monotonicMs, (now) => {
    refill(now)
    return missingMs()
  })
  return {
    peek,
    take: Effect.map(peek, (waitMs) => {
      if (waitMs === 0) tokens -= 1
      return waitMs
    }),
    used: (now) => {
      refill(now)
      return burst - tokens
    }
  }
}
