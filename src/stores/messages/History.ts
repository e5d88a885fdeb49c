/**
 * Reading a store's history into the ledger, batch by batch.
 *
 * Two positions: everything before `scanned` has been looked at for answers, everything before `cursor` has been taken in
 * as messages to handle. They part when there is more to do than the backlog holds: the messages then stay in the store,
 * behind the cursor, while answers ahead of them are still found, so that what another replica, or an earlier life of this
 * one, has answered is never answered again.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Cursor, OpenStore, StoreEvent } from "../StoreDriver.ts"
import { type Change, type Followed, isBehind, type Recorder } from "./FollowedStore.ts"
import type { UserMessage } from "./Message.ts"
import type { LedgerRow, MessageLedger } from "./MessageLedger.ts"
import type { Vocabulary } from "./Vocabulary.ts"

export interface HistoryOptions {
  readonly ledger: (typeof MessageLedger)["Service"]
  readonly record: Recorder
  readonly vocabulary: Vocabulary
  /** Whether there is a handler: without one a message is done when it has been read. */
  readonly handles: boolean
  /** Open messages of one store that are held at a time. */
  readonly maxOpen: number
  /** Events read at a time. */
  readonly batch: number
}

const tombstone = (messageId: string, now: number): LedgerRow => ({
  messageId,
  conversationId: "",
  seq: null,
  since: null,
  state: "done",
  attempts: 0,
  failures: 0,
  nextAttemptAt: null,
  lastError: null,
  reply: null,
  at: now
})

/** What a batch of events means for the ledger, event by event. */
class Digest {
  readonly rows = new Map<string, LedgerRow>()
  userMessages = 0
  processed = 0
  parked = 0
  opened = 0
  lastUserMessageAt: number
  cursor: Cursor | null
  scanned: Cursor | null
  readonly #known: ReadonlyMap<string, LedgerRow>
  readonly #now: number
  readonly #handles: boolean
  #seq: number

  constructor(one: Followed, known: ReadonlyMap<string, LedgerRow>, now: number, handles: boolean) {
    this.cursor = one.head.cursor
    this.scanned = one.head.scanned
    this.lastUserMessageAt = one.head.lastUserMessageAt ?? 0
    this.#seq = one.lastSeq
    this.#known = known
    this.#now = now
    this.#handles = handles
  }

  /** Takes a message in; `isCounted` when it was counted as it was scanned. */
  take(message: UserMessage, since: Cursor | null, isCounted: boolean): void {
    const row = this.#row(message.id)
    if (row !== undefined && row.seq !== null) {
      // A client has repeated its event. Where it was before may be in the history of a backend that was reset.
      if (isCounted) this.userMessages -= 1
      if (row.state !== "done" && row.since !== since) this.#set({ ...row, since })
      return
    }
    if (!isCounted) this.count(message)
    const isDone = row !== undefined || !this.#handles
    if (isDone) this.processed += 1
    else this.opened += 1
    this.#set({
      ...(row ?? tombstone(message.id, this.#now)),
      conversationId: message.conversationId,
      seq: ++this.#seq,
      since: isDone ? null : since,
      state: isDone ? "done" : "pending"
    })
  }

  count({ sentAt }: UserMessage): void {
    this.userMessages += 1
    this.lastUserMessageAt = Math.max(this.lastUserMessageAt, Math.min(sentAt ?? this.#now, this.#now))
  }

  answered(messageId: string): void {
    const row = this.#row(messageId)
    if (row?.state === "done") return
    if (row === undefined) {
      // Everything up to here has been taken in: the message was done long ago.
      if (this.cursor !== this.scanned) this.#set(tombstone(messageId, this.#now))
      return
    }
    this.processed += 1
    if (row.state === "parked") this.parked -= 1
    else this.opened -= 1
    this.#set({ ...row, state: "done", reply: null, nextAttemptAt: null, at: this.#now })
  }

  get change(): Change {
    return {
      position: { cursor: this.cursor, scanned: this.scanned },
      userMessages: this.userMessages,
      processed: this.processed,
      parked: this.parked,
      lastUserMessageAt: this.lastUserMessageAt === 0 ? null : this.lastUserMessageAt,
      rows: [...this.rows.values()]
    }
  }

  #row(messageId: string): LedgerRow | undefined {
    return this.rows.get(messageId) ?? this.#known.get(messageId)
  }

  #set(row: LedgerRow): void {
    this.rows.set(row.messageId, row)
  }
}

/** Makes the reader of histories. Each call reads one batch and answers whether there may be more of it. */
export const makeHistory = ({ batch, handles, ledger, maxOpen, record, vocabulary }: HistoryOptions) => {
  interface Seen {
    readonly event: StoreEvent
    readonly message: UserMessage | undefined
    readonly answered: string | undefined
  }
  const look = (event: StoreEvent): Seen => {
    const message = vocabulary.userMessage(event)
    return { event, message, answered: message === undefined ? vocabulary.answeredMessage(event) : undefined }
  }
  const digestFor = (one: Followed, seen: ReadonlyArray<Seen>) =>
    Effect.gen(function* () {
      const ids = new Set(seen.flatMap(({ answered, message }) => message?.id ?? answered ?? []))
      const known = yield* ledger.find(one.storeId, [...ids])
      return new Digest(one, known, yield* Clock.currentTimeMillis, handles)
    })
  const hasRoom = (one: Followed, digest: Digest) => (one.backlog?.size ?? 0) + digest.opened < maxOpen

  const scan = (one: Followed, store: OpenStore) =>
    Effect.gen(function* () {
      let since = one.head.scanned
      const seen = (yield* store.read(Option.fromNullable(since), batch)).map(look)
      if (seen.length === 0) return false
      const digest = yield* digestFor(one, seen)
      let isTakingIn = !isBehind(one)
      for (const { answered, event, message } of seen) {
        if (message !== undefined) {
          isTakingIn &&= hasRoom(one, digest)
          if (isTakingIn) digest.take(message, since, false)
          else digest.count(message)
        } else if (answered !== undefined) {
          digest.answered(answered)
        }
        since = event.cursor
        digest.scanned = since
        if (isTakingIn) digest.cursor = since
      }
      yield* record(one, digest.change)
      return seen.length === batch
    })

  /** Takes in what was scanned before there was room for it. */
  const takeIn = (one: Followed, store: OpenStore) =>
    Effect.gen(function* () {
      if (!isBehind(one) || (one.backlog?.size ?? 0) >= maxOpen) return false
      let since = one.head.cursor
      const seen = (yield* store.read(Option.fromNullable(since), batch)).map(look)
      const digest = yield* digestFor(one, seen)
      // Nothing is there any more: a backend that was reset has a shorter history.
      if (seen.length === 0) digest.cursor = digest.scanned
      for (const { event, message } of seen) {
        if (!hasRoom(one, digest) && message !== undefined) break
        if (message !== undefined) digest.take(message, since, true)
        since = event.cursor
        digest.cursor = since
        if (since === digest.scanned) break
      }
      yield* record(one, digest.change)
      return isBehind(one) && (one.backlog?.size ?? 0) < maxOpen
    })

  return { scan, takeIn }
}
