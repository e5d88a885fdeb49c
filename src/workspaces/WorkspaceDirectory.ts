/**
 * The source of truth as the server asks it: which workspaces exist.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type { DirectoryError } from "./DirectoryError.ts"
import type { Feature } from "./Workspace.ts"

/** One complete list: all pages, all of one revision, every row with an id. */
export interface Listing {
  readonly ids: ReadonlySet<string>
  /** Workspaces that exist and cannot be opened: their ids, and what is wrong with each. */
  readonly unsupported: ReadonlyMap<string, string>
  /** Pairs of ids that differ only by case. */
  readonly lookalikes: ReadonlyArray<readonly [string, string]>
  /** Null where the directory has no revisions. */
  readonly revision: string | null
  readonly environmentId: string | null
  readonly features: ReadonlySet<Feature>
  /** A token of the revision, where the directory gives one: the same number with another token is another state. */
  readonly lineage?: string | null
}

/** What has changed since a revision, oldest first. */
export interface Changes {
  readonly changes: ReadonlyArray<{ readonly kind: "upsert" | "delete"; readonly instanceId: string }>
  readonly revision: string
  readonly lineage?: string | null
  readonly environmentId?: string | null
}

export class WorkspaceDirectory extends Context.Tag("workspace-orchestrator/workspaces/WorkspaceDirectory")<
  WorkspaceDirectory,
  {
    /**
     * The whole list, or a failure. `NotModified` (None) only when `knownRevision` is given and the directory says
     * that nothing has changed since.
     */
    readonly list: (known: {
      readonly revision: string | null
      readonly features: ReadonlySet<Feature>
      /** No validator is sent: the directory has to say the whole list, whatever it believes to have said before. */
      readonly unconditional?: boolean
    }) => Effect.Effect<Option.Option<Listing>, DirectoryError>
    /**
     * The changes behind `since`; None when the directory no longer remembers them (410), or was at that revision with
     * another lineage: list again.
     */
    readonly changes: (
      since: string,
      lineage?: string | null
    ) => Effect.Effect<Option.Option<Changes>, DirectoryError>
    /** Whether the directory, asked for this one id, says that it exists. */
    readonly exists: (instanceId: string) => Effect.Effect<boolean, DirectoryError>
    /** The workspaces of one user; None where the directory does not offer the look-up. */
    readonly instancesOf: (
      userId: string
    ) => Effect.Effect<Option.Option<ReadonlySet<string>>, DirectoryError>
  }
>() {}
