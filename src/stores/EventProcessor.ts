/**
 * Follows the confirmed events of every monitored store and has its user messages handled: every one, in the order of its
 * conversation, once in effect, whatever crashes (docs/decisions/0009).
 *
 * A store without news costs nothing here: what has news is a key in a work queue, which gives each store its turn (law 4).
 * A turn reads, commits the answers that are ready, and hands out conversations; those are keys of a second queue, of
 * which each store has only a few at a time, so that a noisy store is never ahead of the others by more than that.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Schema from "effect/Schema"
import { monotonicMs } from "../controller/Elapsed.ts"
import type * as Backoff from "../controller/Backoff.ts"
import * as Controller from "../controller/Controller.ts"
import { makeAnswers } from "./messages/Answers.ts"
import { makeAttempts } from "./messages/Attempts.ts"
import { guard } from "./messages/GuardedVocabulary.ts"
import { makeFailures } from "./messages/Failures.ts"
import {
  type Change,
  Figures,
  type Followed,
  isBehind,
  load,
  makeFollowed,
  makeRecorder,
  type Processing,
  processingOf
} from "./messages/FollowedStore.ts"
import { makeHistory } from "./messages/History.ts"
import { MessageHandler } from "./messages/MessageHandler.ts"
import {
  type LedgerError,
  type LedgerRow,
  MessageLedger,
  type ParkedQuery,
  type ParkedRow
} from "./messages/MessageLedger.ts"
import { type Vocabulary, workspaceVocabulary } from "./messages/Vocabulary.ts"
import * as Supervised from "../controller/Supervised.ts"
import { ORCHESTRATION_CATEGORY } from "../telemetry/LogLine.ts"
import * as Tracing from "../telemetry/Tracing.ts"
import { type OpenStore, StoreDied } from "./StoreDriver.ts"
import { StoreManager } from "./StoreManager.ts"

export type { Processing } from "./messages/FollowedStore.ts"

export interface Options {
  /** How long the end of the processor lets handlers, and then commits, finish; in milliseconds. */
  readonly shutdownGraceMs: number
  /** How the stores' schema writes messages down. Defaults to the built-in vocabulary. */
  readonly vocabulary?: Vocabulary
  /** Handlers that run at once, at most. Defaults to 32. */
  readonly concurrency?: number
  /** Those of one store: conversations that are handled in parallel. Defaults to 4. */
  readonly storeConcurrency?: number
  /** The longest that a handler may take, in milliseconds. Defaults to 60,000. */
  readonly handlerTimeoutMs?: number
  /** Failures before a message is parked. Defaults to 5. */
  readonly maxAttempts?: number
  /** Between two attempts. Defaults to 1 s, 2 s, 4 s, … 5 min, each shortened by up to a fifth. */
  readonly backoff?: Backoff.Policy
  /** Open messages of one store that are held at a time; the others stay in the store. Defaults to 100. */
  readonly maxOpen?: number
  /** Done messages of each store that stay in the ledger. Defaults to 1,000. */
  readonly keepDone?: number
}

/** Nothing is known of this message, or no longer. */
export class UnknownMessage extends Schema.TaggedError<UnknownMessage>()("UnknownMessage", {
  storeId: Schema.String,
  messageId: Schema.String
}) {}

/** Only a parked message can be retried or dropped. */
export class NotParked extends Schema.TaggedError<NotParked>()("NotParked", {
  storeId: Schema.String,
  messageId: Schema.String,
  state: Schema.String
}) {}

/** How many stores have their turn at once: turns wait for disks and confirmations, hardly ever for the processor. */
const TURNS = 32
/** Events read from one store before the next store has its turn. */
const BATCH = 100
/** A turn that takes longer is cut off and repeated: ten commits and a batch take a few seconds at most. */
const TURN_TIMEOUT = "60 seconds"
/** What an attempt may take beyond its handler. */
const ATTEMPT_OVERHEAD_MS = 30_000
/** Between two looks whether a commit has been confirmed after all. */
const UNCONFIRMED_RETRY_MS = 1_000
/** After the ledger could not be written. */
const LEDGER_RETRY_MS = 1_000
/** News taken from the drivers' signals in one step. */
const NEWS_STEP = 1_000

const defaults = {
  concurrency: 32,
  storeConcurrency: 4,
  handlerTimeoutMs: 60_000,
  maxAttempts: 5,
  backoff: { baseMs: 1_000, maxMs: 300_000, jitter: 0.2 },
  maxOpen: 100,
  keepDone: 1_000
} as const

export class EventProcessor extends Context.Tag("workspace-orchestrator/stores/EventProcessor")<
  EventProcessor,
  {
    /** Follows the store's events from where it left off, until `stopMonitoring`. Harmless to repeat. */
    readonly startMonitoring: (storeId: string) => Effect.Effect<void>
    /** Ends following the store. Completes when nothing of it is being processed any more. */
    readonly stopMonitoring: (storeId: string) => Effect.Effect<void>
    readonly isMonitoring: (storeId: string) => boolean
    readonly processing: (storeId: string) => Processing | undefined
    /** The sums over all followed stores. */
    readonly totals: () => Processing
    /** The part of the newest attempts that failed, from 0 to 1. */
    readonly errorRate: () => number
    /** Since when the oldest open message of all has been known (milliseconds since the epoch); null: none is open. */
    readonly oldestOpenAt: () => number | null
    /** Messages that were given up, in the order of store and message ids. */
    readonly parked: (query: ParkedQuery) => Effect.Effect<ReadonlyArray<ParkedRow>, LedgerError>
    /** Handles a parked message again, as if it were new. */
    readonly retry: (
      storeId: string,
      messageId: string
    ) => Effect.Effect<void, UnknownMessage | NotParked | LedgerError>
    /** Gives a parked message up for good: it counts as processed, unanswered. */
    readonly drop: (
      storeId: string,
      messageId: string
    ) => Effect.Effect<void, UnknownMessage | NotParked | LedgerError>
    /** Deletes what is known of a store that is not followed: its data has been deleted too. */
    readonly forget: (storeId: string) => Effect.Effect<void, LedgerError>
  }
>() {}

/** A conversation as a key of the queue: no store id has a line break. */
const keyOf = (storeId: string, conversationId: string): string => `${storeId}\n${conversationId}`
const partsOf = (key: string): readonly [string, string] => {
  const end = key.indexOf("\n")
  return [key.slice(0, end), key.slice(end + 1)]
}

/** For debugging, and for reports of errors. Starting waits for nothing; the first turn comes after it. */
const logStart = (storeId: string) =>
  Effect.suspend(() =>
    Effect.logDebug("event_processor.monitoring_started", {
      category: ORCHESTRATION_CATEGORY,
      operation: "provision",
      phase: "start",
      outcome: "succeeded",
      storeId,
      durationMs: 0
    })
  ).pipe(Effect.whenLogLevel("Debug"), Effect.asVoid)

export const make = (given: Options) =>
  Effect.gen(function* () {
    const options = { ...defaults, ...given }
    const vocabulary = guard(options.vocabulary ?? workspaceVocabulary)
    const manager = yield* StoreManager
    const ledger = yield* MessageLedger
    const handler = yield* MessageHandler
    const figures = new Figures()
    const followed = new Map<string, Followed>()
    const record = makeRecorder({ ledger, figures, keepDone: options.keepDone })
    const failures = makeFailures({ record, maxAttempts: options.maxAttempts, backoff: options.backoff })
    const answers = makeAnswers({ record, vocabulary, failures })
    const history = makeHistory({
      ledger,
      record,
      vocabulary,
      handles: handler.handle !== null,
      maxOpen: options.maxOpen,
      batch: BATCH
    })

    /** Hands out conversations while the store may have more of them, and answers when it wants its next turn. */
    const dispatch = (one: Followed): Effect.Effect<Controller.Result> =>
      Effect.gen(function* () {
        const { backlog } = one
        if (backlog === null || handler.handle === null) return Controller.Done
        const now = yield* Clock.currentTimeMillis
        const keys: Array<string> = []
        const elapsed = yield* monotonicMs
        while (elapsed >= one.heldUntil && backlog.activeCount < options.storeConcurrency) {
          const conversationId = backlog.take(now)
          if (conversationId === undefined) break
          keys.push(keyOf(one.storeId, conversationId))
        }
        yield* conversations.addAll(keys)
        if (backlog.size === 0 && backlog.activeCount === 0) one.backlog = null
        const dueAt = backlog.nextDueAt(now)
        // With every slot taken, the end of an attempt is what brings the next turn.
        if (dueAt === undefined || backlog.activeCount >= options.storeConcurrency) return Controller.Done
        return Controller.RequeueAfter(Math.max(dueAt - now, one.heldUntil - elapsed))
      })

    const takeTurn = (
      one: Followed,
      store: OpenStore
    ): Effect.Effect<Controller.Result, StoreDied | LedgerError> =>
      Effect.gen(function* () {
        if (!one.isLoaded) yield* load(one, ledger, figures)
        // Asked before reading: what is confirmed after this is in the history that is read.
        const isUnconfirmed = yield* answers.isUnconfirmed(one, store)
        const { isConnected } = store.connectivity()
        const hasMore = yield* history.scan(one, store)
        if (isConnected && !hasMore) one.isCaughtUp = true
        const hasRoomForMore = isBehind(one) && (yield* history.takeIn(one, store))
        // A full batch: the store has probably more, and gets its next turn behind those that wait already.
        const again = hasMore || hasRoomForMore ? Controller.RequeueAfter(0) : undefined
        // Before the end of the history is known, any message in it may be answered already.
        if (!isConnected || !one.isCaughtUp) return again ?? Controller.Done
        if (isUnconfirmed) return again ?? Controller.RequeueAfter(UNCONFIRMED_RETRY_MS)
        if (!hasMore && !(yield* answers.commitSome(one, store))) {
          return Controller.RequeueAfter(UNCONFIRMED_RETRY_MS)
        }
        const next = yield* dispatch(one)
        const hasAnswers = (one.backlog?.handled().length ?? 0) > 0
        return again ?? (hasAnswers ? Controller.RequeueAfter(0) : next)
      })

    const declareDead = (storeId: string, death: StoreDied, cause: Cause.Cause<unknown>) =>
      Effect.zipRight(
        manager.declareDead(death),
        Effect.logError("event_processor.died", cause).pipe(Effect.annotateLogs({ storeId }))
      )

    const turns: Controller.Controller = yield* Controller.make({
      name: "event-processor",
      workers: TURNS,
      reconcile: (storeId) =>
        Effect.suspend(() => {
          const one = followed.get(storeId)
          const store = manager.openStore(storeId)
          return one === undefined || store === undefined
            ? Effect.succeed(Controller.Done)
            : takeTurn(one, store)
        }).pipe(
          Effect.catchTag("StoreDied", (death) =>
            // One that the driver has reported is opened afresh already; one of ours is to be.
            Effect.as(
              death.reason === "processor" ? declareDead(storeId, death, Cause.fail(death)) : Effect.void,
              Controller.Done
            )
          ),
          Effect.catchAllDefect((defect) =>
            Effect.as(
              declareDead(
                storeId,
                new StoreDied({
                  storeId,
                  reason: "processor",
                  message: "The event processor has failed unexpectedly"
                }),
                Cause.die(defect)
              ),
              Controller.Done
            )
          )
        ),
      timeout: TURN_TIMEOUT,
      shutdownGrace: options.shutdownGraceMs
    })

    const attempts = makeAttempts({
      record,
      find: ledger.find,
      figures,
      failures,
      vocabulary,
      handle: handler.handle ?? (() => Effect.succeed(null)),
      spans: yield* Tracing.spans,
      timeoutMs: options.handlerTimeoutMs
    })

    // Made after the turns, so that it ends before them: what handlers have answered can still be committed.
    const conversations: Controller.Controller = yield* Controller.make({
      name: "message-handler",
      workers: options.concurrency,
      reconcile: (key) =>
        Effect.suspend(() => {
          const [storeId, conversationId] = partsOf(key)
          const one = followed.get(storeId)
          // Handed out before the store was stopped and followed again: it will be handed out anew.
          if (one?.backlog?.isActive(conversationId) !== true) return Effect.succeed(Controller.Done)
          return attempts.handleOldest(one, conversationId, manager.openStore(storeId)).pipe(
            Effect.as(0),
            // A dead store is opened afresh, and has its turn then; a ledger that fails is asked again.
            Effect.catchTag("StoreDied", () => Effect.succeed(0)),
            Effect.catchTag("LedgerError", () => Effect.succeed(LEDGER_RETRY_MS)),
            Effect.flatMap((afterMs) => turns.add(storeId, { afterMs })),
            Effect.as(Controller.Done)
          )
        }),
      timeout: options.handlerTimeoutMs + ATTEMPT_OVERHEAD_MS,
      shutdownGrace: options.shutdownGraceMs
    })

    const news = yield* Queue.unbounded<string>()
    yield* manager.subscribe((signal) => {
      const one = followed.get(signal.storeId)
      if (one === undefined || signal._tag === "Died") return
      if (signal._tag === "Connectivity") {
        one.isCaughtUp = false
        if (!signal.connectivity.isConnected) return
      }
      Queue.unsafeOffer(news, signal.storeId)
    })
    yield* Supervised.run(
      "message-news",
      Effect.forever(Effect.flatMap(Queue.takeBetween(news, 1, NEWS_STEP), (ids) => turns.addAll(ids)))
    )

    const decide = (storeId: string, messageId: string, decision: (row: LedgerRow, now: number) => Change) =>
      Effect.gen(function* () {
        const row = (yield* ledger.find(storeId, [messageId])).get(messageId)
        if (row === undefined) return yield* new UnknownMessage({ storeId, messageId })
        if (row.state !== "parked") return yield* new NotParked({ storeId, messageId, state: row.state })
        const change = decision(row, yield* Clock.currentTimeMillis)
        const one = followed.get(storeId)
        if (one?.isLoaded !== true) return yield* ledger.write(storeId, change)
        yield* record(one, change)
        yield* turns.add(storeId)
      })

    return EventProcessor.of({
      startMonitoring: (storeId) =>
        Effect.suspend(() => {
          const one = followed.get(storeId)
          if (one === undefined) {
            followed.set(storeId, makeFollowed(storeId))
            // Nothing to read and nothing left over: most stores, of which the first news brings the first turn.
            if (!manager.hasNews(storeId) && !ledger.knows(storeId)) return logStart(storeId)
          } else one.isCaughtUp = false
          // The news of the time between opening, or opening again, and following must not be missed (law 3).
          return Effect.zipRight(turns.add(storeId), logStart(storeId))
        }),
      stopMonitoring: (storeId) =>
        Effect.suspend(() => {
          const one = followed.get(storeId)
          if (one === undefined) return Effect.void
          followed.delete(storeId)
          one.isStopped = true
          figures.count(one, -1)
          if (one.stopped !== null) Deferred.unsafeDone(one.stopped, Exit.void)
          const active = [...(one.backlog?.activeConversations() ?? [])]
          return Effect.forEach(active, (id) => conversations.awaitSettled(keyOf(storeId, id)), {
            discard: true
          }).pipe(Effect.zipRight(turns.forget(storeId)), Effect.zipRight(turns.awaitSettled(storeId)))
        }),
      isMonitoring: (storeId) => followed.has(storeId),
      processing: (storeId) => {
        const one = followed.get(storeId)
        return one === undefined ? undefined : processingOf(one)
      },
      totals: () => figures.processing,
      errorRate: () => figures.errorRate,
      oldestOpenAt: () => {
        let oldest: number | null = null
        for (const { backlog } of followed.values()) {
          const at = backlog?.oldestAt()
          if (at !== undefined && (oldest === null || at < oldest)) oldest = at
        }
        return oldest
      },
      parked: ledger.parked,
      retry: (storeId, messageId) =>
        decide(storeId, messageId, (row, at) => ({
          parked: -1,
          rows: [{ ...row, state: "pending", attempts: 0, failures: 0, nextAttemptAt: null, at }]
        })),
      drop: (storeId, messageId) =>
        decide(storeId, messageId, (row, at) => ({
          parked: -1,
          processed: 1,
          rows: [{ ...row, state: "done", since: null, at }]
        })),
      forget: (storeId) => (followed.has(storeId) ? Effect.void : ledger.forget(storeId))
    })
  })

export const layer = (
  options: Options
): Layer.Layer<EventProcessor, never, StoreManager | MessageLedger | MessageHandler> =>
  Layer.scoped(EventProcessor, make(options))
