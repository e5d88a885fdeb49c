/**
 * Putting a backup in the place of a server's state, as the command line knows it; its `main` says how it is done. It
 * needs SQLite, which no other command does.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

/** Nothing was replaced; the message says why and what to do. */
export class RestoreImpossible extends Schema.TaggedError<RestoreImpossible>()("RestoreImpossible", {
  /** A server runs on the data folder. */
  inUse: Schema.Boolean,
  message: Schema.String
}) {}

export interface Restored {
  readonly path: string
  /** Where the state that was there is kept; null: there was none. */
  readonly aside: string | null
  /** What is wrong with it all the same, in words. */
  readonly problems: ReadonlyArray<string>
  readonly counts: Readonly<Record<string, number>>
  readonly snapshotFetchedAt: string | null
}

export class StateRestore extends Context.Tag("workspace-orchestrator/cli/StateRestore")<
  StateRestore,
  {
    /** Restores a backup of the data folder (`STORE_DATA_PATH`) of a server that is stopped. */
    readonly restore: (
      dataPath: string,
      id: string,
      actor: string
    ) => Effect.Effect<Restored, RestoreImpossible>
  }
>() {}
