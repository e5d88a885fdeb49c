/**
 * What has become of every user message, kept over restarts: positions in the stores' histories, and a row for each
 * message from when it is read until some time after it is done. Never a message's content: a row says where in the
 * history it is.
 *
 * A repository without judgement; its one user is the event processor.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { Cursor } from "../StoreDriver.ts"
import type { Reply } from "./Message.ts"

/**
 * `pending`: to be handled. `handling`: an attempt has begun. `handled`: the answer is there and has to be committed.
 * `parked`: given up until an operator decides. `done`: answered, dropped, or in no need of an answer.
 */
export type MessageState = "pending" | "handling" | "handled" | "parked" | "done"

export interface LedgerRow {
  readonly messageId: string
  readonly conversationId: string
  /** Its place among the store's messages; null: its answer was read before the message itself. */
  readonly seq: number | null
  /** The position just before the message's event; null is the beginning of the history. */
  readonly since: Cursor | null
  readonly state: MessageState
  /** Attempts that have begun, those that a crash cut off included. */
  readonly attempts: number
  /** Attempts whose failure speaks against the message. */
  readonly failures: number
  /** Not before this, in milliseconds since the epoch. */
  readonly nextAttemptAt: number | null
  readonly lastError: string | null
  /** Between handling and confirmation. */
  readonly reply: Reply | null
  /** When the state was reached, in milliseconds since the epoch. */
  readonly at: number
}

/** How far a store has been read, and how much was in it. */
export interface LedgerHead {
  /** Every message before this has a row, or had one. */
  readonly cursor: Cursor | null
  /** Every answer before this is known. Never behind `cursor`; ahead of it while there is too much to do. */
  readonly scanned: Cursor | null
  /** Messages before `scanned`. */
  readonly userMessages: number
  /** Those of them that are done. */
  readonly processed: number
  readonly lastUserMessageAt: number | null
}

export const emptyHead: LedgerHead = {
  cursor: null,
  scanned: null,
  userMessages: 0,
  processed: 0,
  lastUserMessageAt: null
}

export interface LedgerStore {
  readonly head: LedgerHead
  /** What is neither parked nor done, in the order of the history. */
  readonly open: ReadonlyArray<LedgerRow>
  readonly parked: number
  /** The greatest `seq` that was given out; 0 if none was. */
  readonly lastSeq: number
}

/** What changes together. The counts are added, so that two writers of one store do not undo each other. */
export interface LedgerChange {
  readonly position?: { readonly cursor: Cursor | null; readonly scanned: Cursor | null }
  readonly userMessages?: number
  readonly processed?: number
  readonly lastUserMessageAt?: number | null
  readonly rows: ReadonlyArray<LedgerRow>
}

export interface ParkedRow extends LedgerRow {
  readonly storeId: string
}

export interface ParkedQuery {
  /** Null: of all stores. */
  readonly storeId: string | null
  readonly limit: number
  /** Only those behind this one, in the order of store and message ids. */
  readonly after: { readonly storeId: string; readonly messageId: string } | null
}

/** The ledger could not be read or written: nothing was changed. */
export class LedgerError extends Schema.TaggedError<LedgerError>()("LedgerError", {
  operation: Schema.String,
  message: Schema.String
}) {}

export class MessageLedger extends Context.Tag("workspace-orchestrator/stores/MessageLedger")<
  MessageLedger,
  {
    /** Where the database is; null: in memory. */
    readonly path: string | null
    /** Whether anything is known of the store. */
    readonly knows: (storeId: string) => boolean
    /** What is known of the store; undefined when nothing is. Costs nothing for a store without a message. */
    readonly load: (storeId: string) => Effect.Effect<LedgerStore | undefined, LedgerError>
    /** The rows of those messages that have one. */
    readonly find: (
      storeId: string,
      messageIds: ReadonlyArray<string>
    ) => Effect.Effect<ReadonlyMap<string, LedgerRow>, LedgerError>
    /** All of it or nothing. */
    readonly write: (storeId: string, change: LedgerChange) => Effect.Effect<void, LedgerError>
    readonly parked: (query: ParkedQuery) => Effect.Effect<ReadonlyArray<ParkedRow>, LedgerError>
    /** Forgets the done messages of a store but the newest `keep`. */
    readonly prune: (storeId: string, keep: number) => Effect.Effect<void, LedgerError>
    /** Forgets the store. */
    readonly forget: (storeId: string) => Effect.Effect<void, LedgerError>
  }
>() {}

/** The head after a change. */
export const changedHead = (head: LedgerHead, change: LedgerChange): LedgerHead => ({
  cursor: change.position === undefined ? head.cursor : change.position.cursor,
  scanned: change.position === undefined ? head.scanned : change.position.scanned,
  userMessages: head.userMessages + (change.userMessages ?? 0),
  processed: head.processed + (change.processed ?? 0),
  lastUserMessageAt: change.lastUserMessageAt ?? head.lastUserMessageAt
})
