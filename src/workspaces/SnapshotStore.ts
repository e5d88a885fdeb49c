/**
 * Where the accepted snapshot survives a restart (law 12): the set, and the evidence about what is missing from it.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type { Feature } from "./Workspace.ts"

/** Why we believe that a workspace is gone, and since when (milliseconds since the epoch). */
export interface Absence {
  /** `deleted`: the changes feed said so. `absent`: complete lists do not have it. */
  readonly kind: "deleted" | "absent"
  /** In how many consecutive complete lists it was missing. */
  readonly confirmations: number
  readonly since: number
  /** Who deleted it and when (milliseconds since the epoch), where the changes feed says so. */
  readonly deletedBy?: string
  readonly deletedAt?: number
}

export interface Entry {
  /** Null: the workspace exists. */
  readonly absence: Absence | null
}

export interface Snapshot {
  readonly entries: ReadonlyMap<string, Entry>
  readonly revision: string | null
  readonly environmentId: string | null
  readonly features: ReadonlySet<Feature>
  readonly fetchedAt: number
}

export class SnapshotStore extends Context.Tag("workspace-orchestrator/workspaces/SnapshotStore")<
  SnapshotStore,
  {
    /** The newest saved snapshot. */
    readonly load: Effect.Effect<Option.Option<Snapshot>>
    /** Saves the snapshot, of which only the `touched` entries differ from the one saved before. */
    readonly save: (snapshot: Snapshot, touched: ReadonlySet<string>) => Effect.Effect<void>
  }
>() {}

/** Remembers nothing beyond the process. */
export const layerMemory: Layer.Layer<SnapshotStore> = Layer.succeed(
  SnapshotStore,
  SnapshotStore.of({ load: Effect.succeed(Option.none()), save: () => Effect.void })
)
