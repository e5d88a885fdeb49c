/**
 * The stores that this process really has open. Each is owned by a Scope of its own and released exactly once (law 8);
 * what is said about it is read off the live store and never off bookkeeping (law 9).
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import { monotonicMsOf } from "../controller/Elapsed.ts"
import { makeTurns } from "../controller/EventLoop.ts"
import { ORCHESTRATION_CATEGORY } from "../telemetry/LogLine.ts"
import * as Tracing from "../telemetry/Tracing.ts"
import { startNow, startNowIn } from "./internal/startNow.ts"
import {
  type StoreDied,
  StoreDriver,
  StoreOpenError,
  type Connectivity,
  type OpenStore,
  type StoreSignals,
  type SyncStatus
} from "./StoreDriver.ts"

export type StoreStatus = "connected" | "connecting" | "disconnected" | "error"

/** What a store is doing, for decisions. Times are in milliseconds since the epoch. */
export type Observed =
  | { readonly _tag: "Closed" }
  | { readonly _tag: "Opening"; readonly since: number }
  | { readonly _tag: "Open"; readonly since: number; readonly connectivity: Connectivity }
  /** It died by itself, `deaths` times within the flapping window; the newest at `at`. */
  | { readonly _tag: "Dead"; readonly death: StoreDied; readonly deaths: number; readonly at: number }

/** What a store is doing, for people. */
export interface StoreView {
  readonly storeId: string
  readonly status: StoreStatus
  readonly connectedAt: number | null
  readonly lastConnectedAt: number | null
  readonly lastDisconnectedAt: number | null
  readonly statusHistory: ReadonlyArray<{ readonly status: StoreStatus; readonly at: number }>
  readonly lastActivity: number | null
  readonly errorCount: number
  readonly reconnectAttempts: number
  readonly lastError: string | null
  readonly connectivity: Connectivity | null
  readonly sync: SyncStatus | null
}

export type StoreSignal =
  | { readonly _tag: "News"; readonly storeId: string }
  | { readonly _tag: "Connectivity"; readonly storeId: string; readonly connectivity: Connectivity }
  | { readonly _tag: "Died"; readonly storeId: string; readonly death: StoreDied }

export interface Options {
  /** The longest that opening one store may take, in milliseconds (`STORE_CONNECTION_TIMEOUT`). */
  readonly openTimeoutMs: number
}

/** A store that does not close within this time is given up and reported; its scope goes on closing behind. */
const CLOSE_TIMEOUT_MS = 15_000
/** Deaths older than this no longer count as flapping. */
export const FLAPPING_WINDOW_MS = 600_000
const STATUS_HISTORY = 20
/** How many stores are closed at once when the manager ends. */
const CLOSE_CONCURRENCY = 32
/** After how many of them the event loop has its turn. */
const CLOSES_PER_TURN = 512

export class StoreManager extends Context.Tag("workspace-orchestrator/stores/StoreManager")<
  StoreManager,
  {
    /** Opens the store unless it is open. A dead one is released first and opened afresh. */
    readonly addStore: (storeId: string) => Effect.Effect<OpenStore, StoreOpenError>
    /** Closes the store and forgets it. Nothing happens if there is none. */
    readonly removeStore: (storeId: string) => Effect.Effect<void>
    /**
     * Deletes the local data of a store that is not open; false, and nothing happens, if it is. Who wants to open it
     * meanwhile waits until its data is gone (law 2).
     */
    readonly purge: (storeId: string) => Effect.Effect<boolean>
    /** Declares an open store dead from our side, for instance because its processor has ended. */
    readonly declareDead: (death: StoreDied) => Effect.Effect<void>
    readonly observe: (storeId: string) => Observed
    readonly openStore: (storeId: string) => OpenStore | undefined
    /** Whether the store has had any news since it was opened, its history included. */
    readonly hasNews: (storeId: string) => boolean
    readonly view: (storeId: string) => StoreView | undefined
    readonly storeIds: () => Iterable<string>
    readonly size: () => number
    /** Grows whenever a store has come or gone. */
    readonly generation: () => number
    /** How many of them are in the status `error`. */
    readonly errorCount: () => number
    /** The status in its `view`, without making one. */
    readonly status: (storeId: string) => StoreStatus | undefined
    /** Hears every signal of every store. The listener is synchronous and must not throw. */
    readonly subscribe: (listener: (signal: StoreSignal) => void) => Effect.Effect<void, never, Scope.Scope>
  }
>() {}

/** A store was still closing when it was given up; its scope goes on closing behind. */
export class StoreCloseTimeout extends Schema.TaggedError<StoreCloseTimeout>()("StoreCloseTimeout", {
  storeId: Schema.String,
  timeoutMs: Schema.Number
}) {
  override get message(): string {
    return `The store did not close within ${this.timeoutMs} ms`
  }
}

const outcomeOf = (exit: Exit.Exit<unknown, unknown>) => {
  if (Exit.isSuccess(exit)) return "succeeded"
  return Cause.isInterruptedOnly(exit.cause) ? "interrupted" : "failed"
}

/** For debugging, and for reports of errors: whoever has asked for the opening logs what came of all of it. */
const logOpening = (storeId: string, exit: Exit.Exit<unknown, StoreOpenError>, durationMs: number) =>
  Effect.suspend(() => {
    const failure = Exit.isFailure(exit) ? Option.getOrUndefined(Cause.failureOption(exit.cause)) : undefined
    return Effect.logDebug("store_manager.opening_ended", {
      category: ORCHESTRATION_CATEGORY,
      operation: "provision",
      phase: "open",
      outcome: outcomeOf(exit),
      storeId,
      durationMs,
      ...(failure === undefined ? {} : { reason: failure.reason })
    })
  }).pipe(Effect.whenLogLevel("Debug"))

interface Held {
  readonly store: OpenStore
  readonly scope: Scope.CloseableScope
  readonly since: number
}

interface Record {
  readonly storeId: string
  /** Which opening the record is about: what an earlier one still signals is not heard. */
  generation: number
  opening: number | null
  held: Held | null
  hasNews: boolean
  death: StoreDied | null
  deathTimes: Array<number>
  connectedAt: number | null
  lastConnectedAt: number | null
  lastDisconnectedAt: number | null
  statusHistory: Array<{ readonly status: StoreStatus; readonly at: number }>
  lastActivity: number | null
  errorCount: number
  reconnectAttempts: number
  lastError: string | null
}

const emptyRecord = (storeId: string): Record => ({
  storeId,
  generation: 0,
  opening: null,
  held: null,
  hasNews: false,
  death: null,
  deathTimes: [],
  connectedAt: null,
  lastConnectedAt: null,
  lastDisconnectedAt: null,
  statusHistory: [],
  lastActivity: null,
  errorCount: 0,
  reconnectAttempts: 0,
  lastError: null
})

const statusOf = (record: Record): StoreStatus => {
  if (record.opening !== null) return "connecting"
  if (record.held === null || record.death !== null) return "error"
  if (record.held.store.connectivity().isConnected) return "connected"
  return record.connectedAt === null ? "connecting" : "disconnected"
}

const noteStatus = (record: Record, at: number): void => {
  const status = statusOf(record)
  if (record.statusHistory.at(-1)?.status === status) return
  record.statusHistory.push({ status, at })
  if (record.statusHistory.length > STATUS_HISTORY) record.statusHistory.shift()
}

const noteConnected = (record: Record, at: number): void => {
  if (record.connectedAt === null) record.connectedAt = at
  else record.reconnectAttempts += 1
  record.lastConnectedAt = at
}

export const make = (options: Options) =>
  Effect.gen(function* () {
    const driver = yield* StoreDriver
    const clock = yield* Effect.clock
    const spans = yield* Tracing.spans
    const records = new Map<string, Record>()
    /** The stores whose data is being deleted. */
    const purges = new Map<string, Deferred.Deferred<void>>()
    let generation = 0
    const listeners = new Set<(signal: StoreSignal) => void>()
    const publish = (signal: StoreSignal): void => {
      for (const listener of listeners) listener(signal)
    }

    const kill = (record: Record, death: StoreDied): void => {
      if (record.death !== null) return
      const at = clock.unsafeCurrentTimeMillis()
      record.death = death
      record.deathTimes = [...record.deathTimes.filter((time) => time > at - FLAPPING_WINDOW_MS), at]
      record.errorCount += 1
      record.lastError = death.message
      noteStatus(record, at)
      publish({ _tag: "Died", storeId: record.storeId, death })
    }

    const signalsFor = (record: Record): StoreSignals => {
      const generation = ++record.generation
      const isCurrent = (): boolean => record.generation === generation
      return {
        onNews: () => {
          if (!isCurrent()) return
          record.lastActivity = clock.unsafeCurrentTimeMillis()
          record.hasNews = true
          publish({ _tag: "News", storeId: record.storeId })
        },
        onConnectivity: (connectivity) => {
          if (!isCurrent()) return
          if (connectivity.isConnected) noteConnected(record, connectivity.since)
          else record.lastDisconnectedAt = connectivity.since
          noteStatus(record, connectivity.since)
          publish({ _tag: "Connectivity", storeId: record.storeId, connectivity })
        },
        onDeath: (death) => {
          if (isCurrent()) kill(record, death)
        }
      }
    }

    /** Takes the store out of the record, so that whoever comes meanwhile finds none, and nobody closes it twice (law 8). */
    const takeOut = (record: Record): Scope.CloseableScope | undefined => {
      const held = record.held
      record.held = null
      record.generation += 1
      return held?.scope
    }

    /** `exit` is null for one that was given up. */
    const reportBadClose = (storeId: string, exit: Exit.Exit<unknown> | null, startedAt: number) => {
      if (exit !== null && Exit.isSuccess(exit)) return Effect.void
      const told = {
        category: ORCHESTRATION_CATEGORY,
        operation: "deprovision",
        phase: "close",
        outcome: "failed",
        storeId,
        durationMs: Math.round(monotonicMsOf(clock) - startedAt)
      }
      return exit === null
        ? Effect.logError(
            "workspace_orchestration.close_timeout",
            new StoreCloseTimeout({ storeId, timeoutMs: CLOSE_TIMEOUT_MS }),
            told
          )
        : Effect.logError("workspace_orchestration.close_failed", exit.cause, told)
    }

    /**
     * Closes a scope, or gives it up after a while. Whoever closes must not be interrupted, so the waiting happens in
     * fibers that can be: else the timeout would wait for what it is to end.
     */
    const closeInTime = (
      storeId: string,
      scope: Scope.CloseableScope,
      because: Exit.Exit<unknown, unknown>
    ): Effect.Effect<void> =>
      Effect.flatMap(startNow(Scope.close(scope, because)), (closing) => {
        const startedAt = monotonicMsOf(clock)
        const closed = closing.unsafePoll()
        if (closed !== null) return reportBadClose(storeId, closed, startedAt)
        return Fiber.await(closing).pipe(
          Effect.timeoutOption(CLOSE_TIMEOUT_MS),
          Effect.interruptible,
          Effect.forkDaemon,
          Effect.flatMap(Fiber.join),
          Effect.flatMap((exit) => reportBadClose(storeId, Option.getOrNull(exit), startedAt))
        )
      })

    const release = (record: Record): Effect.Effect<void> =>
      Effect.suspend(() => {
        const scope = takeOut(record)
        return scope === undefined ? Effect.void : closeInTime(record.storeId, scope, Exit.void)
      })

    const openTimeout = (storeId: string) =>
      new StoreOpenError({
        storeId,
        reason: "timeout",
        message: `The store did not open within ${options.openTimeoutMs} ms`
      })

    /** Opens the store in the scope, in time (law 4). One that opens without waiting costs no timer. */
    const openInTime = (
      record: Record,
      scope: Scope.Scope,
      restore: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
    ): Effect.Effect<Exit.Exit<OpenStore, StoreOpenError>> => {
      const { storeId } = record
      const opened = spans.within(driver.open(storeId, signalsFor(record)), "store.open", {
        attributes: { "workspace.id": storeId }
      })
      return Effect.flatMap(startNowIn(scope, restore(opened)), (opening) => {
        const exit = opening.unsafePoll()
        if (exit !== null) return Effect.succeed(exit)
        return Effect.flatten(Fiber.await(opening)).pipe(
          Effect.timeoutFail({
            duration: options.openTimeoutMs,
            onTimeout: () => openTimeout(record.storeId)
          }),
          restore,
          // Law 8: what is given up is unwound before its scope is closed.
          Effect.ensuring(Fiber.interrupt(opening)),
          Effect.exit
        )
      })
    }

    /** What an opening has come to: the store, or the failure once all of it is released. */
    const conclude = (
      record: Record,
      scope: Scope.CloseableScope,
      exit: Exit.Exit<OpenStore, StoreOpenError>
    ): Effect.Effect<OpenStore, StoreOpenError> => {
      const now = clock.unsafeCurrentTimeMillis()
      record.opening = null
      if (Exit.isSuccess(exit)) {
        record.held = { store: exit.value, scope, since: now }
        if (record.connectedAt === null && exit.value.connectivity().isConnected) noteConnected(record, now)
        record.lastError = null
        noteStatus(record, now)
        return exit
      }
      record.errorCount += 1
      record.lastError =
        exit.cause._tag === "Fail" ? exit.cause.error.message : "The store's driver has failed unexpectedly"
      return Effect.zipRight(
        // In time, too: what failed to open may also fail to close, and would keep its hand for ever (law 4).
        closeInTime(record.storeId, scope, exit),
        Effect.suspend(() => {
          noteStatus(record, clock.unsafeCurrentTimeMillis())
          return exit
        })
      )
    }

    const openFresh = (record: Record) =>
      Effect.uninterruptibleMask((restore) =>
        Effect.flatMap(Effect.zipRight(release(record), Scope.make()), (scope) => {
          const startedAt = clock.unsafeCurrentTimeMillis()
          record.death = null
          record.hasNews = false
          const begunAt = monotonicMsOf(clock)
          record.opening = startedAt
          noteStatus(record, startedAt)
          return Effect.flatMap(openInTime(record, scope, restore), (exit) =>
            Effect.zipRight(
              logOpening(record.storeId, exit, Math.round(monotonicMsOf(clock) - begunAt)),
              conclude(record, scope, exit)
            )
          )
        })
      )

    const recordOf = (storeId: string): Record => {
      const known = records.get(storeId)
      if (known !== undefined) return known
      const record = emptyRecord(storeId)
      records.set(storeId, record)
      generation++
      return record
    }

    const observe = (storeId: string): Observed => {
      const record = records.get(storeId)
      if (record === undefined) return { _tag: "Closed" }
      if (record.opening !== null) return { _tag: "Opening", since: record.opening }
      if (record.death !== null) {
        const at = record.deathTimes.at(-1) ?? 0
        return { _tag: "Dead", death: record.death, deaths: record.deathTimes.length, at }
      }
      if (record.held === null) return { _tag: "Closed" }
      return {
        _tag: "Open",
        since: record.held.since,
        connectivity: record.held.store.connectivity()
      }
    }

    // No timeout each: the process has a deadline for all of them, and a hundred thousand timers would use it up.
    const closeOne = (record: Record): Effect.Effect<unknown> =>
      Effect.suspend(() => {
        const scope = takeOut(record)
        return scope === undefined ? Effect.void : Scope.close(scope, Exit.void)
      }).pipe(Effect.exit)

    /** Several of these share the stores among them; a fiber for each store would cost more than closing it. */
    const turns = makeTurns(CLOSES_PER_TURN)
    const closeFrom = (left: Iterator<Record>) => {
      let next = left.next()
      return Effect.whileLoop({
        while: () => next.done !== true,
        body: () => {
          if (next.done === true) return Effect.void
          const closed = closeOne(next.value)
          next = left.next()
          const turn = turns.step()
          return turn === undefined ? closed : Effect.zipRight(closed, turn)
        },
        step: () => undefined
      })
    }
    yield* Effect.addFinalizer(() =>
      Effect.suspend(() => {
        const left = [...records.values()].values()
        const closers = Array.from({ length: CLOSE_CONCURRENCY }, () => Effect.suspend(() => closeFrom(left)))
        return Effect.all(closers, { concurrency: "unbounded", discard: true })
      })
    )

    const open = (storeId: string): Effect.Effect<OpenStore, StoreOpenError> =>
      Effect.suspend(() => {
        const record = recordOf(storeId)
        return record.held !== null && record.death === null
          ? Effect.succeed(record.held.store)
          : openFresh(record)
      })

    const purge = (storeId: string): Effect.Effect<boolean> =>
      Effect.suspend(() => {
        if (records.has(storeId) || purges.has(storeId)) return Effect.succeed(false)
        const done = Deferred.unsafeMake<void>(FiberId.none)
        purges.set(storeId, done)
        return driver.purge(storeId).pipe(
          Effect.ensuring(
            Effect.suspend(() => {
              purges.delete(storeId)
              return Deferred.succeed(done, undefined)
            })
          ),
          Effect.as(true)
        )
      })

    return StoreManager.of({
      addStore: (storeId) =>
        Effect.suspend(() => {
          const purge = purges.get(storeId)
          return purge === undefined ? open(storeId) : Effect.zipRight(Deferred.await(purge), open(storeId))
        }),
      removeStore: (storeId) =>
        Effect.suspend(() => {
          const record = records.get(storeId)
          if (record === undefined) return Effect.void
          return Effect.uninterruptible(
            Effect.zipRight(
              release(record),
              Effect.sync(() => {
                if (records.delete(storeId)) generation++
              })
            )
          )
        }),
      purge,
      declareDead: (death) =>
        Effect.sync(() => {
          const record = records.get(death.storeId)
          if (record !== undefined && record.held !== null) kill(record, death)
        }),
      observe,
      openStore: (storeId) => {
        const record = records.get(storeId)
        return record?.death === null ? record.held?.store : undefined
      },
      hasNews: (storeId) => records.get(storeId)?.hasNews === true,
      view: (storeId) => {
        const record = records.get(storeId)
        if (record === undefined) return undefined
        const store = record.death === null ? record.held?.store : undefined
        return {
          storeId,
          status: statusOf(record),
          connectedAt: record.connectedAt,
          lastConnectedAt: record.lastConnectedAt,
          lastDisconnectedAt: record.lastDisconnectedAt,
          statusHistory: record.statusHistory,
          lastActivity: record.lastActivity,
          errorCount: record.errorCount,
          reconnectAttempts: record.reconnectAttempts,
          lastError: record.lastError,
          connectivity: store?.connectivity() ?? null,
          sync: store?.syncStatus() ?? null
        }
      },
      storeIds: () => records.keys(),
      size: () => records.size,
      generation: () => generation,
      errorCount: () => {
        let count = 0
        for (const record of records.values()) if (statusOf(record) === "error") count++
        return count
      },
      status: (storeId) => {
        const record = records.get(storeId)
        return record === undefined ? undefined : statusOf(record)
      },
      subscribe: (listener) =>
        Effect.acquireRelease(
          Effect.sync(() => listeners.add(listener)),
          () => Effect.sync(() => listeners.delete(listener))
        )
    })
  })

export const layer = (options: Options): Layer.Layer<StoreManager, never, StoreDriver> =>
  Layer.scoped(StoreManager, make(options))
