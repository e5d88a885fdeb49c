/**
 * What the source of truth lets itself be asked. Existing Auth Workers take 60 requests a minute and address and answer 429
 * beyond; others say their limit in headers. The budget is learned from both and spent smoothly: the first half of a
 * window freely, so that a single nudge waits for nothing, the rest in equal steps, so that the last request of the window is
 * still there when the next nudge comes.
 */

/** Requests that a source takes within a window. */
interface Limit {
  readonly requests: number
  readonly windowMs: number
}

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | undefined>>
}

export interface Budget {
  /** A request is sent. Times are milliseconds of a clock that only goes forward. */
  readonly spend: (now: number) => void
  /** Learns from an answer. `epochMs` is the wall clock, by which some sources say when their window ends. */
  readonly learn: (answer: Answer, now: number, epochMs: number) => void
  /** How long the next request should wait; 0: not at all. `assumed` is the limit of a source that has told none. */
  readonly waitMs: (now: number, assumed: "plain-list" | "none") => number
}

/** What existing Auth Workers allow (wire contract, section 1). */
const PLAIN_LIST: Limit = { requests: 60, windowMs: 60_000 }
/** What is left for the resync, for people, and for a window that is counted otherwise than here. */
const HEADROOM = 0.05
/** Up to this share of the window's requests nothing waits. */
const FREE_SHARE = 0.5
/** A limit that a 429 has shown, and one of headers, is believed for so long. */
const BELIEVED_MS = 600_000
/** A 429 that says nothing else: nothing is asked for so long. */
const BLIND_PAUSE_MS = 5_000
/** More requests than this within a window are counted as so many. */
const MAX_COUNTED = 10_000
const MAX_WINDOW_MS = 3_600_000
/** A reset beyond this is a time since the epoch and no number of seconds. */
const EPOCH_SECONDS_FROM = 1_000_000_000

const wholeNumber = (text: string | undefined): number | undefined =>
  text !== undefined && /^\s*\d{1,12}(\.\d+)?\s*$/.test(text) ? Number(text) : undefined

/** A parameter of a structured header, such as `r` in `"default";r=50;t=30` or `remaining` in `limit=60, remaining=10`. */
const parameter = (header: string | undefined, name: string): number | undefined =>
  wholeNumber(new RegExp(`(?:^|[;,\\s])${name}\\s*=\\s*(\\d{1,12})`).exec(header ?? "")?.[1])

interface Told {
  readonly limit: number | undefined
  readonly remaining: number | undefined
  readonly resetMs: number | undefined
  readonly windowMs: number | undefined
}

/** The draft's headers in its several forms, and their `X-` forefathers. */
export const toldBy = (headers: Answer["headers"], epochMs: number): Told => {
  const combined = headers["ratelimit"]
  const policy = headers["ratelimit-policy"]
  const reset =
    parameter(combined, "t") ??
    parameter(combined, "reset") ??
    wholeNumber(headers["ratelimit-reset"]) ??
    wholeNumber(headers["x-ratelimit-reset"])
  const resetMs =
    reset === undefined
      ? undefined
      : reset >= EPOCH_SECONDS_FROM * 1_000
        ? reset - epochMs
        : reset >= EPOCH_SECONDS_FROM
          ? reset * 1_000 - epochMs
          : reset * 1_000
  const windowSeconds = parameter(policy, "w")
  return {
    limit:
      parameter(policy, "q") ??
      parameter(combined, "limit") ??
      wholeNumber(headers["ratelimit-limit"]?.split(",")[0]) ??
      wholeNumber(headers["x-ratelimit-limit"]),
    remaining:
      parameter(combined, "r") ??
      parameter(combined, "remaining") ??
      wholeNumber(headers["ratelimit-remaining"]) ??
      wholeNumber(headers["x-ratelimit-remaining"]),
    resetMs: resetMs === undefined ? undefined : Math.min(MAX_WINDOW_MS, Math.max(0, resetMs)),
    windowMs: windowSeconds === undefined ? undefined : Math.min(MAX_WINDOW_MS, windowSeconds * 1_000)
  }
}

export const make = (): Budget => {
  /** When the requests of the last window were sent, oldest first. */
  let sent: Array<number> = []
  let learned: (Limit & { readonly until: number }) | undefined
  let closedUntil = -Infinity
  /** What the source says is left of its own window, which others may spend too. */
  let left: { readonly requests: number; readonly until: number } | undefined

  const forget = (now: number, windowMs: number): void => {
    const first = sent.findIndex((at) => at > now - windowMs)
    sent = first === -1 ? [] : first === 0 ? sent : sent.slice(first)
  }

  return {
    spend: (now) => {
      sent.push(now)
      if (sent.length > MAX_COUNTED) sent.shift()
      if (left !== undefined) left = { ...left, requests: left.requests - 1 }
    },
    learn: ({ headers, status }, now, epochMs) => {
      const told = toldBy(headers, epochMs)
      const windowMs = Math.max(1_000, told.windowMs ?? PLAIN_LIST.windowMs)
      if (told.limit !== undefined && told.limit >= 1) {
        learned = { requests: told.limit, windowMs, until: now + BELIEVED_MS }
      }
      if (told.remaining !== undefined && told.resetMs !== undefined) {
        left = { requests: told.remaining, until: now + told.resetMs }
      }
      if (status !== 429) return
      forget(now, windowMs)
      // What was too much is known, what is allowed is not: a little less than what has just been refused.
      if (told.limit === undefined) {
        learned = { requests: Math.max(2, sent.length - 1), windowMs, until: now + BELIEVED_MS }
      }
      closedUntil = now + (told.resetMs ?? BLIND_PAUSE_MS)
    },
    waitMs: (now, assumed) => {
      if (learned !== undefined && learned.until <= now) learned = undefined
      if (left !== undefined && left.until <= now) left = undefined
      const limit = learned ?? (assumed === "plain-list" ? PLAIN_LIST : undefined)
      let at = Math.max(now, closedUntil)
      if (left !== undefined && left.requests <= 0) at = Math.max(at, left.until)
      if (limit === undefined) return at - now
      forget(now, limit.windowMs)
      const usable = Math.max(1, Math.floor(limit.requests * (1 - HEADROOM)))
      const [oldest = now] = sent
      const newest = sent.at(-1) ?? -Infinity
      const windowEnds = oldest + limit.windowMs
      const remaining = Math.min(usable - sent.length, left?.requests ?? Infinity)
      if (remaining <= 0) return Math.max(at, windowEnds) - now
      if (sent.length < usable * FREE_SHARE) return at - now
      return Math.max(at, newest + (windowEnds - now) / remaining) - now
    }
  }
}
