/**
 * A level-triggered controller: workers that take keys from a `WorkQueue` and bring what each key names to its desired
 * state, for ever. It knows nothing of what a key means.
 */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as ExecutionStrategy from "effect/ExecutionStrategy"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import type * as Backoff from "./Backoff.ts"
import { makeTurns } from "./EventLoop.ts"
import * as Supervised from "./Supervised.ts"
import { guardHook } from "./internal/hook.ts"
import { MAX_SLEEP_MS, monotonicMs } from "./internal/time.ts"
import { Waiters } from "./internal/Waiters.ts"
import * as WorkQueue from "./WorkQueue.ts"
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
  /** For each key that becomes ready or dirty. Synchronous, since `addAll` calls it once a key; must not throw. */
  readonly onAdd?: (key: Key, priority: Priority) => void
  /** For each retry, with the delay that was chosen; must not throw. */
  readonly onRetry?: (key: Key, delayMs: number) => void
  readonly onStart?: (start: ReconcileStart) => Effect.Effect<void>
  /** Runs before the key is given back, so that who awaits the key sees what the hook wrote: keep it short. */
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

/** After so many reconciles, of all workers together, the event loop turns: some milliseconds. */
const RECONCILES_PER_TURN = 256

/** One worker fiber, and what it has in its hand. */
interface Worker {
  fiber: Fiber.RuntimeFiber<void> | undefined
  /** When its reconcile began; undefined between two. */
  startedAt: number | undefined
  /** The watchdog has interrupted it: this reconcile is its last, and a new worker takes its place. */
  overdue: boolean
  retired: boolean
}

/** Makes a controller and starts its workers in the scope. */
export const make = <E, R>(options: Options<E, R>): Effect.Effect<Controller, never, R | Scope.Scope> =>
  Effect.gen(function* () {
    const { name, reconcile, hooks = {} } = options
    const { onStart, onEnd } = hooks
    const timeoutMs = Duration.toMillis(options.timeout)
    const clock = yield* Effect.clock
    const now = () => monotonicMs(clock)

    const queue = yield* WorkQueue.make({
      ...(options.backoff !== undefined && { backoff: options.backoff }),
      ...(hooks.onAdd !== undefined && { onAdd: hooks.onAdd }),
      ...(hooks.onRetry !== undefined && { onRetry: hooks.onRetry })
    })

    const maxConcurrency = Math.max(1, options.workers)
    const clamp = (concurrency: number) => Math.min(maxConcurrency, Math.max(1, concurrency))
    let concurrency = clamp(options.concurrency ?? maxConcurrency)
    let paused = false
    const applyLimit = Effect.suspend(() => queue.setLimit(paused ? 0 : concurrency))
    yield* applyLimit

    /** How the reconcile ended, and with what. */
    const classify = (
      key: Key,
      exit: Exit.Exit<Result, E>,
      overdue: boolean
    ): readonly [Outcome, Exit.Exit<Result, E | ReconcileTimeout>] => {
      if (Exit.isSuccess(exit)) return [exit.value._tag === "Done" ? "done" : "requeued", exit]
      if (Option.isSome(Cause.dieOption(exit.cause))) return ["died", exit]
      if (overdue && Cause.isInterrupted(exit.cause)) {
        return ["timedOut", Exit.fail(new ReconcileTimeout({ controller: name, key, timeoutMs }))]
      }
      return [Cause.isInterruptedOnly(exit.cause) ? "interrupted" : "failed", exit]
    }

    const logDefect = (key: Key, cause: Cause.Cause<E>) =>
      Effect.logError("controller.reconcile_died", cause).pipe(Effect.annotateLogs({ controller: name, key }))

    /** What the end means for the key. Shutdown has closed the queue by then, so that nothing comes of it. */
    const settle = (key: Key, exit: Exit.Exit<Result, E>): Effect.Effect<void> => {
      if (Exit.isFailure(exit)) return queue.retry(key)
      const { value } = exit
      const forget = queue.forget(key)
      return value._tag === "Done"
        ? forget
        : Effect.zipRight(forget, queue.add(key, { afterMs: value.afterMs }))
    }

    const finish = (worker: Worker, { key, queueMs }: WorkQueue.Taken, exit: Exit.Exit<Result, E>) =>
      Effect.suspend(() => {
        const workMs = worker.startedAt === undefined ? 0 : now() - worker.startedAt
        worker.startedAt = undefined
        worker.retired = worker.overdue
        const [outcome, reported] = classify(key, exit, worker.overdue)
        let settled = settle(key, exit)
        if (outcome === "died" && Exit.isFailure(exit)) {
          settled = Effect.zipRight(settled, logDefect(key, exit.cause))
        }
        if (onEnd === undefined) return settled
        const report = Effect.flatMap(queue.failures(key), (failures) =>
          guardHook(name, () => onEnd({ key, outcome, exit: reported, queueMs, workMs, failures }))
        )
        return Effect.zipRight(settled, report)
      })

    const workers = new Set<Worker>()
    const watchdog = new Waiters()
    const nothingToWatch = () =>
      ![...workers].some(({ startedAt, overdue }) => startedAt !== undefined && !overdue)

    const turns = makeTurns(RECONCILES_PER_TURN)

    const runWorker = (worker: Worker): Effect.Effect<void, never, R> =>
      Effect.uninterruptibleMask((restore) => {
        const work = (taken: WorkQueue.Taken) => {
          // Suspended, so that a reconcile that throws before it returns an effect is a defect like any other.
          const reconciled = Effect.suspend(() => {
            worker.startedAt = now()
            if (watchdog.size > 0) watchdog.wake()
            return reconcile(taken.key)
          })
          const finished = Effect.matchCauseEffect(restore(reconciled), {
            onFailure: (cause) => finish(worker, taken, Exit.failCause(cause)),
            onSuccess: (result) => finish(worker, taken, Exit.succeed(result))
          })
          const begun =
            onStart === undefined
              ? finished
              : Effect.zipRight(
                  guardHook(name, () => onStart(taken)),
                  finished
                )
          // Law 8: whatever happened, the key leaves the hand once.
          return Effect.ensuring(begun, queue.done(taken.key))
        }

        // Only waiting for a key and reconciling it can be interrupted: in between, a key would be lost in a hand.
        const step = Effect.flatMap(queue.take, (taken) => {
          if (Option.isNone(taken)) {
            worker.retired = true
            return Effect.void
          }
          const worked = work(taken.value)
          const turn = turns.step()
          return turn === undefined ? worked : Effect.zipRight(worked, turn)
        })
        return Effect.whileLoop({
          while: () => !worker.retired,
          body: () => step,
          step: () => undefined
        }).pipe(Effect.zipRight(Effect.suspend(() => leave(worker))))
      })

    const workersScope = yield* Scope.make(ExecutionStrategy.parallel)

    const hire: Effect.Effect<void, never, R> = Effect.suspend(() => {
      const worker: Worker = { fiber: undefined, startedAt: undefined, overdue: false, retired: false }
      workers.add(worker)
      // Interruptible by itself: a layer is acquired, and a worker replaced, in a region that is not.
      const life = Effect.catchAllDefect(runWorker(worker), () => {
        workers.delete(worker)
        return Effect.zipRight(Supervised.restarted(`${name}-worker`), hire)
      })
      return Effect.map(Effect.forkIn(Effect.interruptible(life), workersScope), (fiber) => {
        worker.fiber = fiber
      })
    })

    const leave = (worker: Worker): Effect.Effect<void, never, R> => {
      workers.delete(worker)
      return worker.overdue ? hire : Effect.void
    }

    /**
     * Interrupts what is overdue. One timer for all: no reconcile that starts while it sleeps can be overdue before it
     * wakes. (`Effect.timeout` around each reconcile costs more than a reconcile that has nothing to do.)
     */
    const watch = Effect.suspend(() => {
      const time = now()
      let earliest = Infinity
      const interrupts: Array<Effect.Effect<void>> = []
      for (const worker of workers) {
        if (worker.startedAt === undefined || worker.overdue) continue
        if (worker.startedAt + timeoutMs > time) earliest = Math.min(earliest, worker.startedAt)
        else if (worker.fiber !== undefined) {
          // Set in the same step as the look, so that the worker cannot begin another reconcile in between.
          worker.overdue = true
          interrupts.push(Fiber.interruptAsFork(worker.fiber, FiberId.none))
        }
      }
      const sleepMs = Math.min(Math.ceil(earliest + timeoutMs - time), MAX_SLEEP_MS)
      // Law 11: while nothing runs there is no timer either.
      const pause =
        earliest === Infinity ? watchdog.wait(nothingToWatch) : clock.sleep(Duration.millis(sleepMs))
      return Effect.zipRight(Effect.all(interrupts, { discard: true }), pause)
    })

    /**
     * A fiber of its own: the one that shuts down may have been interrupted already (that is how a signal ends a program),
     * and then cannot wait for one of two things: interruptibly it would not wait at all, uninterruptibly for the longer.
     */
    const graceOver = Effect.timeoutOption(queue.awaitIdle, options.shutdownGrace).pipe(
      Effect.interruptible,
      Effect.forkDaemon,
      Effect.flatMap(Fiber.await)
    )
    // Ready keys are dropped: whoever starts next looks at everything again (law 1).
    const shutdown = queue
      .shutdown("discard")
      .pipe(Effect.zipRight(graceOver), Effect.ensuring(Scope.close(workersScope, Exit.void)), Effect.asVoid)

    yield* Effect.addFinalizer(() => shutdown)
    yield* Scope.extend(Supervised.run(`${name}-watchdog`, Effect.forever(watch)), workersScope)
    yield* Effect.replicateEffect(hire, maxConcurrency, { discard: true })

    return {
      name,
      add: queue.add,
      addAll: queue.addAll,
      forget: queue.forget,
      pause: Effect.suspend(() => {
        paused = true
        return applyLimit
      }),
      resume: Effect.suspend(() => {
        paused = false
        return applyLimit
      }),
      isPaused: Effect.sync(() => paused),
      setConcurrency: (wanted) =>
        Effect.suspend(() => {
          concurrency = clamp(wanted)
          return applyLimit
        }),
      awaitIdle: queue.awaitIdle,
      awaitSettled: queue.awaitSettled,
      shutdown,
      stats: queue.stats,
      inspect: queue.inspect,
      snapshot: queue.snapshot
    }
  })
