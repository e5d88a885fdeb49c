import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { ApiError } from "./ApiError.ts"

/** Callers remembered at a time; the one unseen for longest is forgotten first. */
const maxCallers = 10_000

/**
 * Keeps one caller from using up what is everybody's. Each isolate counts for itself, so that counting costs no round trip: the
 * true bound is the limit times the isolates that a caller reaches. What must hold exactly (quota, failed log-ins) is
 * counted in the registry.
 */
export class RateLimits extends Context.Tag("auth-worker/RateLimits")<
  RateLimits,
  {
    /** Takes one of a caller's requests; RATE_LIMITED with the seconds to wait when none is left. */
    readonly take: (caller: string, perMinute: number) => Effect.Effect<void, ApiError>
  }
>() {}

interface Bucket {
  readonly tokens: number
  readonly at: number
}

export const make = (): Context.Tag.Service<RateLimits> => {
  const buckets = new Map<string, Bucket>()
  return {
    take: (caller, perMinute) =>
      Effect.gen(function* () {
        const now = yield* Clock.currentTimeMillis
        const known = buckets.get(caller) ?? { tokens: perMinute, at: now }
        const tokens = Math.min(perMinute, known.tokens + ((now - known.at) / 60_000) * perMinute)
        // Put back at the end: a Map's order is then that of last use.
        buckets.delete(caller)
        buckets.set(caller, { tokens: Math.max(0, tokens - 1), at: now })
        for (const oldest of buckets.keys()) {
          if (buckets.size <= maxCallers) break
          buckets.delete(oldest)
        }
        if (tokens >= 1) return
        return yield* new ApiError({
          code: "RATE_LIMITED",
          message: "Too many requests: try again later.",
          retryAfterSeconds: Math.max(1, Math.ceil(((1 - tokens) / perMinute) * 60))
        })
      })
  }
}
