/**
 * Stops asking a system that does not answer, and asks again, one call at a time, to find out when it does.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Random from "effect/Random"
import * as Schema from "effect/Schema"
import * as Backoff from "./Backoff.ts"
import { guardHook } from "./internal/hook.ts"
import { epochMs, monotonicMs } from "./internal/time.ts"

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
  /** Consecutive failures; a success sets it back. */
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
  /** Runs within the call that caused the transition. */
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

const DEFAULT_FAILURE_THRESHOLD = 5
const DEFAULT_OPEN_MS = 30_000
const DEFAULT_MAX_OPEN_MS = 300_000
/** Replicas that lost the same system do not probe it at the same moment. */
const OPEN_JITTER = 0.2
/** A wish beyond this is a mistake: the breaker would not notice for hours that the system is back. */
const MAX_RETRY_AFTER_MS = 3_600_000
/** What a caller is told while a probe is under way, whose end nobody knows. */
const PROBE_RETRY_AFTER_MS = 1_000
const HISTORY_LENGTH = 50

/** Makes a closed breaker. */
export const make = (options: Options): Effect.Effect<CircuitBreaker> =>
  Effect.map(Effect.clock, (clock) => {
    const { name, onTransition } = options
    const threshold = options.failureThreshold ?? DEFAULT_FAILURE_THRESHOLD
    const policy: Backoff.Policy = {
      baseMs: options.openMs ?? DEFAULT_OPEN_MS,
      maxMs: options.maxOpenMs ?? DEFAULT_MAX_OPEN_MS,
      jitter: OPEN_JITTER
    }

    let state: State = "closed"
    let failureCount = 0
    /** How often it has opened since it was closed. */
    let openings = 0
    let openedAt = 0
    let opensUntil = 0
    let probing = false
    let lastErrorTag: string | null = null
    /** Counts the transitions: a call that began before the last one says nothing about the state of now. */
    let era = 0
    const history: Array<Transition> = []

    const goTo = (to: State, reason: TransitionReason): Effect.Effect<void> => {
      const transition: Transition = { at: clock.unsafeCurrentTimeMillis(), from: state, to, reason }
      history.push(transition)
      if (history.length > HISTORY_LENGTH) history.shift()
      state = to
      era++
      probing = false
      return onTransition === undefined ? Effect.void : guardHook(name, () => onTransition(transition))
    }

    const open = (reason: TransitionReason, retryAfterMs: number, random: number): Effect.Effect<void> => {
      openings++
      openedAt = monotonicMs(clock)
      // Not a number is no wish, rather than a time that never comes.
      const wishedMs = retryAfterMs > 0 ? Math.min(MAX_RETRY_AFTER_MS, retryAfterMs) : 0
      opensUntil = openedAt + Math.max(Backoff.delayMs(policy, openings, random), wishedMs)
      return goTo("open", reason)
    }

    const halfOpenWhenDue = Effect.suspend(() =>
      state === "open" && monotonicMs(clock) >= opensUntil ? goTo("half-open", "open-time-over") : Effect.void
    )

    const refuse = () => {
      const retryAfterMs =
        state === "open" ? Math.ceil(opensUntil - monotonicMs(clock)) : PROBE_RETRY_AFTER_MS
      return new CircuitOpen({ name, retryAfterMs })
    }

    const succeeded = (): Effect.Effect<void> => {
      failureCount = 0
      if (state === "closed") return Effect.void
      openings = 0
      return goTo("closed", "probe-succeeded")
    }

    const failed = (tag: string, retryAfterMs: number, random: number): Effect.Effect<void> => {
      failureCount++
      lastErrorTag = tag
      if (state === "half-open") return open("probe-failed", retryAfterMs, random)
      return failureCount >= threshold ? open("failures", retryAfterMs, random) : Effect.void
    }

    const learnFrom = <E>(
      cause: Cause.Cause<E>,
      { isFailure, retryAfterMs }: Protection<E>,
      random: number
    ): Effect.Effect<void> => {
      const error = Cause.failureOption(cause)
      if (Option.isSome(error)) {
        if (isFailure?.(error.value) === false) return succeeded()
        return failed(tagOf(error.value), retryAfterMs?.(error.value) ?? 0, random)
      }
      return Option.isSome(Cause.dieOption(cause)) ? failed("Defect", 0, random) : Effect.void
    }

    const protect = <A, E, R>(
      call: Effect.Effect<A, E, R>,
      protection: Protection<E> = {}
    ): Effect.Effect<A, E | CircuitOpen, R> =>
      Effect.uninterruptibleMask((restore) =>
        Effect.flatMap(halfOpenWhenDue, (): Effect.Effect<A, E | CircuitOpen, R> => {
          if (state === "open" || probing) return Effect.fail(refuse())
          probing = state === "half-open"
          const begunIn = era
          // Law 8: the slot of the probe is given back however the probe ends, interruption included.
          const ended = (learn: () => Effect.Effect<void>): Effect.Effect<void> => {
            if (era !== begunIn) return Effect.void
            probing = false
            return learn()
          }
          return restore(call).pipe(
            Effect.tapErrorCause((cause) =>
              Effect.flatMap(Random.next, (random) => ended(() => learnFrom(cause, protection, random)))
            ),
            Effect.tap(() => ended(succeeded))
          )
        })
      )

    const status = Effect.map(halfOpenWhenDue, (): Status => ({
      name,
      state,
      failureCount,
      openedAt: state === "open" ? epochMs(clock, openedAt) : null,
      willResetAt: state === "open" ? epochMs(clock, opensUntil) : null,
      lastErrorTag,
      history: [...history]
    }))

    const reset = Effect.suspend(() => (state === "open" ? goTo("half-open", "manual-reset") : Effect.void))

    return { name, protect, status, reset }
  })

const tagOf = (error: unknown): string =>
  Predicate.hasProperty(error, "_tag") && Predicate.isString(error._tag) ? error._tag : "Error"
