import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import {
  Changes,
  decoded,
  demand,
  ErrorBody,
  fetched,
  idsOf,
  List,
  listPath,
  Revision,
  revisionOf,
  sameIds,
  wholeList,
  whileUnchanged
} from "./Answers.ts"
import { AuthWorker } from "./AuthWorker.ts"
import * as Schema from "effect/Schema"
import { Absent, type Line, Violation } from "./Line.ts"

const knownRevision = Effect.flatMap(wholeList, (list) =>
  Option.match(revisionOf(list), {
    onNone: () => new Violation({ message: "metadata.revision is not given" }),
    onSome: Effect.succeed
  })
)

/** The feature `revision`. */
export const revisionLines: ReadonlyArray<Line> = [
  {
    id: "revision.metadata",
    part: "revision",
    text: "metadata.revision is a decimal string and metadata.environmentId names the environment",
    check: Effect.gen(function* () {
      const { metadata } = yield* wholeList
      yield* demand(Schema.is(Revision)(metadata?.revision), "metadata.revision is not a decimal string")
      yield* demand((metadata?.environmentId ?? "") !== "", "metadata.environmentId is not given")
    })
  },
  {
    id: "revision.etag",
    part: "revision",
    text: "the list carries an ETag; If-None-Match with it is answered with 304 and no body, with another one with 200",
    check: whileUnchanged(() =>
      Effect.gen(function* () {
        const worker = yield* AuthWorker
        const first = yield* worker.get(listPath)
        if (first.etag === undefined) return yield* new Violation({ message: "the list has no ETag" })
        const same = yield* worker.get(listPath, { ifNoneMatch: first.etag })
        yield* demand(
          same.status === 304,
          `If-None-Match of the current list must be 304, was ${same.status}`
        )
        yield* demand(same.text === "", "a 304 has no body")
        const other = yield* worker.get(listPath, { ifNoneMatch: '"of-no-list"' })
        yield* demand(other.status === 200, `If-None-Match of another list must be 200, was ${other.status}`)
      })
    )
  }
]

/** Pages that an examination reads at most; the page's size follows from it. */
const pagesRead = 10

/** Beyond this a reader that follows cursors for ever gives up. */
const maxPages = 200

/** Reads a listing page by page, at a limit. */
const readPages = (limit: number) =>
  Effect.gen(function* () {
    const ids: Array<string> = []
    const revisions = new Set<string>()
    let cursor: string | undefined
    for (let count = 0; count < maxPages; count++) {
      const query = `limit=${limit}${cursor === undefined ? "" : `&cursor=${encodeURIComponent(cursor)}`}`
      const page = yield* fetched(`${listPath}?${query}`, List)
      yield* demand(page.workspaces.length <= limit, `a page of ${limit} has ${page.workspaces.length} rows`)
      ids.push(...idsOf(page.workspaces))
      if (page.metadata?.revision !== undefined) revisions.add(page.metadata.revision)
      cursor = page.metadata?.nextCursor ?? undefined
      if (cursor === undefined) return { ids: [...new Set(ids)].toSorted(), revisions, pages: count + 1 }
    }
    return yield* new Violation({ message: `the listing did not end within ${maxPages} pages` })
  })

/** The feature `pages`. */
export const pagesLines: ReadonlyArray<Line> = [
  {
    id: "pages.complete",
    part: "pages",
    text: "?limit and ?cursor give the list in pages, metadata.nextCursor until the last; together they are the whole list",
    check: whileUnchanged((list) =>
      Effect.gen(function* () {
        const limit = Math.min(1_000, Math.max(1, Math.ceil(list.workspaces.length / pagesRead)))
        const { ids } = yield* readPages(limit)
        yield* demand(
          sameIds(ids, idsOf(list.workspaces)),
          `the pages hold ${ids.length} workspaces, the list ${idsOf(list.workspaces).length}`
        )
      })
    )
  },
  {
    id: "pages.revision",
    part: "pages",
    text: "all pages of one listing carry the same revision",
    check: whileUnchanged((list) =>
      Effect.gen(function* () {
        const limit = Math.min(1_000, Math.max(1, Math.ceil(list.workspaces.length / 2)))
        const { revisions } = yield* readPages(limit)
        yield* demand(
          revisions.size === 1,
          `the pages carry ${revisions.size} revisions: ${[...revisions].join(", ")}`
        )
      })
    )
  },
  {
    id: "pages.limits",
    part: "pages",
    text: "limits from 1 to 1000 are taken",
    check: Effect.forEach([1, 1_000], (limit) => fetched(`${listPath}?limit=${limit}`, List), {
      discard: true
    })
  }
]

type Change = (typeof Changes.Type)["changes"][number]

/** Reads the feed from a revision to its end; none when that is too old. */
const readFeed = (since: string, limit: number) =>
  Effect.gen(function* () {
    const worker = yield* AuthWorker
    const all: Array<Change> = []
    let from = since
    for (let count = 0; count < maxPages; count++) {
      const exchange = yield* worker.get(`${listPath}/changes?since=${from}&limit=${limit}`)
      if (exchange.status === 410) return Option.none()
      const { changes, hasMore, revision } = yield* decoded(exchange, 200, Changes)
      yield* demand(changes.length <= limit, `a page of ${limit} has ${changes.length} changes`)
      all.push(...changes)
      if (!hasMore) return Option.some({ changes: all, revision })
      const last = changes.at(-1)
      if (last === undefined)
        return yield* new Violation({ message: "hasMore is true on a page without changes" })
      from = last.revision
    }
    return yield* new Absent({
      message: `the feed is longer than ${maxPages} pages of ${limit}: not read to its end`
    })
  })

/** The feature `changes`. */
export const changesLines: ReadonlyArray<Line> = [
  {
    id: "changes.none",
    part: "changes",
    text: "GET …/changes?since=<the list's revision> answers no changes and hasMore false",
    check: whileUnchanged(() =>
      Effect.gen(function* () {
        const revision = yield* knownRevision
        const feed = yield* fetched(`${listPath}/changes?since=${revision}`, Changes)
        yield* demand(
          feed.changes.length === 0 && !feed.hasMore,
          `there are ${feed.changes.length} changes since the newest`
        )
        yield* demand(feed.revision === revision, `the list is at ${revision}, the feed at ${feed.revision}`)
      })
    )
  },
  {
    id: "changes.order",
    part: "changes",
    text: "changes come oldest first, each revision greater than the one before, over all pages",
    check: Effect.gen(function* () {
      const feed = yield* readFeed("0", 1_000)
      if (Option.isNone(feed))
        return yield* new Absent({ message: "revision 0 is too old, and no other is known" })
      const revisions = feed.value.changes.map((change) => BigInt(change.revision))
      const wrong = revisions.findIndex(
        (revision, index) => index > 0 && revision <= (revisions[index - 1] ?? revision)
      )
      yield* demand(wrong === -1, `after ${String(revisions[wrong - 1])} comes ${String(revisions[wrong])}`)
      const stranger = feed.value.changes.find(
        (change) =>
          (change.workspace ?? undefined) !== undefined && change.workspace?.instanceId !== change.instanceId
      )
      yield* demand(
        stranger === undefined,
        `a change of ${stranger?.instanceId ?? ""} carries another workspace`
      )
    })
  },
  {
    id: "changes.fold",
    part: "changes",
    text: "from the beginning, where it is kept, the changes add up to the list",
    check: whileUnchanged((list) =>
      Effect.gen(function* () {
        const feed = yield* readFeed("0", 1_000)
        if (Option.isNone(feed)) return yield* new Absent({ message: "the beginning is not kept" })
        const live = new Set<string>()
        for (const { instanceId, kind } of feed.value.changes) {
          if (kind === "upsert") live.add(instanceId)
          else live.delete(instanceId)
        }
        const [listed, added] = [idsOf(list.workspaces), [...live].toSorted()]
        yield* demand(
          sameIds(listed, added),
          `the changes add up to ${added.length} workspaces, the list holds ${listed.length}`
        )
      })
    )
  },
  {
    id: "changes.gone",
    part: "changes",
    text: "410 where `since` is too old to be answered in full",
    check: Effect.gen(function* () {
      const worker = yield* AuthWorker
      const exchange = yield* worker.get(`${listPath}/changes?since=0`)
      if (exchange.status === 200) return yield* new Absent({ message: "nothing is too old here" })
      yield* decoded(exchange, 410, ErrorBody)
    })
  }
]
