/**
 * Elapsed time, and deadlines that are stored. The wall clock only says when something happened: it may be set, back and
 * forth, so the difference of two of its readings is no duration.
 *
 * Within a process time is measured on Effect's monotonic clock (`currentTimeNanos`; Node's is `process.hrtime`). What
 * outlives the process is stored as its start and its duration, and a start in the future counts as long past: it was noted
 * before the clock was set back.
 */
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { monotonicMs as monotonicOf } from "./internal/time.ts"

/** Milliseconds, with a fraction, on a clock that only goes forward; comparable within one process only. */
export const monotonicMs: Effect.Effect<number> = Effect.map(Effect.clock, monotonicOf)

/** The same for code that has the clock already. */
export const monotonicMsOf: (clock: Clock.Clock) => number = monotonicOf

/** Starts now; the effect that it makes tells the milliseconds since then, never less than 0, with a fraction. */
export const stopwatch: Effect.Effect<Effect.Effect<number>> = Effect.map(Effect.clock, (clock) => {
  const begunAt = monotonicOf(clock)
  return Effect.sync(() => Math.max(0, monotonicOf(clock) - begunAt))
})

/** Runs the effect and says how long it took, in whole milliseconds. */
export const timed = <A, E, R>(
  effect: Effect.Effect<A, E, R>
): Effect.Effect<readonly [durationMs: number, result: A], E, R> =>
  Effect.flatMap(stopwatch, (elapsedMs) =>
    Effect.flatMap(effect, (result) => Effect.map(elapsedMs, (ms) => [Math.round(ms), result] as const))
  )

/**
 * Epoch milliseconds as they were when this is called, and from then on as far ahead as time has passed: for what compares
 * many moments of one life. It differs from the wall clock by as much as that has been set meanwhile.
 */
export const steadyEpochMs = (clock: Clock.Clock): (() => number) => {
  const offsetMs = clock.unsafeCurrentTimeMillis() - monotonicOf(clock)
  return () => Math.round(monotonicOf(clock) + offsetMs)
}

/**
 * Milliseconds of wall time since something that was noted as `at`, for what people read and for what outlives the process.
 * Never negative: what lies in the future was noted before the clock was set back, and its age is not known.
 */
export const ageMs = (at: number, now: number): number => Math.max(0, now - at)

/**
 * Whether what was noted at `startedAt` and holds for `durationMs` is over, both in epoch milliseconds. A start in the
 * future counts as long past.
 */
export const isOver = (startedAt: number, durationMs: number, now: number): boolean =>
  startedAt > now || now - startedAt >= durationMs
