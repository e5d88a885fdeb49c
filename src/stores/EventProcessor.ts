/**
 * Follows the confirmed events of every monitored store. A store without news costs nothing here: what has news is a
 * key in a work queue of its own, read batch by batch, so that a noisy store takes turns with the others (law 4).
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import type * as Duration from "effect/Duration"
import * as Controller from "../controller/Controller.ts"
import { StoreDied, type Cursor, type StoreEvent } from "./StoreDriver.ts"
import { StoreManager } from "./StoreManager.ts"
import { eventNames } from "./workspaceEvents.ts"

/** What has been seen of one store's user messages. Times are in milliseconds since the epoch. */
export interface Processing {
  readonly userMessages: number
  readonly processedUserMessages: number
  readonly lastUserMessageAt: number | null
}

export interface Options {
  /** How long the end of the processor lets a batch finish. */
  readonly shutdownGrace: Duration.DurationInput
}

/** How many stores are read at once. */
const READERS = 8
/** Events read from one store before the next store has its turn. */
const BATCH = 100
/** The longest that one batch may take. */
const BATCH_TIMEOUT = "30 seconds"
/** News taken from the drivers' signals in one step. */
const NEWS_STEP = 1_000

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
  }
>() {}

interface Followed {
  cursor: Option.Option<Cursor>
  userMessages: number
  lastUserMessageAt: number | null
}

const asProcessing = (followed: Followed): Processing => ({
  userMessages: followed.userMessages,
  processedUserMessages: followed.userMessages,
  lastUserMessageAt: followed.lastUserMessageAt
})

export const make = (options: Options) =>
  Effect.gen(function* () {
    const manager = yield* StoreManager
    const followed = new Map<string, Followed>()
    let userMessages = 0
    let lastUserMessageAt: number | null = null

    const note = (one: Followed, event: StoreEvent, now: number): void => {
      one.cursor = Option.some(event.cursor)
      if (event.name !== eventNames.userMessageSent) return
      one.userMessages += 1
      one.lastUserMessageAt = now
      userMessages += 1
      lastUserMessageAt = now
    }

    const readBatch = (storeId: string) =>
      Effect.gen(function* () {
        const one = followed.get(storeId)
        const store = manager.openStore(storeId)
        if (one === undefined || store === undefined) return Controller.Done
        const events = yield* store.read(one.cursor, BATCH)
        const now = yield* Clock.currentTimeMillis
        for (const event of events) note(one, event, now)
        // A full batch: the store has probably more, and gets its next turn behind those that wait already.
        return events.length === BATCH ? Controller.RequeueAfter(0) : Controller.Done
      }).pipe(
        Effect.catchAllDefect((defect) =>
          manager
            .declareDead(
              new StoreDied({
                storeId,
                reason: "processor",
                message: "The event processor has failed unexpectedly"
              })
            )
            .pipe(
              Effect.zipRight(
                Effect.logError("workspace_orchestration.processor_died", Cause.die(defect)).pipe(
                  Effect.annotateLogs({ storeId })
                )
              ),
              Effect.as(Controller.Done)
            )
        )
      )

    const controller = yield* Controller.make({
      name: "event-processor",
      workers: READERS,
      reconcile: readBatch,
      timeout: BATCH_TIMEOUT,
      shutdownGrace: options.shutdownGrace
    })

    const news = yield* Queue.unbounded<string>()
    yield* manager.subscribe((signal) => {
      if (signal._tag === "News" && followed.has(signal.storeId)) Queue.unsafeOffer(news, signal.storeId)
    })
    yield* Queue.takeBetween(news, 1, NEWS_STEP).pipe(
      Effect.flatMap((storeIds) => controller.addAll(storeIds)),
      Effect.forever,
      Effect.forkScoped
    )

    return EventProcessor.of({
      startMonitoring: (storeId) =>
        Effect.suspend(() => {
          if (!followed.has(storeId)) {
            followed.set(storeId, { cursor: Option.none(), userMessages: 0, lastUserMessageAt: null })
          }
          // The news of the time between opening, or opening again, and following must not be missed (law 3).
          return controller.add(storeId)
        }),
      stopMonitoring: (storeId) =>
        Effect.suspend(() => {
          const one = followed.get(storeId)
          if (one === undefined) return Effect.void
          followed.delete(storeId)
          userMessages -= one.userMessages
          return Effect.zipRight(controller.forget(storeId), controller.awaitSettled(storeId))
        }),
      isMonitoring: (storeId) => followed.has(storeId),
      processing: (storeId) => {
        const one = followed.get(storeId)
        return one === undefined ? undefined : asProcessing(one)
      },
      totals: () => ({ userMessages, processedUserMessages: userMessages, lastUserMessageAt })
    })
  })

export const layer = (options: Options): Layer.Layer<EventProcessor, never, StoreManager> =>
  Layer.scoped(EventProcessor, make(options))
