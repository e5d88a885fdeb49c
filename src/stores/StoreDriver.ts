/**
 * What this server asks of a store, and nothing more, so that a driver can be heavy (a full LiveStore) or
 * light (a tail of a workspace's events).
 *
 * News, connectivity and death reach us as synchronous signals and not as streams: an idle store then costs
 * no fiber of ours, and 100,000 of them fit in one process (docs/decisions/0006).
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"

/** A position in a store's confirmed history. Opaque: made by a driver, given back to the same kind of driver. */
export type Cursor = string

/** One event that the sync backend has confirmed. */
export interface StoreEvent {
  /** The position just behind this event: resuming from it yields the next one. */
  readonly cursor: Cursor
  /** The event's name in the store's schema, such as `v1.UserMessageSent`. */
  readonly name: string
  /** The event's arguments as the schema decodes them. */
  readonly args: unknown
}

/** An event to be written, by name and arguments; the driver checks it against the store's schema. */
export interface StoreCommit {
  readonly name: string
  readonly args: unknown
}

/** Whether the store hears its sync backend. `since` is in milliseconds since the epoch. */
export interface Connectivity {
  readonly isConnected: boolean
  readonly since: number
}

/** How far the store is with its sync backend. */
export interface SyncStatus {
  /** Events written here that the backend has not confirmed yet. */
  readonly pendingCount: number
  readonly localHead: Cursor
  readonly upstreamHead: Cursor
}

/** The store could not be opened. `reason` decides nothing but is read by people and by the metrics. */
export class StoreOpenError extends Schema.TaggedError<StoreOpenError>()("StoreOpenError", {
  storeId: Schema.String,
  reason: Schema.Literal("timeout", "rejected", "corrupt", "busy", "driver"),
  message: Schema.String
}) {}

/** An open store came to its end by itself. Its handle is useless: release it and open afresh. */
export class StoreDied extends Schema.TaggedError<StoreDied>()("StoreDied", {
  storeId: Schema.String,
  reason: Schema.Literal("shutdown", "sync-error", "processor", "disconnected", "rejected"),
  message: Schema.String
}) {}

/** A commit that the backend has not confirmed. It may or may not arrive: repeat it with the same identity. */
export class CommitError extends Schema.TaggedError<CommitError>()("CommitError", {
  storeId: Schema.String,
  reason: Schema.Literal("invalid", "timeout", "died"),
  message: Schema.String
}) {}

/**
 * How an open store tells its owner what happens to it. Called synchronously from the driver: cheap, never
 * throwing, and never after the store's scope has closed. The first calls may come before `open` has returned, once
 * it is certain to succeed: a store that opens connected says so by `onConnectivity`.
 */
export interface StoreSignals {
  /** There are confirmed events up to `head`. Also called once after opening when there is any history. */
  readonly onNews: (head: Cursor) => void
  /** The connectivity has changed. Never called twice in a row with the same `isConnected`. */
  readonly onConnectivity: (connectivity: Connectivity) => void
  /** The store has died by itself (law 9). Called at most once; closing the scope is no death. */
  readonly onDeath: (death: StoreDied) => void
}

/** An open store. It lives as long as the Scope it was opened in. */
export interface OpenStore {
  readonly storeId: string
  /**
   * The confirmed events behind `since` (from the beginning when none), oldest first, at most `limit`.
   * Empty when there is nothing newer: wait for `onNews`. Reading never loses or skips an event.
   */
  readonly read: (
    since: Option.Option<Cursor>,
    limit: number
  ) => Effect.Effect<ReadonlyArray<StoreEvent>, StoreDied>
  /**
   * Writes one event and returns once the backend has confirmed it. Commits of one store are serial.
   * Bounded in time: an unconfirmed commit fails with `timeout` and may still arrive.
   */
  readonly commit: (event: StoreCommit) => Effect.Effect<void, CommitError>
  /** The present connectivity. Synchronous and cheap: read on every `/health`. */
  readonly connectivity: () => Connectivity
  /** How far the store is. Synchronous and cheap: read on every `/health`. */
  readonly syncStatus: () => SyncStatus
}

export class StoreDriver extends Context.Tag("workspace-orchestrator/stores/StoreDriver")<
  StoreDriver,
  {
    readonly name: "livestore" | "memory"
    /**
     * Opens the store and owns it in the caller's Scope: released exactly once, whatever happens (law 8).
     * Interrupting it midway leaves nothing behind. The driver bounds its own concurrency. Offline is no failure:
     * the store opens from what it has and connects when it can.
     */
    readonly open: (
      storeId: string,
      signals: StoreSignals
    ) => Effect.Effect<OpenStore, StoreOpenError, Scope.Scope>
    /**
     * Deletes the local data of a store that is not open, if there is any. Never touches anything outside the
     * data folder.
     */
    readonly purge: (storeId: string) => Effect.Effect<void>
  }
>() {}
