/**
 * Admits a steady rate with bursts.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"

export interface Options {
  /** How many are admitted at once at most. */
  readonly burst: number
  /** How many are admitted a second for ever. */
  readonly perSecond: number
}

export interface TokenBucket {
  /** Takes one token: 0, or the milliseconds until there is one. Never waits. */
  readonly take: Effect.Effect<number>
}

export const make = ({ burst, perSecond }: Options): TokenBucket => {
  let tokens = burst
  let refilledAt: number | undefined
  return {
    take: Effect.map(Clock.currentTimeMillis, (now) => {
      const elapsedMs = Math.max(0, now - (refilledAt ?? now))
      refilledAt = now
      tokens = Math.min(burst, tokens + (elapsedMs * perSecond) / 1_000)
      if (tokens < 1) return Math.ceil(((1 - tokens) * 1_000) / perSecond)
      tokens -= 1
      return 0
    })
  }
}
