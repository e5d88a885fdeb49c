/**
 * A level-triggered controller: workers that take keys from a `WorkQueue` and bring what each key names to its desired
 * state, for ever. It knows nothing of what a key means.
 */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type * as Backoff from "./Backoff.ts"
import type { AddOptions, Key, KeyView, Priority, Stats } from "./WorkQueue.ts"

/** What a reconcile that did not fail asks for next. */
export type Result =
  /** Nothing more to do until somebody adds the key. */
  | { readonly _tag: "Done" }
  /** Look again after this many milliseconds, unless somebody adds the key earlier. */
  | { readonly _tag: "RequeueAfter"; readonly afterMs: number }

export const Done: Result = { _tag: "Done" }
export const RequeueAfter = (afterMs: number): Result => ({ _tag: "RequeueAfter", afterMs })

/** A reconcile was interrupted because it took longer than allowed; the key is retried with backoff. */
export class ReconcileTimeout extends Schema.TaggedError<ReconcileTimeout>()("ReconcileTimeout", {
  controller: Schema.String,
  key: Schema.String,
  timeoutMs: Schema.Number
}) {}

/**
 * How a reconcile ended. `done` and `requeued` are its results; `failed`, `timedOut` and `died` (a defect) are retried
 * with backoff; `interrupted` is shutdown.
 */
export type Outcome = "done" | "requeued" | "failed" | "timedOut" | "died" | "interrupted"

export interface ReconcileStart {
  readonly key: Key
  readonly priority: Priority
  /** From the moment the key became ready (or dirty) until a worker took it. */
  readonly queueMs: number
}

export interface ReconcileEnd<E> {
  readonly key: Key
  readonly outcome: Outcome
  readonly exit: Exit.Exit<Result, E | ReconcileTimeout>
  readonly queueMs: number
  readonly workMs: number
  /** Consecutive failures, this one included; 0 after a success. */
  readonly failures: number
}

/** Where metrics and logs attach. What is absent costs nothing; a hook that dies is logged and changes nothing. */
export interface Hooks<E> {
  /** For each key that becomes ready or dirty. Synchronous: `addAll` calls it once a key. */
  readonly onAdd?: (key: Key, priority: Priority) => void
  /** For each retry, with the delay that was chosen. */
  readonly onRetry?: (key: Key, delayMs: number) => void
  readonly onStart?: (start: ReconcileStart) => Effect.Effect<void>
  readonly onEnd?: (end: ReconcileEnd<E>) => Effect.Effect<void>
}

export interface Options<E, R> {
  /** Names the controller in logs and errors. */
  readonly name: string
  /** How many keys are worked on at once, at most. */
  readonly workers: number
  /** How many of the workers may work at first (slow start). Defaults to all. See `setConcurrency`. */
  readonly concurrency?: number
  /** Brings what the key names to its desired state. Reads all state afresh (law 1) and can be interrupted. */
  readonly reconcile: (key: Key) => Effect.Effect<Result, E, R>
  /** The longest a reconcile may take before it is interrupted. */
  readonly timeout: Duration.DurationInput
  /** How long shutdown lets running work finish before it is interrupted. */
  readonly shutdownGrace: Duration.DurationInput
  /** Defaults to `Backoff.defaultPolicy`. */
  readonly backoff?: Backoff.Policy
  readonly hooks?: Hooks<E>
}

export interface Controller {
  readonly name: string
  /** Asks for the key to be reconciled. Never waits. */
  readonly add: (key: Key, options?: AddOptions) => Effect.Effect<void>
  /** `add` for many keys in one step. */
  readonly addAll: (keys: Iterable<Key>, options?: AddOptions) => Effect.Effect<void>
  /** Forgets the key's failures and cancels its pending backoff or delay. */
  readonly forget: (key: Key) => Effect.Effect<void>
  /** Takes no new key until `resume`; what is running goes on, and keys are still accepted. */
  readonly pause: Effect.Effect<void>
  readonly resume: Effect.Effect<void>
  readonly isPaused: Effect.Effect<boolean>
  /** How many workers may work at once from now on: at least 1, at most `workers`. Interrupts nothing. */
  readonly setConcurrency: (concurrency: number) => Effect.Effect<void>
  /** Completes when nothing is ready and nothing is running. A paused controller with ready keys is not idle. */
  readonly awaitIdle: Effect.Effect<void>
  /** Completes when the key is neither ready nor running; waiting for its time counts as settled. */
  readonly awaitSettled: (key: Key) => Effect.Effect<void>
  /**
   * Takes no new key, lets running work finish within the grace, then interrupts it, and completes when all workers
   * have ended (law 8). Closing the scope does the same; a second call waits for the first.
   */
  readonly shutdown: Effect.Effect<void>
  readonly stats: Effect.Effect<Stats>
  readonly inspect: (key: Key) => Effect.Effect<KeyView>
  readonly snapshot: (limit: number) => Effect.Effect<ReadonlyArray<KeyView>>
}

/** Makes a controller and starts its workers in the scope. */
export declare const make: <E, R>(options: Options<E, R>) => Effect.Effect<Controller, never, R | Scope.Scope>
