/**
 * What the event processor holds of the stores that it follows, and its one way to change it: first in the ledger, then
 * here. An idle store is one small object; sums over all of them are maintained, never recomputed.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FiberId from "effect/FiberId"
import { Backlog } from "./Backlog.ts"
import {
  changedHead,
  emptyHead,
  type LedgerChange,
  type LedgerError,
  type LedgerHead,
  type LedgerRow,
  type MessageLedger
} from "./MessageLedger.ts"

/**
 * Counts of user messages. `userMessages` is the sum of the processed (answered, dropped, or in no need of an answer), the
 * pending and the parked. Times are in milliseconds since the epoch.
 */
export interface Processing {
  readonly userMessages: number
  readonly processedUserMessages: number
  readonly pendingUserMessages: number
  readonly parkedUserMessages: number
  /** Handlers that run at this moment. */
  readonly activeHandlers: number
  readonly lastUserMessageAt: number | null
}

export interface Followed {
  readonly storeId: string
  /** Whether the ledger has been asked what it knows. */
  isLoaded: boolean
  head: LedgerHead
  parked: number
  lastSeq: number
  /** Null while nothing is open: most stores, most of the time. */
  backlog: Backlog | null
  /** The history has been read to its end since the store was opened, connected, or left a commit unconfirmed. */
  isCaughtUp: boolean
  /** No attempt is begun before this, on the monotonic clock. */
  heldUntil: number
  /** Since when a commit of ours waits for its confirmation. */
  unconfirmedSince: number | null
  doneSincePruned: number
  activeHandlers: number
  /** What still happens to it no longer counts. */
  isStopped: boolean
  /** Done when the store is no longer followed; made by the first who waits for it. */
  stopped: Deferred.Deferred<void> | null
}

export const makeFollowed = (storeId: string): Followed => ({
  storeId,
  isLoaded: false,
  head: emptyHead,
  parked: 0,
  lastSeq: 0,
  backlog: null,
  isCaughtUp: false,
  heldUntil: 0,
  unconfirmedSince: null,
  doneSincePruned: 0,
  activeHandlers: 0,
  isStopped: false,
  stopped: null
})

/** Not everything that is known to be in the history has been taken into the ledger. */
export const isBehind = ({ head }: Followed): boolean => head.cursor !== head.scanned

export const backlogOf = (one: Followed): Backlog => (one.backlog ??= new Backlog())

export const untilStopped = (one: Followed): Effect.Effect<void> =>
  Effect.suspend(() => {
    one.stopped ??= Deferred.unsafeMake<void>(FiberId.none)
    return Deferred.await(one.stopped)
  })

export const processingOf = (one: Followed): Processing => ({
  userMessages: one.head.userMessages,
  processedUserMessages: one.head.processed,
  pendingUserMessages: one.head.userMessages - one.head.processed - one.parked,
  parkedUserMessages: one.parked,
  activeHandlers: one.activeHandlers,
  lastUserMessageAt: one.head.lastUserMessageAt
})

/** Of how many of the newest attempts the error rate is made. */
const RATED_ATTEMPTS = 100

/** The sums over all followed stores, and how well the newest attempts went. */
export class Figures {
  userMessages = 0
  processed = 0
  parked = 0
  activeHandlers = 0
  lastUserMessageAt: number | null = null
  readonly #outcomes: Array<boolean> = []
  #next = 0
  #failed = 0

  /** Adds, or with -1 takes away, everything that one store counts for. */
  count(one: Followed, sign: 1 | -1): void {
    this.userMessages += sign * one.head.userMessages
    this.processed += sign * one.head.processed
    this.parked += sign * one.parked
    if (sign === 1) this.#noteTime(one.head.lastUserMessageAt)
  }

  change(change: LedgerChange, parked: number): void {
    this.userMessages += change.userMessages ?? 0
    this.processed += change.processed ?? 0
    this.parked += parked
    this.#noteTime(change.lastUserMessageAt ?? null)
  }

  #noteTime(at: number | null): void {
    if (at !== null && at > (this.lastUserMessageAt ?? 0)) this.lastUserMessageAt = at
  }

  noteAttempt(hasFailed: boolean): void {
    if (this.#outcomes[this.#next] === true) this.#failed -= 1
    this.#outcomes[this.#next] = hasFailed
    if (hasFailed) this.#failed += 1
    this.#next = (this.#next + 1) % RATED_ATTEMPTS
  }

  /** The part of the newest attempts that failed, from 0 to 1. */
  get errorRate(): number {
    return this.#outcomes.length === 0 ? 0 : this.#failed / this.#outcomes.length
  }

  get processing(): Processing {
    return {
      userMessages: this.userMessages,
      processedUserMessages: this.processed,
      pendingUserMessages: this.userMessages - this.processed - this.parked,
      parkedUserMessages: this.parked,
      activeHandlers: this.activeHandlers,
      lastUserMessageAt: this.lastUserMessageAt
    }
  }
}

/** What changes of a store: the ledger's part, and how many more are parked. */
export interface Change extends LedgerChange {
  readonly parked?: number
}

/** Done messages of a store between two prunings. */
const PRUNE_EVERY = 100

const isOpen = ({ state }: LedgerRow): boolean => state !== "done" && state !== "parked"

export interface RecorderOptions {
  readonly ledger: (typeof MessageLedger)["Service"]
  readonly figures: Figures
  /** How many done messages of each store stay in the ledger. */
  readonly keepDone: number
}

/** Makes the only way to change what is known of a followed store. */
export const makeRecorder = ({ figures, keepDone, ledger }: RecorderOptions) => {
  const apply = (one: Followed, { parked = 0, ...change }: Change): void => {
    one.head = changedHead(one.head, change)
    one.parked += parked
    if (!one.isStopped) figures.change(change, parked)
    for (const row of change.rows) {
      one.lastSeq = Math.max(one.lastSeq, row.seq ?? 0)
      if (isOpen(row)) {
        backlogOf(one).put(row)
        continue
      }
      const before = one.backlog?.get(row.messageId)
      if (before === undefined) continue
      one.backlog?.remove(row.messageId)
      // A running attempt releases its conversation itself.
      if (before.state === "handled") one.backlog?.release(row.conversationId)
    }
    one.doneSincePruned += change.processed ?? 0
  }

  return (one: Followed, change: Change): Effect.Effect<void, LedgerError> =>
    Effect.suspend(() => {
      const { parked: _, ...written } = change
      return ledger.write(one.storeId, written)
    }).pipe(
      Effect.zipRight(Effect.sync(() => apply(one, change))),
      Effect.zipRight(
        Effect.suspend(() => {
          if (one.doneSincePruned < PRUNE_EVERY) return Effect.void
          one.doneSincePruned = 0
          return ledger.prune(one.storeId, keepDone)
        })
      )
    )
}

export type Recorder = ReturnType<typeof makeRecorder>

/** Brings back what the ledger knows of the store. */
export const load = (
  one: Followed,
  ledger: (typeof MessageLedger)["Service"],
  figures: Figures
): Effect.Effect<void, LedgerError> =>
  Effect.map(ledger.load(one.storeId), (known) => {
    one.isLoaded = true
    if (known === undefined) return
    one.head = known.head
    one.parked = known.parked
    one.lastSeq = known.lastSeq
    for (const row of known.open) {
      backlogOf(one).put(row)
      if (row.state === "handled") backlogOf(one).activate(row.conversationId)
    }
    if (!one.isStopped) figures.count(one, 1)
  })
