import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { DelayHeap, type Delayed } from "../../../src/controller/internal/DelayHeap.ts"
import { QueueCore } from "../../../src/controller/internal/QueueCore.ts"

const RANKS = 3
const keys = fc.constantFrom("a", "b", "c", "d", "e", "f")

type Step =
  | {
      readonly kind: "add"
      readonly key: string
      readonly rank: number
      readonly afterMs: number
      readonly respect: boolean
    }
  | { readonly kind: "take" }
  | { readonly kind: "finish"; readonly failed: boolean }
  | { readonly kind: "forget"; readonly key: string }
  | { readonly kind: "pass"; readonly ms: number }

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    kind: fc.constant("add"),
    key: keys,
    rank: fc.nat(RANKS - 1),
    afterMs: fc.constantFrom(0, 0, 5, 10, 50),
    respect: fc.boolean()
  }),
  fc.record({ kind: fc.constant("take") }),
  fc.record({ kind: fc.constant("finish"), failed: fc.boolean() }),
  fc.record({ kind: fc.constant("forget"), key: keys }),
  fc.record({ kind: fc.constant("pass"), ms: fc.integer({ min: 1, max: 20 }) })
)

/** What the queue owes for a key: the latest time at which it must be available, by the plainest reading of the rules. */
interface Owed {
  by: number
  backoff: boolean
}

describe("QueueCore against a model", () => {
  it("owes exactly what was asked for, loses nothing, and never hands a key to two", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), fc.integer({ min: 1, max: 4 }), (steps, limit) => {
        const core = new QueueCore(RANKS, undefined)
        core.limit = limit
        const owed = new Map<string, Owed>()
        const hands: Array<string> = []
        /** Keys whose current run was followed by a respectful add only. */
        const yielding = new Set<string>()
        let now = 0

        for (const { ...each } of steps) {
          switch (each.kind) {
            case "add": {
              const before = owed.get(each.key)
              const by = now + each.afterMs
              core.add(
                each.key,
                { rank: each.rank, afterMs: each.afterMs, respectBackoff: each.respect },
                now
              )
              if (before === undefined) {
                owed.set(each.key, { by, backoff: false })
                if (each.respect) yielding.add(each.key)
                else yielding.delete(each.key)
                break
              }
              if (!each.respect) yielding.delete(each.key)
              if (before.by > now && !(each.respect && before.backoff) && by < before.by) {
                owed.set(each.key, { by, backoff: false })
              }
              break
            }
            case "take": {
              const available = [...owed].filter(([key, { by }]) => by <= now && !hands.includes(key))
              const entry = core.take(now)
              const possible = available.length > 0 && hands.length < limit
              expect(entry !== undefined).toBe(possible)
              if (entry === undefined) break
              expect(available.map(([key]) => key)).toContain(entry.key)
              expect(hands).not.toContain(entry.key)
              hands.push(entry.key)
              owed.delete(entry.key)
              break
            }
            case "finish": {
              const key = hands.shift()
              if (key === undefined) break
              if (each.failed) {
                const failures = core.countFailure(key)
                const delay = 10 * failures
                core.backOff(key, RANKS - 1, delay, now)
                const before = owed.get(key)
                const givesWay = before !== undefined && before.by <= now && yielding.has(key)
                if (before === undefined || givesWay || (before.by > now && now + delay < before.by)) {
                  owed.set(key, { by: now + delay, backoff: true })
                }
              } else {
                core.forget(key)
                if (owed.get(key)?.backoff === true && (owed.get(key)?.by ?? 0) > now) owed.delete(key)
              }
              core.done(key)
              break
            }
            case "forget": {
              core.forget(each.key)
              const before = owed.get(each.key)
              if (before === undefined || before.by <= now) break
              if (before.backoff || !hands.includes(each.key)) owed.delete(each.key)
              break
            }
            case "pass":
              now += each.ms
              core.promote(now)
              break
          }
          const ready = [...owed].filter(([key, { by }]) => by <= now && !hands.includes(key)).length
          expect(core.readyCount).toBe(ready)
          expect(core.waiting.size).toBe([...owed.values()].filter(({ by }) => by > now).length)
          expect(new Set([...core.running].map(({ key }) => key))).toEqual(new Set(hands))
          expect(core.ready.reduce((sum, list) => sum + list.length, 0)).toBe(core.readyCount)
        }
      }),
      { numRuns: 500 }
    )
  })
})

describe("DelayHeap", () => {
  it("keeps its order under any sets and removals", () => {
    const operation = fc.tuple(fc.nat(20), fc.option(fc.nat(100)))
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 200 }), (operations) => {
        const heap = new DelayHeap<Delayed>()
        const elements = Array.from({ length: 21 }, () => ({ dueAt: 0, heapIndex: -1 }))
        const present = new Set<Delayed>()
        for (const [index, dueAt] of operations) {
          const element = elements[index]
          if (element === undefined) continue
          if (dueAt !== null) {
            heap.set(element, dueAt)
            present.add(element)
          } else if (present.delete(element)) heap.remove(element)

          const expected = [...present].map((each) => each.dueAt).toSorted((a, b) => a - b)
          expect(heap.size).toBe(present.size)
          expect(heap.head?.dueAt).toBe(expected[0])
          expect(heap.earliest(5).map((each) => each.dueAt)).toEqual(expected.slice(0, 5))
        }
      })
    )
  })
})
