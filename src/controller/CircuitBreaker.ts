/**
 * Stops asking a system that does not answer, and asks again, one call at a time, to find out when it does.
 */
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

/** The call was not made, because the system it is for has failed too often lately. */
export class CircuitOpen extends Schema.TaggedError<CircuitOpen>()("CircuitOpen", {
  name: Schema.String,
  /** When it makes sense to try again. */
  retryAfterMs: Schema.Number
}) {}

/** `closed`: calls are made. `open`: they fail at once. `half-open`: one call, the probe, is made and decides. */
export type State = "closed" | "open" | "half-open"

/** Why the state changed. */
export type TransitionReason =
  "failures" | "open-time-over" | "probe-succeeded" | "probe-failed" | "manual-reset"

export interface Transition {
  /** Epoch milliseconds. */
  readonly at: number
  readonly from: State
  readonly to: State
  readonly reason: TransitionReason
}

export interface Status {
  readonly name: string
  readonly state: State
  /** Consecutive failures. */
  readonly failureCount: number
  /** When it opened, and when it will admit a probe, in epoch milliseconds; null unless open. */
  readonly openedAt: number | null
  readonly willResetAt: number | null
  /** The tag of the newest failure (`Defect` for a defect); null if there was none. */
  readonly lastErrorTag: string | null
  /** The newest transitions, oldest first. */
  readonly history: ReadonlyArray<Transition>
}

export interface Options {
  readonly name: string
  /** Consecutive failures that open a closed breaker. Defaults to 5. */
  readonly failureThreshold?: number
  /** How long it stays open the first time; doubles with each probe that fails. Defaults to 30 s. */
  readonly openMs?: number
  /** The longest the doubling goes. Defaults to 5 min. */
  readonly maxOpenMs?: number
  readonly onTransition?: (transition: Transition) => Effect.Effect<void>
}

export interface Protection<E> {
  /** Which errors speak against the system. Defaults to all; an error that does not is as good as a success. */
  readonly isFailure?: (error: E) => boolean
  /** The system's own wish (`Retry-After`), in milliseconds: lengthens the open time, to one hour at most. */
  readonly retryAfterMs?: (error: E) => number | undefined
}

export interface CircuitBreaker {
  readonly name: string
  /** Makes the call if the state admits it, and learns from how it ends. An interrupted call teaches nothing. */
  readonly protect: <A, E, R>(
    call: Effect.Effect<A, E, R>,
    protection?: Protection<E>
  ) => Effect.Effect<A, E | CircuitOpen, R>
  readonly status: Effect.Effect<Status>
  /** By hand: an open breaker admits a probe now. Changes nothing otherwise. */
  readonly reset: Effect.Effect<void>
}

export declare const make: (options: Options) => Effect.Effect<CircuitBreaker>
