/** The same of the ledger without a file, as the other tests use it, and over a restart. */
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { afterAll, describe, expect, it } from "vitest"
import * as SqliteMessageLedger from "../../../src/persistence/SqliteMessageLedger.ts"
import * as StateDatabase from "../../../src/persistence/StateDatabase.ts"
import { type LedgerRow, MessageLedger } from "../../../src/stores/messages/MessageLedger.ts"
import { ledgerInMemory } from "../../support/State.ts"

const folders: Array<string> = []
afterAll(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true }))))

const sqliteIn = (folder: string) =>
  SqliteMessageLedger.layer.pipe(Layer.provide(StateDatabase.layer(folder)))

const row = (messageId: string, seq: number | null, fields: Partial<LedgerRow> = {}): LedgerRow => ({
  messageId,
  conversationId: "talk",
  seq,
  since: null,
  state: "pending",
  attempts: 0,
  failures: 0,
  nextAttemptAt: null,
  lastError: null,
  reply: null,
  at: 1,
  ...fields
})

const kinds = [
  ["in memory", () => Promise.resolve(Layer.fresh(ledgerInMemory))],
  [
    "in SQLite",
    async () => {
      const folder = await mkdtemp(join(tmpdir(), "ledger-"))
      folders.push(folder)
      return sqliteIn(folder)
    }
  ]
] as const

describe.each(kinds)("the ledger %s", (_, makeLayer) => {
  const run = async <A, E>(effect: Effect.Effect<A, E, MessageLedger>) =>
    Effect.runPromise(Effect.provide(effect, Layer.orDie(await makeLayer())))

  it("knows nothing of a store until something is written", () =>
    run(
      Effect.gen(function* () {
        const ledger = yield* MessageLedger
        expect(yield* ledger.load("ws-a")).toBeUndefined()
        expect((yield* ledger.find("ws-a", ["m1"])).size).toBe(0)
        yield* ledger.forget("ws-a")
      })
    ))

  it("adds counts, replaces positions and rows, and gives back what is open in order", () =>
    run(
      Effect.gen(function* () {
        const ledger = yield* MessageLedger
        yield* ledger.write("ws-a", {
          position: { cursor: "c1", scanned: "c2" },
          userMessages: 3,
          lastUserMessageAt: 7,
          rows: [row("late", 2), row("early", 1), row("gone", 3), row("ahead", null, { state: "done" })]
        })
        const reply = { content: "x", data: { deep: [1, null] } }
        yield* ledger.write("ws-a", {
          userMessages: -1,
          processed: 1,
          rows: [
            row("gone", 3, { state: "parked", failures: 2, lastError: "why" }),
            row("early", 1, { state: "handled", reply, since: "c0", attempts: 1 })
          ]
        })
        const loaded = yield* ledger.load("ws-a")
        expect(loaded).toEqual({
          head: { cursor: "c1", scanned: "c2", userMessages: 2, processed: 1, lastUserMessageAt: 7 },
          open: [row("early", 1, { state: "handled", reply, since: "c0", attempts: 1 }), row("late", 2)],
          parked: 1,
          lastSeq: 3
        })
        const found = yield* ledger.find("ws-a", ["ahead", "nobody", "gone"])
        expect([...found.keys()].sort()).toEqual(["ahead", "gone"])
      })
    ))

  it("lists parked messages page by page", () =>
    run(
      Effect.gen(function* () {
        const ledger = yield* MessageLedger
        const parked = { state: "parked" } as const
        yield* ledger.write("ws-b", { rows: [row("m1", 1, parked), row("m2", 2)] })
        yield* ledger.write("ws-a", { rows: [row("m2", 2, parked), row("m1", 1, parked)] })
        const list = (storeId: string | null, after: [string, string] | null) =>
          Effect.map(
            ledger.parked({
              storeId,
              limit: 2,
              after: after === null ? null : { storeId: after[0], messageId: after[1] }
            }),
            (rows) => rows.map((one) => `${one.storeId}/${one.messageId}`)
          )
        expect(yield* list(null, null)).toEqual(["ws-a/m1", "ws-a/m2"])
        expect(yield* list(null, ["ws-a", "m2"])).toEqual(["ws-b/m1"])
        expect(yield* list("ws-b", null)).toEqual(["ws-b/m1"])
      })
    ))

  it("prunes the oldest that are done, and nothing else", () =>
    run(
      Effect.gen(function* () {
        const ledger = yield* MessageLedger
        const done = { state: "done" } as const
        const ids = ["m1", "m2", "m3", "m4"]
        yield* ledger.write("ws-a", {
          rows: [
            ...ids.map((id, index) => row(id, index + 1, done)),
            row("open", 0),
            row("ahead", null, done)
          ]
        })
        yield* ledger.prune("ws-a", 2)
        const left = yield* ledger.find("ws-a", [...ids, "open", "ahead"])
        expect([...left.keys()].sort()).toEqual(["ahead", "m3", "m4", "open"])
        yield* ledger.forget("ws-a")
        expect(yield* ledger.load("ws-a")).toBeUndefined()
      })
    ))
})

describe("the ledger in SQLite", () => {
  it("has everything again after a restart", async () => {
    const folder = await mkdtemp(join(tmpdir(), "ledger-"))
    folders.push(folder)
    const load = Effect.flatMap(MessageLedger, (ledger) => ledger.load("ws-a"))
    const before = await Effect.runPromise(
      Effect.gen(function* () {
        const ledger = yield* MessageLedger
        yield* ledger.write("ws-a", { userMessages: 1, rows: [row("m1", 1, { nextAttemptAt: 9 })] })
        return yield* load
      }).pipe(Effect.provide(sqliteIn(folder)))
    )
    const after = await Effect.runPromise(Effect.provide(load, sqliteIn(folder)))
    expect(after).toEqual(before)
    expect(after?.open).toHaveLength(1)
  })

  it("says so, and changes nothing, when it cannot write", async () => {
    const folder = await mkdtemp(join(tmpdir(), "ledger-"))
    folders.push(folder)
    const outcome = await Effect.runPromise(
      Effect.gen(function* () {
        const ledger = yield* MessageLedger
        const bad = row("m2", 2, { attempts: Number.NaN })
        const failure = yield* Effect.flip(
          ledger.write("ws-a", { userMessages: 2, rows: [row("m1", 1), bad] })
        )
        return { failure, loaded: yield* ledger.load("ws-a") }
      }).pipe(Effect.provide(sqliteIn(folder)))
    )
    expect(outcome.failure._tag).toBe("LedgerError")
    expect(outcome.loaded).toBeUndefined()
  })
})
