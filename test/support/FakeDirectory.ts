/**
 * A source of truth in memory, to inject every answer that a sick one may give. What speaks HTTP is tested apart,
 * against real sockets.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { DirectoryUnavailable, type DirectoryError } from "../../src/workspaces/DirectoryError.ts"
import type { Feature } from "../../src/workspaces/Workspace.ts"
import { WorkspaceDirectory, type Changes, type Listing } from "../../src/workspaces/WorkspaceDirectory.ts"

export const makeFakeDirectory = (initial: ReadonlyArray<string> = []) => {
  const ids = new Set(initial)
  const log: Array<{
    readonly revision: number
    readonly kind: "upsert" | "delete"
    readonly instanceId: string
  }> = []
  const calls = { list: 0, changes: 0, exists: 0 }
  let revision = 1
  let features: ReadonlySet<Feature> = new Set()
  let environmentId: string | null = null
  let fault: (() => Effect.Effect<never, DirectoryError>) | undefined
  let listOverride: (() => Listing) | undefined
  let existsOverride: ((id: string) => boolean) | undefined
  let latency = 0

  const answer = <A>(value: () => A): Effect.Effect<A, DirectoryError> =>
    Effect.suspend(() => (fault === undefined ? Effect.sync(value) : fault())).pipe(
      latency > 0 ? Effect.delay(latency) : (self) => self
    )

  const listing = (): Listing => ({
    ids: new Set(ids),
    unsupported: new Map(),
    lookalikes: [],
    revision: features.has("revision") ? String(revision) : null,
    environmentId,
    features
  })

  const directory = WorkspaceDirectory.of({
    list: () => {
      calls.list++
      return answer(() => Option.some(listOverride?.() ?? listing()))
    },
    changes: (since) => {
      calls.changes++
      return answer((): Option.Option<Changes> =>
        Option.some({
          changes: log.filter((change) => change.revision > Number(since)),
          revision: String(revision)
        })
      )
    },
    exists: (id) => {
      calls.exists++
      return answer(() => existsOverride?.(id) ?? ids.has(id))
    },
    instancesOf: () => Effect.succeedNone
  })

  return {
    layer: Layer.succeed(WorkspaceDirectory, directory),
    calls,
    create: (id: string) => {
      ids.add(id)
      log.push({ revision: ++revision, kind: "upsert", instanceId: id })
    },
    remove: (id: string) => {
      ids.delete(id)
      log.push({ revision: ++revision, kind: "delete", instanceId: id })
    },
    ids: (): ReadonlySet<string> => ids,
    setFeatures: (...announced: ReadonlyArray<Feature>) => {
      features = new Set(announced)
    },
    setEnvironment: (id: string | null) => {
      environmentId = id
    },
    setRevision: (value: number) => {
      revision = value
    },
    setLatency: (ms: number) => {
      latency = ms
    },
    /** Every call fails so until `heal`. */
    break: (error: DirectoryError = unavailable) => {
      fault = () => Effect.fail(error)
    },
    /** Every call hangs until `heal`. */
    hang: () => {
      fault = () => Effect.never
    },
    /** The list says this, whatever is true. */
    lie: (list: () => Listing) => {
      listOverride = list
    },
    lieById: (exists: (id: string) => boolean) => {
      existsOverride = exists
    },
    listing,
    heal: () => {
      fault = undefined
      listOverride = undefined
      existsOverride = undefined
    }
  }
}

export const unavailable = new DirectoryUnavailable({
  reason: "status",
  status: 500,
  retryAfterMs: null,
  message: "The directory answers 500"
})
