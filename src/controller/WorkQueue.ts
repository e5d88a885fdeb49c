/**
 * A work queue with the semantics of client-go's `util/workqueue`: it holds keys, not events (law 1), hands one key to
 * one taker at a time (law 2), and remembers a key that is added while it is being worked on (law 3).
 *
 * The core is plain mutable data behind `Effect.suspend`; the runtime is single-threaded, so a synchronous block is
 * atomic. Delays cost one timer for the whole queue, not one fiber per key.
 */
import type * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type * as Backoff from "./Backoff.ts"

/** What is worked on: a name and nothing else, so that the work must read the state afresh (law 1). */
export type Key = string

/**
 * The classes of work, most urgent first.
 * - `nudge`: somebody waits for it (a webhook, an operator)
 * - `died`: something that was fine broke by itself
 * - `drift`: found by a resync, a retry, or a requeue asked for by the work itself
 */
export type Priority = "nudge" | "died" | "drift"

export interface AddOptions {
  /** Defaults to `drift`. A key that is already queued keeps the higher of the two. */
  readonly priority?: Priority
  /** Do not hand the key out before this many milliseconds have passed. Defaults to 0. The earliest time wins. */
  readonly afterMs?: number
  /**
   * Leave a pending backoff of a failing key alone instead of cutting it short. Defaults to false: a nudge is a reason
   * to try at once. A resync sets it, or every resync would undo all backoffs.
   */
  readonly respectBackoff?: boolean
}

/** How a queue ends: `drain` still hands out what is ready, `discard` drops it. Neither accepts new keys. */
export type ShutdownMode = "drain" | "discard"

/** What the queue knows of one key. Times are epoch milliseconds. */
export type KeyState =
  | { readonly _tag: "Absent" }
  | { readonly _tag: "Ready"; readonly priority: Priority; readonly since: number }
  | {
      readonly _tag: "Running"
      readonly since: number
      /** The key was added meanwhile and runs once more afterwards. */
      readonly dirty: boolean
    }
  | {
      readonly _tag: "Waiting"
      readonly priority: Priority
      readonly until: number
      /** `backoff`: it failed. `delay`: it was added with `afterMs`. */
      readonly reason: "backoff" | "delay"
    }

export interface KeyView {
  readonly key: Key
  readonly state: KeyState
  /** Consecutive failures since the last `forget`. */
  readonly failures: number
}

export interface Stats {
  /** Keys that may be taken now. */
  readonly ready: number
  readonly readyByPriority: Readonly<Record<Priority, number>>
  /** Keys that may not be taken yet: backoff and delays. */
  readonly waiting: number
  /** Keys in a taker's hand. */
  readonly running: number
  /** How long the keys at the heads of the classes have been ready, at most. */
  readonly oldestReadyMs: number
  readonly longestRunningMs: number
  /** The sum of the running times: grows without bound when work is stuck. */
  readonly unfinishedWorkSeconds: number
  /** Keys that became ready or dirty since the queue was made; an `add` of a key already queued does not count. */
  readonly adds: number
  /** Calls of `retry` since the queue was made. */
  readonly retries: number
}

export interface WorkQueue {
  /** Asks for the key to be worked on. Never waits; a queue that is shutting down ignores it. */
  readonly add: (key: Key, options?: AddOptions) => Effect.Effect<void>
  /** `add` for many keys in one step. */
  readonly addAll: (keys: Iterable<Key>, options?: AddOptions) => Effect.Effect<void>
  /** Counts a failure and adds the key, as `drift`, after its own exponential backoff (law 4: no shared bucket). */
  readonly retry: (key: Key) => Effect.Effect<void>
  /**
   * Forgets the key's failures and cancels its pending backoff or delay. A delay that was asked for while the key is
   * running stays: it is news (law 3).
   */
  readonly forget: (key: Key) => Effect.Effect<void>
  /** Consecutive failures since the last `forget`. */
  readonly failures: (key: Key) => Effect.Effect<number>
  /**
   * Waits for a key and takes it into the caller's hand until `done`; None once the queue has ended. It can be
   * interrupted only while it waits: run it in an uninterruptible region, so that no key is lost between two hands.
   */
  readonly take: Effect.Effect<Option.Option<Key>>
  /** Gives a taken key back; if it was added meanwhile it becomes ready again. */
  readonly done: (key: Key) => Effect.Effect<void>
  /** How many keys may be in hands at once; 0 hands out nothing. Defaults to no limit. */
  readonly setLimit: (limit: number) => Effect.Effect<void>
  /** Completes when nothing is ready and nothing is running; what waits for its time does not count. */
  readonly awaitIdle: Effect.Effect<void>
  /** Completes when the key is neither ready nor running; waiting for its time counts as settled. */
  readonly awaitSettled: (key: Key) => Effect.Effect<void>
  /** Ends the queue: no key is accepted any more, what waits for its time is dropped, takers end. */
  readonly shutdown: (mode: ShutdownMode) => Effect.Effect<void>
  readonly isShuttingDown: Effect.Effect<boolean>
  readonly stats: Effect.Effect<Stats>
  readonly inspect: (key: Key) => Effect.Effect<KeyView>
  /** Up to `limit` keys: the running ones, then the ready ones by class and age, then the waiting ones by time. */
  readonly snapshot: (limit: number) => Effect.Effect<ReadonlyArray<KeyView>>
}

export interface Options {
  /** Defaults to `Backoff.defaultPolicy`. */
  readonly backoff?: Backoff.Policy
  /** Called for each key that becomes ready or dirty; must not throw. */
  readonly onAdd?: (key: Key, priority: Priority) => void
  /** Called for each retry with the delay that was chosen; must not throw. */
  readonly onRetry?: (key: Key, delayMs: number) => void
}

/** Makes a queue whose timer lives in the scope. */
export declare const make: (options?: Options) => Effect.Effect<WorkQueue, never, Scope.Scope>
