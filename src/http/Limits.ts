/**
 * The server's rate limits, one for each class of requests, and what operators read of them.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { counters, gauges } from "../telemetry/Metrics.ts"
import { sourceOf } from "./IpList.ts"
import * as RateLimiter from "./RateLimiter.ts"
import { Refusal } from "./Refusal.ts"

/** What is limited, as metrics, `GET /limits` and the refusals name it. */
export const limiterNames = [
  "webhook",
  "webhook-source",
  "admin",
  "read",
  "webhook-auth-failure",
  "admin-auth-failure",
  "chatops-auth-failure"
] as const
export type LimiterName = (typeof limiterNames)[number]

export interface Options {
  /** Of all senders together, and authenticated. */
  readonly webhook: RateLimiter.Rate
  /** Of one address, as those below. */
  readonly webhookSource: RateLimiter.Rate
  readonly admin: RateLimiter.Rate
  readonly read: RateLimiter.Rate
  /** Of wrong tokens, of wrong proofs of webhooks, and of wrong signatures of a chat, each by itself: of failures alone. */
  readonly authFailure: RateLimiter.Rate
}

/** How much of one limit is used. Times are ISO 8601. */
export interface LimitView {
  readonly limiter: LimiterName
  /** Whether each address has an allowance of its own: then the figures are of the one that has used most of it. */
  readonly perSource: boolean
  readonly limit: number
  readonly windowMs: number
  readonly used: number
  readonly resetAt: string
  readonly busiestSource: string | null
  readonly sources: number
  readonly rejected: number
}

export class Limits extends Context.Tag("workspace-orchestrator/http/Limits")<
  Limits,
  {
    /** Takes one of the limiter's allowance for this address: 0, or the milliseconds until there is one again. */
    readonly take: (limiter: LimiterName, address: string) => Effect.Effect<number>
    /**
     * The same for a sender who has proved who it is. It has an allowance of its own, so that what strangers send from the
     * same address cannot use it up.
     */
    readonly takeProven: (limiter: LimiterName, address: string) => Effect.Effect<number>
    readonly views: Effect.Effect<ReadonlyArray<LimitView>>
    /** Takes the gauges as of now. */
    readonly measure: Effect.Effect<void>
  }
>() {}

/** Behind the address of a proven sender, in the views: a space is in no address. */
const PROVEN = " (proven)"

/** All senders of webhooks share this one. */
const SHARED: ReadonlySet<LimiterName> = new Set(["webhook"])

const rejected = counters(
  "wso_ratelimit_rejected_total",
  "Requests that were refused because they came too often",
  ["limiter"]
)
const ratio = gauges(
  "wso_ratelimit_used_ratio",
  "Part of the allowance that is used, by the address that has used most of it",
  ["limiter"]
)

const make = (options: Options): typeof Limits.Service => {
  const rates: Readonly<Record<LimiterName, RateLimiter.Rate>> = {
    webhook: options.webhook,
    "webhook-source": options.webhookSource,
    admin: options.admin,
    read: options.read,
    "webhook-auth-failure": options.authFailure,
    "admin-auth-failure": options.authFailure,
    "chatops-auth-failure": options.authFailure
  }
  const limiters = new Map(
    limiterNames.map((name) => {
      const counter = rejected(name)
      return [name, RateLimiter.make({ rate: rates[name] }, () => counter.add())] as const
    })
  )
  const taken = (name: LimiterName, source: string): Effect.Effect<number> =>
    limiters.get(name)?.take(SHARED.has(name) ? "all" : source) ?? Effect.succeed(0)
  const usages = Effect.forEach(limiters, ([name, { usage }]) =>
    Effect.map(usage, (used) => [name, used] as const)
  )
  return {
    take: (name, address) => taken(name, sourceOf(address)),
    takeProven: (name, address) => taken(name, `${sourceOf(address)}${PROVEN}`),
    views: Effect.map(usages, (all) =>
      all.map(([limiter, { busiest, resetAt, ...usage }]) => {
        const perSource = !SHARED.has(limiter)
        return {
          limiter,
          perSource,
          ...usage,
          resetAt: new Date(resetAt).toISOString(),
          busiestSource: perSource ? busiest : null
        }
      })
    ),
    measure: Effect.map(usages, (all) => {
      for (const [name, { limit, used }] of all) ratio(name).set(used / limit)
    })
  }
}

export const layer = (options: Options): Layer.Layer<Limits> => Layer.sync(Limits, () => make(options))

/** The refusal of a request that comes too often; `what` is the plural of what is limited. */
export const tooMany = (code: string, what: string, retryAfterMs: number): Refusal =>
  new Refusal({
    status: 429,
    code,
    message: `Too many ${what}.`,
    retryAfterSeconds: Math.max(1, retryAfterMs / 1_000),
    details: { retryAfterMs }
  })
