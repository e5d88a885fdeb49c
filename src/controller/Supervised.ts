/**
 * Fibers that must never end: each is run through `run`, which starts it again when it ends, fails, dies of a defect or
 * stands still, counts that, and lets `/health/live` tell which one does not run (observability never steers, and a
 * recovery handler that fails costs one run).
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import type * as Scope from "effect/Scope"
import { monotonicMs } from "./internal/time.ts"

/** Why a fiber was started again. `stalled`: it has begun no run within its time. */
export type RestartReason = "ended" | "failed" | "died" | "stalled"

/** What the supervised effect says of itself. */
export interface Heartbeat {
  /** A run begins now, and the next one within so many milliseconds. */
  readonly beat: (nextWithinMs: number) => Effect.Effect<void>
}

export interface Options {
  /** Whether the process is unwell without it: those that are not only watch. Defaults to true. */
  readonly isVital?: boolean
}

/** How one supervised fiber is doing. Times in milliseconds since the epoch. */
export interface FiberView {
  readonly name: string
  readonly isVital: boolean
  readonly isRunning: boolean
  /** It should have begun a run and has not. */
  readonly isStalled: boolean
  readonly restarts: number
  readonly lastReason: RestartReason | null
  readonly lastRestartAt: number | null
}

interface Entry {
  readonly name: string
  readonly isVital: boolean
  fiber: Fiber.RuntimeFiber<unknown, unknown> | undefined
  /** On the monotonic clock; Infinity where no run has to begin. */
  dueBy: number
  isStalled: boolean
  stalled: Deferred.Deferred<void>
  restarts: number
  lastReason: RestartReason | null
  lastRestartAt: number | null
}

interface Registry {
  readonly entries: Set<Entry>
}

/** The supervised fibers of one server. Where none is provided, those of the process. */
export class Supervision extends Context.Reference<Supervision>()(
  "workspace-orchestrator/controller/Supervision",
  { defaultValue: (): Registry => ({ entries: new Set() }) }
) {}

/** A registry of its own, and the watch over heartbeats. */
export const layer: Layer.Layer<Supervision> = Layer.suspend(() => {
  const registry = Layer.succeed(Supervision, { entries: new Set<Entry>() })
  return Layer.merge(registry, Layer.provide(Layer.scopedDiscard(Effect.suspend(() => watch)), registry))
})

/** Before the first restart, and doubling with each that follows soon, up to the longest. */
const BACKOFF_BASE_MS = 100
const BACKOFF_MAX_MS = 30_000
/** A fiber that has run for this long has recovered: its next end is a first one. */
const RECOVERED_MS = 60_000
/** How often heartbeats are looked at: when the next is due, within these. */
const WATCH_EVERY_MS = 1_000
const WATCH_AT_MOST_MS = 5_000
/** How long an interrupted fiber may take to end, before another is started beside it. */
const ABANDON_MS = 10_000

const restarts = Metric.counter("wso_fiber_restarts_total", {
  description: "Parts of the program that must never end and were started again, by name",
  incremental: true
})

const counterOf = (name: string) => Metric.tagged(restarts, "fiber", name)

/** Counts a restart of something that is kept running by other means, such as one worker of many. */
export const restarted = (name: string): Effect.Effect<void> => Metric.increment(counterOf(name))

const reasonOf = (exit: Exit.Exit<unknown, unknown>): RestartReason => {
  if (Exit.isSuccess(exit)) return "ended"
  return Cause.isDie(exit.cause) ? "died" : Cause.isFailure(exit.cause) ? "failed" : "ended"
}

/** Logs, and never fails: where the log throws, the line is lost and the fiber is started all the same. */
const report = (entry: Entry, reason: RestartReason, delayMs: number, exit: Exit.Exit<unknown, unknown>) => {
  const cause = Exit.isFailure(exit) ? exit.cause : Cause.empty
  return Effect.logError("fiber.restarted", cause).pipe(
    Effect.annotateLogs({ fiber: entry.name, reason, restarts: entry.restarts, delayMs }),
    Effect.catchAllCause(() => Effect.void)
  )
}

/**
 * Forks the effect in the scope and keeps it running until the scope closes. What it fails with is logged and ends one
 * run of it only. `beat` lets it be watched: without it, only its end is noticed.
 */
export const run = <E, R>(
  name: string,
  effect: Effect.Effect<unknown, E, R> | ((heartbeat: Heartbeat) => Effect.Effect<unknown, E, R>),
  options: Options = {}
): Effect.Effect<Fiber.RuntimeFiber<never>, never, R | Scope.Scope> =>
  Effect.gen(function* () {
    const { entries } = yield* Supervision
    const clock = yield* Effect.clock
    const entry: Entry = {
      name,
      isVital: options.isVital ?? true,
      fiber: undefined,
      dueBy: Infinity,
      isStalled: false,
      stalled: yield* Deferred.make<void>(),
      restarts: 0,
      lastReason: null,
      lastRestartAt: null
    }
    const counted = counterOf(name)
    yield* Metric.incrementBy(counted, 0)
    const heartbeat: Heartbeat = {
      beat: (nextWithinMs) =>
        Effect.sync(() => {
          entry.dueBy = monotonicMs(clock) + nextWithinMs
          entry.isStalled = false
        })
    }
    // Suspended, so that an effect that throws while it is built is a defect of one run.
    const once = Effect.suspend(() => (Effect.isEffect(effect) ? effect : effect(heartbeat)))
    let failures = 0
    const life = Effect.gen(function* () {
      const begunAt = monotonicMs(clock)
      entry.stalled = yield* Deferred.make<void>()
      const fiber = yield* Effect.fork(Effect.interruptible(once))
      entry.fiber = fiber
      const exit = yield* awaitEnd(entry, fiber)
      entry.fiber = undefined
      failures = monotonicMs(clock) - begunAt >= RECOVERED_MS ? 1 : failures + 1
      const reason = entry.isStalled ? "stalled" : reasonOf(exit)
      const delayMs = Math.min(BACKOFF_MAX_MS, BACKOFF_BASE_MS * 2 ** Math.min(failures - 1, 20))
      entry.restarts++
      entry.lastReason = reason
      entry.lastRestartAt = clock.unsafeCurrentTimeMillis()
      entry.dueBy = Infinity
      entry.isStalled = false
      yield* Metric.increment(counted)
      yield* report(entry, reason, delayMs, exit)
      yield* Effect.sleep(delayMs)
    })
    const supervised = Effect.forever(life).pipe(
      Effect.interruptible,
      Effect.ensuring(Effect.sync(() => entries.delete(entry)))
    )
    entries.add(entry)
    return yield* Effect.forkScoped(supervised)
  })

/** The end of the fiber; of one that stalls, no more than its interruption, and not for long. */
const awaitEnd = (entry: Entry, fiber: Fiber.RuntimeFiber<unknown, unknown>) =>
  Effect.raceFirst(
    Fiber.await(fiber),
    Deferred.await(entry.stalled).pipe(Effect.zipRight(Effect.sleep(ABANDON_MS)), Effect.as(Exit.void))
  )

/** Interrupts what has begun no run in time, until the scope closes. */
const watch = run(
  "heartbeats",
  Effect.gen(function* () {
    const { entries } = yield* Supervision
    const now = monotonicMs(yield* Effect.clock)
    for (const entry of entries) {
      if (entry.isStalled || entry.dueBy > now || entry.fiber === undefined) continue
      entry.isStalled = true
      yield* Deferred.succeed(entry.stalled, undefined)
      yield* Fiber.interruptFork(entry.fiber)
    }
    const next = Math.min(...[...entries].map(({ dueBy }) => dueBy)) - now
    yield* Effect.sleep(Math.min(WATCH_AT_MOST_MS, Math.max(WATCH_EVERY_MS, next)))
  }).pipe(Effect.forever)
)

/** Every supervised fiber, as it is now: a stalled one is told even while the watch itself is restarted. */
export const view: Effect.Effect<ReadonlyArray<FiberView>> = Effect.gen(function* () {
  const { entries } = yield* Supervision
  const now = monotonicMs(yield* Effect.clock)
  return [...entries].map((entry) => ({
    name: entry.name,
    isVital: entry.isVital,
    isRunning: entry.fiber !== undefined,
    isStalled: entry.isStalled || entry.dueBy <= now,
    restarts: entry.restarts,
    lastReason: entry.lastReason,
    lastRestartAt: entry.lastRestartAt
  }))
})
