import { it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as fc from "fast-check"
import { describe, expect } from "vitest"
import { gapOf, messagesOf, type Push } from "../../../src/sync-worker/Frame.ts"

const push = (numbers: ReadonlyArray<readonly [number, number]>): Push => ({
  _tag: "Request",
  id: "1",
  tag: "SyncWsRpc.Push",
  payload: {
    storeId: "ws-1",
    batch: numbers.map(([seqNum, parentSeqNum]) => ({ seqNum, parentSeqNum }))
  }
})

/** A chain of events, each after the one before it. */
const chains = fc
  .tuple(fc.nat(1_000_000), fc.integer({ min: 1, max: 50 }))
  .map(([head, length]) => Array.from({ length }, (_, index) => [head + index + 1, head + index] as const))

describe("a push", () => {
  it("has no gap when each event follows the one before it", () => {
    fc.assert(
      fc.property(chains, (chain) => {
        expect(gapOf(push(chain))).toEqual(Option.none())
      })
    )
  })

  it("has a gap wherever one number is another", () => {
    const changed = fc.tuple(
      chains,
      fc.nat(),
      fc.nat(1),
      fc.integer({ min: -5, max: 5 }).filter((by) => by !== 0)
    )
    fc.assert(
      fc.property(changed, ([chain, at, which, by]) => {
        const index = at % chain.length
        const other = chain.map(([seqNum, parent], here) =>
          here !== index
            ? ([seqNum, parent] as const)
            : which === 0
              ? ([seqNum + by, parent] as const)
              : ([seqNum, parent + by] as const)
        )
        expect(Option.isSome(gapOf(push(other)))).toBe(true)
      })
    )
  })
})

describe("a frame", () => {
  it.effect.each([
    ["no JSON", "{nonsense"],
    ["an unknown request", '{"_tag":"Request","id":"1","tag":"SyncWsRpc.Reset","payload":{"storeId":"a"}}'],
    ["numbers that are none", JSON.stringify(push([])).replace("[]", '[{"seqNum":"1","parentSeqNum":0}]')],
    ["fractions", JSON.stringify(push([[1.5, 0.5]]))],
    ["no numbers", JSON.stringify(push([])).replace("[]", "[{}]")],
    [
      "an id as long as a socket's attachment",
      JSON.stringify({ _tag: "Interrupt", requestId: "9".repeat(2_000) })
    ],
    ["endless nesting", `${"[".repeat(100_000)}${"]".repeat(100_000)}`]
  ])("cannot be read with %s", ([, text = ""]) =>
    Effect.map(messagesOf(text), (messages) => expect(messages).toEqual(Option.none()))
  )

  it.effect("may hold several messages, of which each keeps its JSON", () => {
    const frame = [
      { _tag: "Interrupt", requestId: "1" },
      { ...push([[1, 0]]), headers: [["a", "b"]] }
    ]
    return Effect.map(messagesOf(JSON.stringify(frame)), (messages) =>
      expect(Option.getOrThrow(messages).map(({ json }) => json)).toEqual(frame)
    )
  })
})
