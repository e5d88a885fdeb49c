/**
 * Refuses what comes too often, from each source by itself. Never waits: whoever is refused is told when to come back.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { monotonicMs } from "../controller/Elapsed.ts"
import * as TokenBucket from "./TokenBucket.ts"

/** So many in a window, as a burst; and the same number spread over each window to come, for ever. */
export interface Rate {
  readonly count: number
  readonly windowMs: number
}

export interface Options {
  readonly rate: Rate
  /** Sources that are told apart; the one that was heard of longest ago is forgotten first. Defaults to 10,000. */
  readonly capacity?: number
}

/** How much of the allowance is used, by the source that has used most of it. Times in epoch milliseconds. */
export interface Usage {
  readonly limit: number
  readonly windowMs: number
  readonly used: number
  /** When nothing will be used any more if nothing comes. */
  readonly resetAt: number
  /** Null if nothing is used. */
  readonly busiest: string | null
  /** Sources that have used some of theirs. */
  readonly sources: number
  /** Since the start. */
  readonly rejected: number
}

export interface RateLimiter {
  /** Takes one for this source: 0, or the milliseconds until it may come back. */
  readonly take: (source: string) => Effect.Effect<number>
  readonly usage: Effect.Effect<Usage>
}

const DEFAULT_CAPACITY = 10_000

/** `onRejected` hears of each refusal. Synchronous; must not throw. */
export const make = (
  { capacity = DEFAULT_CAPACITY, rate: { count, windowMs } }: Options,
  onRejected: () => void = () => undefined
): RateLimiter => {
  const bucketOptions = { burst: count, perSecond: (count * 1_000) / windowMs }
  // In the order in which they were heard of, so that memory is bounded however many there are.
  const buckets = new Map<string, TokenBucket.TokenBucket>()
  let rejected = 0

  const bucketOf = (source: string): TokenBucket.TokenBucket => {
    const bucket = buckets.get(source) ?? TokenBucket.make(bucketOptions)
    buckets.delete(source)
    buckets.set(source, bucket)
    if (buckets.size > capacity) {
      for (const oldest of buckets.keys()) {
        buckets.delete(oldest)
        break
      }
    }
    return bucket
  }
  const counted = (waitMs: number): void => {
    if (waitMs === 0) return
    rejected++
    onRejected()
  }

  return {
    take: (source) =>
      Effect.tap(
        Effect.suspend(() => bucketOf(source).take),
        (waitMs) => counted(waitMs)
      ),
    usage: Effect.map(Effect.all([Clock.currentTimeMillis, monotonicMs]), ([now, at]) => {
      let used = 0
      let busiest: string | null = null
      let sources = 0
      for (const [source, bucket] of buckets) {
        const usedHere = bucket.used(at)
        if (usedHere > 0) sources++
        if (usedHere <= used) continue
        used = usedHere
        busiest = source
      }
      const resetAt = now + Math.ceil((used * windowMs) / count)
      return { limit: count, windowMs, used: Math.ceil(used), resetAt, busiest, sources, rejected }
    })
  }
}
