import type { SyncBackend } from "@livestore/common"
import { EventSequenceNumber } from "@livestore/common/schema"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { contiguousPull } from "../../../src/stores/livestore/ContiguousPull.ts"

type Item = SyncBackend.PullResItem<string>

const entry = (seqNum: number): Item["batch"][number] => ({
  eventEncoded: {
    name: "v1.Said",
    args: {},
    seqNum: EventSequenceNumber.Global.make(seqNum),
    parentSeqNum: EventSequenceNumber.Global.make(seqNum - 1),
    clientId: "client",
    sessionId: "session"
  },
  metadata: Option.none()
})
const range = (from: number, to: number) =>
  Array.from({ length: Math.max(0, to - from + 1) }, (_, index) => from + index)
const page = (from: number, to: number, remaining: number): Item => ({
  batch: range(from, to).map(entry),
  pageInfo: remaining > 0 ? { _tag: "MoreKnown", remaining } : { _tag: "NoMore" }
})
const seqNumsOf = (items: Iterable<Item>) =>
  [...items].flatMap(({ batch }) => batch.map(({ eventEncoded }) => Number(eventEncoded.seqNum)))

/** Answers the pulls one after the other, and notes where each began. */
const scripted = (...answers: ReadonlyArray<ReadonlyArray<Item>>) => {
  const begun: Array<number> = []
  const pulled = contiguousPull<string, never, never>((cursor) => {
    const answer = answers[begun.length] ?? []
    begun.push(Option.match(cursor, { onNone: () => 0, onSome: (at) => at.eventSequenceNumber }))
    return Stream.fromIterable(answer)
  }, Option.none())
  return { begun, run: Effect.map(Stream.runCollect(pulled), (items) => seqNumsOf(items)) }
}

describe("a pull", () => {
  it("passes on what is in order, also where it is empty", async () => {
    const items = [page(1, 100, 50), page(101, 150, 0), page(151, 150, 0), page(151, 151, 0)]
    const pulled = contiguousPull<string, never, never>(() => Stream.fromIterable(items), Option.none())
    expect([...(await Effect.runPromise(Stream.runCollect(pulled)))]).toEqual(items)
  })

  it("has no hole when something is pushed between two pages", async () => {
    const { begun, run } = scripted(
      [page(1, 100, 150), page(251, 251, 0), page(101, 200, 50), page(252, 252, 0), page(201, 250, 0)],
      [page(251, 252, 0)]
    )
    expect(await Effect.runPromise(run)).toEqual(range(1, 252))
    expect(begun).toEqual([0, 250])
  })

  it("is made again at once when a push was missed", async () => {
    const { begun, run } = scripted([page(1, 10, 0), page(13, 13, 0)], [page(11, 13, 0)])
    expect(await Effect.runPromise(run)).toEqual(range(1, 13))
    expect(begun).toEqual([0, 10])
  })

  it("leaves out what was there before", async () => {
    const { run } = scripted([page(1, 10, 0), page(8, 12, 0), page(12, 12, 0), page(13, 13, 0)])
    expect(await Effect.runPromise(run)).toEqual(range(1, 13))
  })

  it("brings everything once and in order, however pushes fall between pages", async () => {
    const pushes = fc.array(fc.nat(6), { maxLength: 12 })
    await fc.assert(
      fc.asyncProperty(fc.nat(400), fc.infiniteStream(pushes), async (stored, moments) => {
        let head = stored
        let pushing = true
        /** The Sync Worker: the pages of a snapshot, with what is pushed meanwhile in between. */
        const pull = (from: number): ReadonlyArray<Item> => {
          const items: Array<Item> = []
          const until = head
          const due: Array<number> = pushing ? (moments.next().value as Array<number>) : []
          pushing = due.length > 0
          const push = (index: number) => {
            for (const moment of due) if (moment === index) items.push(page(++head, head, 0))
          }
          push(0)
          for (let at = from, index = 1; at < until || index === 1; at += 100, index++) {
            const to = Math.min(at + 100, until)
            items.push(page(at + 1, to, until - to))
            push(index)
          }
          return items
        }
        const pulled = contiguousPull<string, never, never>(
          (cursor) =>
            Stream.suspend(() =>
              Stream.fromIterable(
                pull(Option.match(cursor, { onNone: () => 0, onSome: (at) => at.eventSequenceNumber }))
              )
            ),
          Option.none()
        )
        const seen = seqNumsOf(await Effect.runPromise(Stream.runCollect(pulled)))
        expect(seen).toEqual(range(1, head))
      })
    )
  })
})
