import * as Option from "effect/Option"

/** The backoff stops growing here: an hour. */
const maxBackoffMs = 3_600_000

/** Doubles from `baseMs` with every failed attempt, to an hour. */
export const backoffMs = (baseMs: number, failedAttempts: number): number =>
  Math.min(maxBackoffMs, baseMs * 2 ** (failedAttempts - 1))

/** `Retry-After` in milliseconds from now: seconds, or an HTTP date. */
export const parseRetryAfter = (header: string | null, now: number): Option.Option<number> => {
  if (header === null) return Option.none()
  const text = header.trim()
  const at = /^\d{1,9}$/.test(text) ? now + Number(text) * 1_000 : Date.parse(text)
  return Number.isNaN(at) ? Option.none() : Option.some(Math.max(0, at - now))
}
