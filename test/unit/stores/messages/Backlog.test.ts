import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { Backlog } from "../../../../src/stores/messages/Backlog.ts"
import type { LedgerRow } from "../../../../src/stores/messages/MessageLedger.ts"

const row = (messageId: string, conversationId: string, seq: number, fields = {}): LedgerRow => ({
  messageId,
  conversationId,
  seq,
  since: null,
  state: "pending",
  attempts: 0,
  failures: 0,
  nextAttemptAt: null,
  lastError: null,
  reply: null,
  at: 0,
  ...fields
})

describe("the backlog of a store", () => {
  it("gives each conversation its turn, and none two at a time", () => {
    const backlog = new Backlog()
    backlog.put(row("a1", "a", 1))
    backlog.put(row("a2", "a", 2))
    backlog.put(row("b1", "b", 3))
    backlog.put(row("c1", "c", 4))
    expect([backlog.take(0), backlog.take(0), backlog.take(0), backlog.take(0)]).toEqual([
      "a",
      "b",
      "c",
      undefined
    ])
    backlog.release("b")
    backlog.remove("a1")
    backlog.release("a")
    // Both are free; a was handed out first, and so waits behind nobody else.
    expect([backlog.take(0), backlog.take(0)]).toEqual(["a", "b"])
    expect(backlog.head("a")?.messageId).toBe("a2")
  })

  it("puts a message that is tried again before those that came after it", () => {
    const backlog = new Backlog()
    backlog.put(row("m2", "a", 2))
    backlog.put(row("m9", "a", 9))
    backlog.put(row("m5", "a", 5))
    const order = []
    for (let head = backlog.head("a"); head !== undefined; head = backlog.head("a")) {
      order.push(head.messageId)
      backlog.remove(head.messageId)
    }
    expect(order).toEqual(["m2", "m5", "m9"])
    expect(backlog.size).toBe(0)
  })

  it("passes over a conversation that waits, and says when it is due", () => {
    const backlog = new Backlog()
    backlog.put(row("a1", "a", 1, { nextAttemptAt: 50 }))
    backlog.put(row("b1", "b", 2, { nextAttemptAt: 20 }))
    expect(backlog.take(10)).toBeUndefined()
    expect(backlog.nextDueAt(10)).toBe(20)
    expect(backlog.take(20)).toBe("b")
    expect(backlog.nextDueAt(20)).toBe(50)
  })

  it("hands out at once what was put off before the clock was set back", () => {
    const backlog = new Backlog()
    backlog.put(row("a1", "a", 1, { at: 7_200_000, nextAttemptAt: 7_205_000 }))
    expect(backlog.nextDueAt(10)).toBe(0)
    expect(backlog.take(10)).toBe("a")
  })

  it("hands out everything once, in order within each conversation", () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom("a", "b", "c", "d"), { maxLength: 60 }), (conversations) => {
        const backlog = new Backlog()
        conversations.forEach((conversation, seq) => backlog.put(row(`m${seq}`, conversation, seq)))
        const handedOut = new Map<string, Array<number>>()
        for (let taken = backlog.take(0); taken !== undefined; taken = backlog.take(0)) {
          const head = backlog.head(taken)
          handedOut.set(taken, [...(handedOut.get(taken) ?? []), head?.seq ?? -1])
          backlog.remove(head?.messageId ?? "")
          backlog.release(taken)
        }
        for (const [conversation, seqs] of handedOut) {
          expect(seqs).toEqual(conversations.flatMap((one, seq) => (one === conversation ? [seq] : [])))
        }
        expect(backlog.size).toBe(0)
      })
    )
  })
})
