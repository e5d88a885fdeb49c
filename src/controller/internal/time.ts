import type * as Clock from "effect/Clock"

/**
 * The longest sleep that is asked of a clock: timers of JavaScript overflow beyond 2^31 ms and then never fire. Who
 * sleeps longer wakes up, looks, and sleeps again.
 */
export const MAX_SLEEP_MS = 86_400_000

/** Milliseconds on a clock that only goes forward, so that a corrected wall clock neither cuts a delay nor extends it. */
export const monotonicMs = (clock: Clock.Clock): number => Number(clock.unsafeCurrentTimeNanos()) / 1_000_000

/** The epoch milliseconds, on the wall clock as it stands now, of a time of `monotonicMs`. */
export const epochMs = (clock: Clock.Clock, monotonic: number): number =>
  Math.round(clock.unsafeCurrentTimeMillis() + monotonic - monotonicMs(clock))
