/**
 * A work queue with the semantics of client-go's `util/workqueue`: it holds keys, not events (law 1), hands one key to
 * one taker at a time (law 2), and remembers a key that is added while it is being worked on (law 3).
 *
 * The core is plain mutable data behind `Effect.suspend`; the runtime is single-threaded, so a synchronous block is
 * atomic. Delays cost one timer for the whole queue, not one fiber per key.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import * as Backoff from "./Backoff.ts"
import * as Supervised from "./Supervised.ts"
import { type Entry, QueueCore } from "./internal/QueueCore.ts"
import { epochMs, MAX_SLEEP_MS, monotonicMs } from "./internal/time.ts"
import { Waiters } from "./internal/Waiters.ts"

/** What is worked on: a name and nothing else, so that the work must read the state afresh (law 1). */
export type Key = string

/**
 * The classes of work, most urgent first.
 * - `nudge`: somebody waits for it (a webhook, an operator)
 * - `died`: something that was fine broke by itself
 * - `drift`: found by a resync, or a requeue asked for by the work itself
 * - `retry`: it has failed before
 */
export type Priority = "nudge" | "died" | "drift" | "retry"

/** From the most urgent to the least; the position is the rank that the core knows. */
const priorities = ["nudge", "died", "drift", "retry"] as const satisfies ReadonlyArray<Priority>
/** Of what is added without saying why. */
const DEFAULT: Priority = "drift"
/** Of what has failed: it waits behind everything that has not (law 4), and aging lets it advance all the same. */
const RETRY: Priority = "retry"
const rankOf: Readonly<Record<Priority, number>> = { nudge: 0, died: 1, drift: 2, retry: 3 }
const priorityOf = (rank: number): Priority => priorities[rank] ?? RETRY

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

/** A key in the hand of a taker. */
export interface Taken {
  readonly key: Key
  readonly priority: Priority
  /** From the moment it became ready (or dirty) until it was taken. */
  readonly queueMs: number
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
  /** Counts a failure and adds the key, as `retry`, after its own exponential backoff (law 4: no shared bucket). */
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
  readonly take: Effect.Effect<Option.Option<Taken>>
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
export const make = (options: Options = {}): Effect.Effect<WorkQueue, never, Scope.Scope> =>
  Effect.gen(function* () {
    const clock = yield* Effect.clock
    const now = () => monotonicMs(clock)
    const policy = options.backoff ?? Backoff.defaultPolicy
    const { onAdd, onRetry } = options
    const core = new QueueCore(
      priorities.length,
      onAdd === undefined ? undefined : (key, rank) => onAdd(key, priorityOf(rank))
    )

    const takers = new Waiters()
    const idleWaiters = new Waiters()
    const settledWaiters = new Map<Key, Waiters>()
    const wakeTakers = () => {
      takers.wake(core.ended ? Infinity : core.takeable)
    }
    const wakeSettled = (key: Key) => {
      if (!core.isSettled(key)) return
      settledWaiters.get(key)?.wake()
      settledWaiters.delete(key)
    }
    const wakeIdle = () => {
      if (core.isIdle) idleWaiters.wake()
    }

    // One timer for all delays: it sleeps until the earliest, and is woken when an earlier one comes.
    const timer = new Waiters()
    let sleepsUntil = Infinity
    const scheduleTimer = () => {
      if (core.nextDue < sleepsUntil) timer.wake()
    }
    const runTimer = Effect.suspend(() => {
      const time = now()
      core.promote(time)
      wakeTakers()
      sleepsUntil = Math.min(core.waiting.head?.dueAt ?? Infinity, time + MAX_SLEEP_MS)
      const rearmed = timer.wait(
        () => core.waiting.head === undefined || core.waiting.head.dueAt >= sleepsUntil
      )
      // Rounded up: a clock that sleeps whole milliseconds would wake too early, and again, and again.
      const slept = clock.sleep(Duration.millis(Math.ceil(sleepsUntil - time)))
      return Effect.raceFirst(slept, rearmed)
    })
    // Interruptible by itself: `make` often runs inside the acquisition of a layer, which is not.
    yield* Supervised.run("queue-timer", Effect.forever(runTimer))

    const addition = ({ priority = DEFAULT, afterMs = 0, respectBackoff = false }: AddOptions = {}) => ({
      rank: rankOf[priority],
      afterMs,
      respectBackoff
    })

    const take: WorkQueue["take"] = Effect.suspend(() => {
      const entry = core.take(now())
      if (entry !== undefined) {
        return Effect.succeedSome({
          key: entry.key,
          priority: priorityOf(entry.takenRank),
          queueMs: entry.queueMs
        })
      }
      if (core.ended) return Effect.succeedNone
      const woken = Effect.interruptible(takers.wait(() => core.takeable <= 0 && !core.ended))
      // A taker that was woken and interrupted at once passes the call on, or the key would lie there (law 3).
      return Effect.zipRight(
        Effect.onInterrupt(woken, () => Effect.sync(wakeTakers)),
        take
      )
    })

    const view = (entry: Entry): KeyView => ({
      key: entry.key,
      state: stateOf(entry, (time) => epochMs(clock, time)),
      failures: entry.failures
    })

    return {
      add: (key, addOptions) =>
        Effect.sync(() => {
          core.add(key, addition(addOptions), now())
          wakeTakers()
          scheduleTimer()
        }),
      addAll: (keys, addOptions) =>
        Effect.sync(() => {
          const time = now()
          const each = addition(addOptions)
          for (const key of keys) core.add(key, each, time)
          wakeTakers()
          scheduleTimer()
        }),
      retry: (key) =>
        Effect.map(Random.next, (random) => {
          if (core.closed) return
          const delayMs = Backoff.delayMs(policy, core.countFailure(key), random)
          core.backOff(key, rankOf[RETRY], delayMs, now())
          scheduleTimer()
          onRetry?.(key, delayMs)
        }),
      forget: (key) => Effect.sync(() => core.forget(key)),
      failures: (key) => Effect.sync(() => core.entries.get(key)?.failures ?? 0),
      take,
      done: (key) =>
        Effect.sync(() => {
          core.done(key)
          wakeTakers()
          wakeSettled(key)
          wakeIdle()
        }),
      setLimit: (limit) =>
        Effect.sync(() => {
          core.limit = limit
          wakeTakers()
        }),
      awaitIdle: idleWaiters.wait(() => !core.isIdle),
      awaitSettled: (key) =>
        Effect.async((resume) => {
          if (core.isSettled(key)) return resume(Effect.void)
          const waiters = settledWaiters.get(key) ?? new Waiters()
          settledWaiters.set(key, waiters)
          const leave = waiters.join(() => resume(Effect.void))
          return Effect.sync(() => {
            leave()
            if (waiters.size === 0 && settledWaiters.get(key) === waiters) settledWaiters.delete(key)
          })
        }),
      shutdown: (mode) =>
        Effect.sync(() => {
          core.close(mode === "discard")
          wakeTakers()
          for (const key of [...settledWaiters.keys()]) wakeSettled(key)
          wakeIdle()
        }),
      isShuttingDown: Effect.sync(() => core.closed),
      stats: Effect.sync(() => statsOf(core, now())),
      inspect: (key) =>
        Effect.sync(() => {
          const entry = core.entries.get(key)
          return entry === undefined ? { key, state: { _tag: "Absent" }, failures: 0 } : view(entry)
        }),
      snapshot: (limit) => Effect.sync(() => firstEntries(core, limit).map(view))
    }
  })

const stateOf = (entry: Entry, toEpoch: (time: number) => number): KeyState => {
  if (entry.running) {
    return { _tag: "Running", since: toEpoch(entry.startedAt), dirty: entry.pending === "ready" }
  }
  const priority = priorityOf(entry.rank)
  switch (entry.pending) {
    case "none":
      return { _tag: "Absent" }
    case "ready":
      return { _tag: "Ready", priority, since: toEpoch(entry.readyAt) }
    case "waiting":
      return {
        _tag: "Waiting",
        priority,
        until: toEpoch(entry.dueAt),
        reason: entry.backingOff ? "backoff" : "delay"
      }
  }
}

const statsOf = (core: QueueCore, time: number): Stats => {
  const depth = (priority: Priority) => core.ready[rankOf[priority]]?.length ?? 0
  const runningMs = Array.from(core.running, (entry) => time - entry.startedAt)
  return {
    ready: core.readyCount,
    readyByPriority: {
      nudge: depth("nudge"),
      died: depth("died"),
      drift: depth("drift"),
      retry: depth("retry")
    },
    waiting: core.waiting.size,
    running: core.running.size,
    oldestReadyMs: Math.max(
      0,
      ...core.ready.map(({ head }) => (head === undefined ? 0 : time - head.readyAt))
    ),
    longestRunningMs: Math.max(0, ...runningMs),
    unfinishedWorkSeconds: runningMs.reduce((sum, ms) => sum + ms, 0) / 1_000,
    adds: core.adds,
    retries: core.retries
  }
}

/** Takes from each in turn, so that a long queue is never copied whole. */
const firstEntries = (core: QueueCore, limit: number): ReadonlyArray<Entry> => {
  const found: Array<Entry> = []
  for (const entries of [core.running, ...core.ready]) {
    for (const entry of entries) {
      if (found.length >= limit) return found
      found.push(entry)
    }
  }
  // A running key may also wait for its time; it has been listed.
  const waiting = core.waiting.earliest(limit - found.length).filter(({ running }) => !running)
  return [...found, ...waiting]
}
