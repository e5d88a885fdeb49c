import * as Effect from "effect/Effect"
import { Changes, decoded, demand, ErrorBody, fetched, idsOf, List, listPath, wholeList } from "./Answers.ts"
import { AuthWorker } from "./AuthWorker.ts"
import { Absent, type Line, Violation } from "./Line.ts"

/** Changes the set, each Auth Worker in its own way. */
export interface Driver {
  /** Creates a workspace and gives its id. */
  readonly create: Effect.Effect<string, Violation>
  readonly remove: (instanceId: string) => Effect.Effect<void, Violation>
}

const announced = (feature: string) =>
  Effect.flatMap(wholeList, ({ metadata }) =>
    metadata?.features?.includes(feature) === true
      ? Effect.succeed(metadata)
      : new Absent({ message: `${feature} is not announced` })
  )

/** A workspace that exists while the examination runs, and not afterwards. */
const withWorkspace = <A, E, R>(driver: Driver, examine: (instanceId: string) => Effect.Effect<A, E, R>) =>
  Effect.acquireUseRelease(driver.create, examine, (id) => Effect.ignore(driver.remove(id)))

/** What only shows when the set changes; they need somebody who changes it. */
export const drivenLines = (driver: Driver): ReadonlyArray<Line> => [
  {
    id: "driven.list",
    part: "driven",
    text: "a created workspace is in the next list, a deleted one is not",
    check: Effect.gen(function* () {
      const id = yield* driver.create
      yield* demand(idsOf((yield* wholeList).workspaces).includes(id), `${id} was created and is not listed`)
      yield* driver.remove(id)
      yield* demand(!idsOf((yield* wholeList).workspaces).includes(id), `${id} was deleted and is listed`)
    })
  },
  {
    id: "driven.revision",
    part: "driven",
    text: "the revision grows with every change of the set, and the ETag of before is answered with 200",
    check: Effect.gen(function* () {
      const worker = yield* AuthWorker
      yield* announced("revision")
      const etag = (yield* worker.get(listPath)).etag
      const revisions = [yield* revisionNow]
      const id = yield* driver.create
      revisions.push(yield* revisionNow)
      yield* driver.remove(id)
      revisions.push(yield* revisionNow)
      const [before = 0n, created = 0n, deleted = 0n] = revisions
      yield* demand(before < created && created < deleted, `the revisions were ${revisions.join(", ")}`)
      const again = yield* worker.get(listPath, etag === undefined ? {} : { ifNoneMatch: etag })
      yield* demand(
        again.status === 200,
        `the list changed, its ETag of before was answered with ${again.status}`
      )
    })
  },
  {
    id: "driven.pages",
    part: "driven",
    text: "a listing under way shows one revision, or says by another one that it starts again",
    check: withWorkspace(driver, () =>
      Effect.gen(function* () {
        yield* announced("pages")
        const second = yield* driver.create
        const first = yield* fetched(`${listPath}?limit=1`, List)
        const cursor = first.metadata?.nextCursor ?? undefined
        yield* driver.remove(second)
        if (cursor === undefined)
          return yield* new Violation({ message: "two workspaces, and no nextCursor after the first" })
        const worker = yield* AuthWorker
        const exchange = yield* worker.get(`${listPath}?limit=1000&cursor=${encodeURIComponent(cursor)}`)
        if (exchange.status === 410) return
        const next = yield* decoded(exchange, 200, List)
        if (next.metadata?.revision !== first.metadata?.revision) return
        const seen = [...idsOf(first.workspaces), ...idsOf(next.workspaces)]
        yield* demand(
          seen.includes(second),
          `both pages say ${first.metadata?.revision ?? ""}, but ${second} of that revision is missing`
        )
      })
    )
  },
  {
    id: "driven.changes",
    part: "driven",
    text: "the feed since before says upsert, then delete",
    check: Effect.gen(function* () {
      const { revision = "" } = yield* announced("changes")
      const id = yield* driver.create
      yield* driver.remove(id)
      const feed = yield* fetched(`${listPath}/changes?since=${revision}&limit=1000`, Changes)
      const kinds = feed.changes.flatMap((change) => (change.instanceId === id ? [change.kind] : []))
      yield* demand(
        kinds.at(-1) === "delete" && kinds.includes("upsert"),
        `of ${id} the feed says: ${kinds.join(", ")}`
      )
    })
  },
  {
    id: "driven.get",
    part: "driven",
    text: "a workspace can be asked for once it is created, and is 404 once it is deleted",
    check: Effect.gen(function* () {
      yield* announced("get")
      const worker = yield* AuthWorker
      const id = yield* driver.create
      const there = yield* worker.get(`${listPath}/${id}`)
      yield* driver.remove(id)
      const gone = yield* worker.get(`${listPath}/${id}`)
      yield* demand(there.status === 200, `the created workspace was answered with ${there.status}`)
      yield* decoded(gone, 404, ErrorBody)
    })
  }
]

const revisionNow = Effect.map(wholeList, ({ metadata }) => BigInt(metadata?.revision ?? "0"))
