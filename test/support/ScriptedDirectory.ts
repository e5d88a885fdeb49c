/**
 * A directory of which each call is answered as the test says at that moment. FakeDirectory is a source with a world of
 * its own; this one has none, for answers that no world would give.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Option from "effect/Option"
import type { DirectoryError } from "../../src/workspaces/DirectoryError.ts"
import type { Feature } from "../../src/workspaces/Workspace.ts"
import { WorkspaceDirectory, type Changes, type Listing } from "../../src/workspaces/WorkspaceDirectory.ts"

type Service = WorkspaceDirectory["Type"]

export interface Script {
  list: Service["list"]
  changes: Service["changes"]
  exists: Service["exists"]
  instancesOf: Service["instancesOf"]
}

export const listingOf = (
  ids: ReadonlyArray<string>,
  rest: {
    readonly revision?: string | null
    readonly environmentId?: string | null
    readonly unsupported?: ReadonlyMap<string, string>
    readonly features?: ReadonlyArray<Feature>
    readonly lineage?: string
  } = {}
): Listing => ({
  ids: new Set(ids),
  unsupported: rest.unsupported ?? new Map(),
  lookalikes: [],
  revision: rest.revision ?? null,
  environmentId: rest.environmentId ?? null,
  features: new Set(rest.features),
  lineage: rest.lineage ?? null
})

/** Answers of a list: a listing, and "nothing has changed". */
export const listed = (...args: Parameters<typeof listingOf>): Effect.Effect<Option.Option<Listing>> =>
  Effect.succeedSome(listingOf(...args))
export const notModified: Effect.Effect<Option.Option<Listing>> = Effect.succeedNone

/** Answers of the feed: `+ws-a` is an upsert, `-ws-a` a delete; and 410. */
export const changed = (
  revision: string,
  ...changes: ReadonlyArray<`+${string}` | `-${string}`>
): Effect.Effect<Option.Option<Changes>> =>
  Effect.succeedSome({
    revision,
    changes: changes.map((change) => ({
      kind: change.startsWith("+") ? "upsert" : "delete",
      instanceId: change.slice(1)
    }))
  })
export const tooOld: Effect.Effect<Option.Option<Changes>> = Effect.succeedNone

export const makeScriptedDirectory = () => {
  const calls = {
    /** With what each list was asked for. */
    list: [] as Array<Parameters<Service["list"]>[0]>,
    changes: [] as Array<string>,
    exists: [] as Array<string>,
    instancesOf: [] as Array<string>
  }
  const unasked = Effect.dieMessage("The test expects no such call")
  const script: Script = {
    list: () => unasked,
    changes: () => unasked,
    exists: () => unasked,
    instancesOf: () => Effect.succeedNone
  }
  const layer = Layer.succeed(
    WorkspaceDirectory,
    WorkspaceDirectory.of({
      list: (known) => {
        calls.list.push(known)
        return script.list(known)
      },
      changes: (since, lineage) => {
        calls.changes.push(since)
        return script.changes(since, lineage)
      },
      exists: (id) => {
        calls.exists.push(id)
        return script.exists(id)
      },
      instancesOf: (userId) => {
        calls.instancesOf.push(userId)
        return script.instancesOf(userId)
      }
    })
  )
  return {
    layer,
    calls,
    script,
    /** From now on the list says this. */
    lists: (...args: Parameters<typeof listingOf>) => {
      script.list = () => listed(...args)
    },
    /** From now on every call fails so. */
    fails: (error: DirectoryError) => {
      const failure = Effect.fail(error)
      Object.assign(script, { list: () => failure, changes: () => failure, exists: () => failure })
    }
  }
}
