/**
 * A pull without holes and repetitions.
 *
 * The Sync Worker answers a pull page by page, and sends what others push meanwhile on the same request: event 316 can
 * come between the pages that end with 100 and with 200. LiveStore takes whatever is greater than what it has. It keeps 316,
 * dies of the page that follows ("Incoming events must be greater than upstream head"), and goes on from 316 when it is
 * opened again: with a hole in its history, for ever.
 */
import type { SyncBackend } from "@livestore/common"
import * as Data from "effect/Data"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"

type Item<M> = SyncBackend.PullResItem<M>
type Cursor<M> = ReturnType<typeof SyncBackend.cursorFromPullResItem<M>>

/** Something is missing that the present request will not bring any more. */
class Gap extends Data.TaggedError("Gap") {}

const seqNumOf = <M>(entry: Item<M>["batch"][number] | undefined): number => entry?.eventEncoded.seqNum ?? 0

/**
 * Pulls from `start`, and again from the last event that was passed on whenever one is missing. An event that comes too
 * early is let go of, since the pull that fetches what is missing brings it once more; one that was passed on already is
 * left out.
 */
export const contiguousPull = <M, E, R>(
  pull: (cursor: Cursor<M>) => Stream.Stream<Item<M>, E, R>,
  start: Cursor<M>
): Stream.Stream<Item<M>, E, R> =>
  Stream.suspend(() => {
    let cursor = start
    const last = (): number =>
      Option.match(cursor, { onNone: () => 0, onSome: (at) => at.eventSequenceNumber })

    const attempt = (): Stream.Stream<Item<M>, E, R> => {
      /** The stored events are still coming, page by page: what is missing may be among them. */
      let isPaging = true
      /** The greatest event that came too early. */
      let tooEarly = 0
      const inOrder = (item: Item<M>): Stream.Stream<Item<M>, Gap> => {
        const batch = item.batch.filter((entry) => seqNumOf(entry) > last())
        if (batch.length > 0 && seqNumOf(batch[0]) !== last() + 1) {
          tooEarly = Math.max(tooEarly, seqNumOf(batch.at(-1)))
          return isPaging ? Stream.empty : Stream.fail(new Gap())
        }
        const newest = batch.at(-1)
        if (newest !== undefined) {
          cursor = Option.some({
            eventSequenceNumber: newest.eventEncoded.seqNum,
            metadata: newest.metadata
          })
        }
        isPaging = item.pageInfo._tag !== "NoMore"
        const passed = Stream.succeed({ ...item, batch })
        return isPaging || tooEarly <= last() ? passed : Stream.concat(passed, Stream.fail(new Gap()))
      }
      return pull(cursor).pipe(
        Stream.flatMap(inOrder),
        Stream.catchAll((error) => (error instanceof Gap ? attempt() : Stream.fail(error)))
      )
    }
    return attempt()
  })
