/**
 * The loop around the controller: when the directory is read, which runs there are, and how they ended. The resync
 * makes it correct; nudges only make it fast (law 1), and losing every one of them costs latency.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as FiberHandle from "effect/FiberHandle"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Random from "effect/Random"
import { stopwatch } from "../controller/Elapsed.ts"
import * as Supervised from "../controller/Supervised.ts"
import { ORCHESTRATION_CATEGORY } from "../telemetry/LogLine.ts"
import {
  DesiredState,
  describeRefreshError,
  type News,
  type RefreshError
} from "../workspaces/DesiredState.ts"
import type { NudgeOutcome } from "./Operations.ts"
import * as OrchestrationMetrics from "./OrchestrationMetrics.ts"
import type { LastError } from "./WorkspaceStatus.ts"
import { WorkspaceController, type KeyOutcome } from "./WorkspaceController.ts"
import { WorkspaceOrchestrator } from "./WorkspaceOrchestrator.ts"

export interface Options {
  /** Between two resyncs, jittered by a tenth (`WORKSPACE_RECONCILE_INTERVAL_MS`). */
  readonly intervalMs: number
  /** Why nothing is reconciled with a directory (no URL, no token, switched off); None if it is. */
  readonly disabled: Option.Option<string>
}

/** What a run found and did. Times are in milliseconds since the epoch. */
export interface Run {
  readonly startedAt: number
  readonly completedAt: number
  readonly driftCount: number
  readonly added: ReadonlyArray<string>
  readonly removed: ReadonlyArray<string>
  readonly failed: ReadonlyMap<string, LastError>
  readonly held: ReadonlyArray<{ readonly storeId: string; readonly reason: string }>
  readonly authoritativeCount: number
  readonly monitoredCount: number
}

export interface LoopState {
  readonly isRunning: boolean
  readonly lastRunStartedAt: number | null
  readonly lastRunCompletedAt: number | null
  readonly lastSuccessAt: number | null
  readonly lastDurationMs: number | null
  readonly consecutiveFailures: number
  readonly runs: number
  readonly successes: number
  readonly failures: number
  readonly lastRun: Run | null
  readonly lastError: LastError | null
  readonly nextRunAt: number | null
}

/** A run is in flight since `startedAt` (milliseconds since the epoch). */
export interface InFlight {
  readonly _tag: "InFlight"
  readonly startedAt: number
}

export class WorkspaceReconciler extends Context.Tag(
  "workspace-orchestrator/orchestration/WorkspaceReconciler"
)<
  WorkspaceReconciler,
  {
    /** Starts the loop, with a first run at once. Starting twice starts one loop. */
    readonly start: Effect.Effect<void>
    /** Reads the directory no more and takes no new work; completes when running work has ended. */
    readonly stop: Effect.Effect<void>
    /** One run by hand: a fresh list, and each drifting workspace attempted once, backoff or not. */
    readonly reconcile: Effect.Effect<Run, RefreshError | InFlight>
    /** A hint that the workspace may have changed. Completes when it is settled, or cannot be settled now. */
    readonly nudge: (id: string, news?: News) => Effect.Effect<NudgeOutcome>
    readonly state: () => LoopState
    /** A snapshot has been accepted and the first pass over it has been made. */
    readonly firstPassMade: () => boolean
  }
>() {}

/** The interval's jitter: 10 % either way, so that replicas and restarts do not march in step. */
const INTERVAL_JITTER = 0.1
/** After a failed refresh: this · 2^n with jitter, at most the interval (law 11), or longer if the source asks. */
const FAILURE_BACKOFF_BASE_MS = 1_000
/** A loop that has begun no run for so many intervals stands still. */
const MISSED_INTERVALS = 3
/** A list that is being read is given this long, however short the interval: a large one takes minutes. */
const LONGEST_READ_MS = 300_000
/** How long a scheduled run waits for its workspaces before it is closed and reported as it stands. */
const SCHEDULED_SETTLE_MS = 10_000
/** The same for the first run, and for one by hand. */
const LONG_SETTLE_MS = 120_000
/** Between two lists that are read to confirm an absence which a nudge has pointed at. */
const CONFIRM_EVERY_MS = 250
/** How many lists a nudge reads at the most. */
const MAX_CONFIRMATIONS = 5

const NANOS_PER_MS = 1_000_000

/** A run in flight. */
interface Current {
  readonly startedAt: number
  /** Milliseconds since it began, on a clock that only goes forward. */
  readonly elapsedMs: Effect.Effect<number>
  readonly trigger: OrchestrationMetrics.Trigger
  /** Everything that has been done, or has failed, since it began. */
  readonly outcomes: Map<string, KeyOutcome>
  /** What it still waits for. */
  readonly pending: Set<string>
  /** Everything that it waits for is known. */
  hasAsked: boolean
  readonly settled: Deferred.Deferred<void>
  /** Where desired and observed differed when the list had been read. */
  driftCount: number
}

export const make = (options: Options) =>
  Effect.gen(function* () {
    const desired = yield* DesiredState
    const controller = yield* WorkspaceController
    const orchestrator = yield* WorkspaceOrchestrator
    const scope = yield* Effect.scope
    const loop = yield* FiberHandle.make()
    const wake = yield* Queue.sliding<void>(1)

    const clock = yield* Effect.clock
    const monotonicMs = Effect.sync(() => Number(clock.unsafeCurrentTimeNanos()) / NANOS_PER_MS)

    let current: Current | undefined
    let firstPass = false
    let state: LoopState = {
      isRunning: false,
      lastRunStartedAt: null,
      lastRunCompletedAt: null,
      lastSuccessAt: null,
      lastDurationMs: null,
      consecutiveFailures: 0,
      runs: 0,
      successes: 0,
      failures: 0,
      lastRun: null,
      lastError: null,
      nextRunAt: null
    }

    yield* controller.subscribe((outcome) => {
      if (current === undefined) return
      if (outcome.did !== "nothing" || outcome.failure !== null) current.outcomes.set(outcome.id, outcome)
      if (current.pending.delete(outcome.id) && current.pending.size === 0 && current.hasAsked) {
        Deferred.unsafeDone(current.settled, Effect.void)
      }
    })

    const summary = (run: Current, completedAt: number): Run => {
      const added: Array<string> = []
      const removed: Array<string> = []
      const failed = new Map<string, LastError>()
      for (const { id, did, failure } of run.outcomes.values()) {
        if (failure !== null) failed.set(id, failure)
        else if (did === "added") added.push(id)
        else if (did === "removed") removed.push(id)
      }
      // Those in backoff were not attempted by a resync; they fail all the same.
      for (const [id, failure] of controller.failing()) if (!failed.has(id)) failed.set(id, failure)
      const held = [...controller.blocked()].map(([storeId, { reason }]) => ({ storeId, reason }))
      for (const storeId of run.pending) {
        if (!failed.has(storeId)) held.push({ storeId, reason: "in-progress" })
      }
      return {
        startedAt: run.startedAt,
        completedAt,
        driftCount: run.driftCount,
        added: added.sort(),
        removed: removed.sort(),
        failed,
        held,
        authoritativeCount: desired.listed(),
        monitoredCount: controller.drift.monitored()
      }
    }

    /** Counted, and remembered for who asks what went wrong of late. */
    const noteSourceError = (error: LastError): void => {
      OrchestrationMetrics.failed("source", error.code)
      controller.recentErrors.record("source", error, null)
    }

    const failed = (
      error: RefreshError,
      elapsedMs: Effect.Effect<number>,
      trigger: OrchestrationMetrics.Trigger
    ) =>
      Effect.gen(function* () {
        const now = yield* Clock.currentTimeMillis
        const durationMs = Math.round(yield* elapsedMs)
        // That the breaker is open explains less than the failure that has opened it.
        const cause = error._tag === "CircuitOpen" ? (desired.view().lastError ?? error) : error
        const lastError = { ...describeRefreshError(cause), at: now }
        state = {
          ...state,
          lastRunCompletedAt: now,
          lastDurationMs: durationMs,
          consecutiveFailures: state.consecutiveFailures + 1,
          failures: state.failures + 1,
          lastError
        }
        OrchestrationMetrics.runFailed(trigger)
        noteSourceError(lastError)
        yield* Effect.logWarning("workspace_reconciler.run_failed", cause).pipe(
          Effect.annotateLogs({
            category: ORCHESTRATION_CATEGORY,
            operation: "reconcile",
            phase: "read",
            trigger,
            outcome: "failed",
            durationMs,
            code: lastError.code,
            error: lastError.message,
            consecutiveFailures: state.consecutiveFailures
          })
        )
      })

    const succeeded = (run: Run, durationMs: number, trigger: OrchestrationMetrics.Trigger) =>
      Effect.gen(function* () {
        state = {
          ...state,
          lastRunCompletedAt: run.completedAt,
          lastSuccessAt: run.completedAt,
          lastDurationMs: durationMs,
          consecutiveFailures: 0,
          successes: state.successes + 1,
          lastRun: run,
          lastError: null
        }
        firstPass = true
        const isPartial = run.failed.size + run.held.length > 0
        OrchestrationMetrics.runEnded(trigger, isPartial ? "partial" : "completed", durationMs)
        const changed = run.driftCount + run.failed.size > 0
        yield* (changed ? Effect.logInfo : Effect.logDebug)("workspace_reconciler.run_completed").pipe(
          Effect.annotateLogs({
            category: ORCHESTRATION_CATEGORY,
            operation: "reconcile",
            trigger,
            outcome: isPartial ? "partial" : "completed",
            durationMs,
            driftCount: run.driftCount,
            added: run.added.length,
            removed: run.removed.length,
            failed: run.failed.size,
            held: run.held.length,
            authoritativeCount: run.authoritativeCount,
            monitoredCount: run.monitoredCount
          })
        )
      })

    const end = (run: Current) =>
      Effect.sync(() => {
        if (current === run) current = undefined
        state = { ...state, isRunning: current !== undefined }
      })

    /**
     * Reads the list and asks for every workspace that may need something: the part of a run that never waits for one.
     * Whoever begins a run cannot be interrupted but while it reads: a run that nobody ends would be in flight for ever.
     */
    const begin = (urgency: "now" | "resync"): Effect.Effect<Current, RefreshError | InFlight> =>
      Effect.suspend((): Effect.Effect<Current, RefreshError | InFlight> => {
        if (current !== undefined) {
          return Effect.fail<InFlight>({ _tag: "InFlight", startedAt: current.startedAt })
        }
        return Effect.gen(function* () {
          const run: Current = {
            startedAt: yield* Clock.currentTimeMillis,
            elapsedMs: yield* stopwatch,
            trigger: urgency === "now" ? "manual" : "scheduled",
            settled: yield* Deferred.make<void>(),
            pending: new Set(),
            hasAsked: false,
            outcomes: new Map(),
            driftCount: 0
          }
          current = run
          state = { ...state, isRunning: true, lastRunStartedAt: run.startedAt, runs: state.runs + 1 }
          return yield* Effect.interruptible(read(run, urgency)).pipe(
            Effect.as(run),
            Effect.onError(() => end(run))
          )
        })
      }).pipe(Effect.uninterruptible)

    const read = (run: Current, urgency: "now" | "resync") =>
      Effect.gen(function* () {
        yield* Effect.tapError(desired.refresh(urgency === "now" ? "manual" : "resync"), (error) =>
          failed(error, run.elapsedMs, run.trigger)
        )
        // What the list has brought may have been opened already, while its reader was being woken.
        const done = [...run.outcomes.keys()].filter((id) => !controller.drift.has(id))
        run.driftCount = controller.drift.size() + done.length
        yield* controller.lookAtAll(urgency, (id) => {
          if (urgency === "now" || !controller.failing().has(id)) run.pending.add(id)
        })
        run.hasAsked = true
      })

    /** Waits until each workspace that the run has asked for has been attempted, and closes the run. */
    const settle = (run: Current, settleMs: number): Effect.Effect<Run> =>
      Effect.gen(function* () {
        if (run.pending.size > 0) yield* Effect.timeoutOption(Deferred.await(run.settled), settleMs)
        const result = summary(run, yield* Clock.currentTimeMillis)
        yield* succeeded(result, Math.round(yield* run.elapsedMs), run.trigger)
        return result
      }).pipe(Effect.interruptible, Effect.ensuring(end(run)), Effect.uninterruptible)

    /** While a run waits for a slow workspace, the others must not (law 4): the list is read all the same. */
    const readBeside = Effect.gen(function* () {
      const startedAt = yield* Clock.currentTimeMillis
      const elapsedMs = yield* stopwatch
      state = { ...state, lastRunStartedAt: startedAt, runs: state.runs + 1 }
      yield* Effect.tapError(desired.refresh("resync"), (error) => failed(error, elapsedMs, "scheduled"))
      yield* controller.lookAtAll("resync")
      const now = yield* Clock.currentTimeMillis
      OrchestrationMetrics.runEnded("scheduled", "completed", yield* elapsedMs)
      state = {
        ...state,
        lastSuccessAt: now,
        consecutiveFailures: 0,
        successes: state.successes + 1,
        lastError: null
      }
    })

    /** Until the next run, after a run that began at `startedAt` and ended so. */
    const delayAfter = (error: RefreshError | undefined) =>
      Effect.gen(function* () {
        const random = yield* Random.next
        if (error === undefined) return options.intervalMs * (1 + INTERVAL_JITTER * (2 * random - 1))
        // Nobody was asked: a backoff on top of the breaker's own would let two intervals pass without a read (law 11).
        if (error._tag === "CircuitOpen") return error.retryAfterMs
        const doublings = Math.min(state.consecutiveFailures - 1, 30)
        const backoff = Math.min(options.intervalMs, FAILURE_BACKOFF_BASE_MS * 2 ** Math.max(0, doublings))
        const asked = error._tag === "DirectoryUnavailable" ? (error.retryAfterMs ?? 0) : 0
        return Math.max(backoff * (1 - 0.2 * random), asked)
      })

    /**
     * When a nudge that could not read the source wants it to be read again. When to run is counted on a clock that only
     * goes forward: a wall clock that is set back by an hour must not stop the loop for an hour (law 11).
     */
    let wantedAt = Infinity

    /** Watched from outside: a loop that begins no run within three intervals is started again. */
    let heartbeat: Supervised.Heartbeat = { beat: () => Effect.void }
    const missedMs = MISSED_INTERVALS * options.intervalMs

    /** Sleeps until `at`, or until somebody wants a run earlier than that. */
    const sleepUntil = (at: number): Effect.Effect<void> =>
      Effect.gen(function* () {
        const now = yield* monotonicMs
        const due = Math.max(now, Math.min(at, wantedAt))
        state = { ...state, nextRunAt: (yield* Clock.currentTimeMillis) + Math.round(due - now) }
        yield* heartbeat.beat(due - now + missedMs)
        const isDue = Effect.as(Effect.sleep(due - now), true)
        const isAsked = Effect.as(Queue.take(wake), false)
        if (!(yield* Effect.raceFirst(isDue, isAsked))) yield* sleepUntil(at)
      })

    const scheduledRun = Effect.gen(function* () {
      const startedAt = yield* monotonicMs
      yield* heartbeat.beat(Math.max(LONGEST_READ_MS, missedMs))
      // What was wanted until now is answered by the read that begins now.
      wantedAt = Infinity
      const settleMs = firstPass ? SCHEDULED_SETTLE_MS : LONG_SETTLE_MS
      const outcome = yield* Effect.either(
        current === undefined
          ? Effect.uninterruptible(
              Effect.flatMap(begin("resync"), (run) =>
                Effect.asVoid(Effect.forkIn(settle(run, settleMs), scope))
              )
            )
          : readBeside
      )
      const error = Either.isLeft(outcome) && outcome.left._tag !== "InFlight" ? outcome.left : undefined
      const delayMs = yield* delayAfter(error)
      const from = error === undefined ? startedAt : yield* monotonicMs
      yield* sleepUntil(from + delayMs)
    })

    /** A defect costs one run and never the loop: nobody would notice that it has ended. */
    const afterDefect = (defect: unknown) =>
      Effect.gen(function* () {
        const now = yield* Clock.currentTimeMillis
        const durationMs = now - (state.lastRunStartedAt ?? now)
        state = {
          ...state,
          lastRunCompletedAt: now,
          consecutiveFailures: state.consecutiveFailures + 1,
          failures: state.failures + 1,
          lastError: { code: "Defect", message: "A defect of this program; the log has the cause", at: now }
        }
        noteSourceError({ code: "Defect", message: "A run died of a defect; the log has the cause", at: now })
        OrchestrationMetrics.runFailed("scheduled")
        yield* Effect.logError("workspace_reconciler.run_defect", Cause.die(defect)).pipe(
          Effect.annotateLogs({
            category: ORCHESTRATION_CATEGORY,
            operation: "reconcile",
            phase: "loop",
            trigger: "scheduled",
            outcome: "failed",
            durationMs
          })
        )
        yield* sleepUntil((yield* monotonicMs) + options.intervalMs)
      })

    const nudgeOutcome = (id: string, wasMonitored: boolean): NudgeOutcome => {
      const isMonitored = orchestrator.isMonitored(id)
      const isDesired = desired.get(id)._tag === "Present"
      if (isDesired && isMonitored) {
        return { status: wasMonitored ? "already_monitored" : "monitoring_started" }
      }
      if (!isDesired && !isMonitored) {
        return { status: wasMonitored ? "monitoring_stopped" : "already_stopped" }
      }
      const reason =
        controller.blocked().get(id)?.reason ?? controller.failing().get(id)?.code ?? "in-progress"
      return { status: "reconcile_queued", reason }
    }

    /** A nudge may point at a removal that one list has shown already: another list makes it evidence. */
    const confirmAbsence = (id: string) =>
      Effect.gen(function* () {
        for (let read = 1; read < MAX_CONFIRMATIONS; read++) {
          yield* controller.awaitSettled(id)
          if (controller.blocked().get(id)?.reason !== "evidence") return
          yield* Effect.sleep(CONFIRM_EVERY_MS)
          yield* desired.refresh("confirm", id)
        }
      })

    const nudge = (id: string, news?: News): Effect.Effect<NudgeOutcome> =>
      Effect.gen(function* () {
        if (Option.isSome(options.disabled)) {
          return { status: "reconcile_queued", reason: "reconciler-disabled" } as const
        }
        const wasMonitored = orchestrator.isMonitored(id)
        // Before the refresh, whose news may have the workspace reconciled at once.
        yield* controller.noteReason(id)
        yield* desired.consult(id, news)
        yield* controller.look(id)
        yield* confirmAbsence(id)
        yield* controller.awaitSettled(id)
        return nudgeOutcome(id, wasMonitored)
      }).pipe(
        Effect.catchAll((error) =>
          Effect.gen(function* () {
            // A nudge that was not sent is no failure of its own: what has opened the breaker is known already.
            if (error._tag !== "CircuitOpen") {
              noteSourceError({ ...describeRefreshError(error), at: yield* Clock.currentTimeMillis })
            }
            // Law 3: the reason for the nudge is still there, so the next run must not wait for the interval.
            const delayMs = yield* delayAfter(error)
            const dueAt = (yield* monotonicMs) + delayMs
            if (dueAt < wantedAt) {
              wantedAt = dueAt
              yield* Queue.offer(wake, undefined)
            }
            return { status: "reconcile_queued", reason: "source-unreachable" } as const
          })
        )
      )

    const firstPassOver = (ids: ReadonlySet<string>) =>
      Effect.forEach(ids, controller.awaitSettled, { discard: true }).pipe(
        Effect.timeoutOption(LONG_SETTLE_MS),
        Effect.zipRight(
          Effect.sync(() => {
            firstPass = true
          })
        )
      )

    return WorkspaceReconciler.of({
      start: Effect.gen(function* () {
        yield* controller.start
        // Law 12: what an earlier life knew is monitored again before the directory has said a word.
        const known = yield* controller.lookAtAll("now")
        if (Option.isSome(options.disabled)) {
          firstPass = true
          return
        }
        if (desired.view().source === "snapshot") yield* Effect.forkIn(firstPassOver(known), scope)
        const runs = Supervised.run("reconcile-loop", (heart) => {
          heartbeat = heart
          return Effect.forever(Effect.catchAllDefect(scheduledRun, afterDefect))
        })
        yield* FiberHandle.run(loop, Effect.scoped(Effect.zipRight(runs, Effect.never)), {
          onlyIfMissing: true
        })
      }),
      stop: Effect.zipRight(FiberHandle.clear(loop), controller.stop),
      reconcile: Effect.uninterruptible(Effect.flatMap(begin("now"), (run) => settle(run, LONG_SETTLE_MS))),
      nudge,
      state: () => state,
      firstPassMade: () => firstPass
    })
  })

export const layer = (
  options: Options
): Layer.Layer<WorkspaceReconciler, never, DesiredState | WorkspaceController | WorkspaceOrchestrator> =>
  Layer.scoped(WorkspaceReconciler, make(options))
