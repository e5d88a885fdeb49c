import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as TestClock from "effect/TestClock"
import * as fc from "fast-check"
import { guard } from "../../../../src/stores/messages/GuardedVocabulary.ts"
import type { MessageRequest } from "../../../../src/stores/messages/MessageHandler.ts"
import { type Vocabulary, workspaceVocabulary } from "../../../../src/stores/messages/Vocabulary.ts"
import { adapt } from "../../../../src/stores/messages/WorkspaceModule.ts"
import type { StoreEvent } from "../../../../src/stores/StoreDriver.ts"
import { answered, answers, begin, makeDurable, say, shout } from "../../../support/MessageWorld.ts"

/** Long enough for every attempt at a message, whatever its backoff. */
const untilParked = Effect.repeatN(TestClock.adjust("5 seconds"), 40)
const allParked = { storeId: null, limit: 100, after: null }

const isPoison = ({ args }: StoreEvent): boolean => JSON.stringify(args).includes("poison")
const throwing = (error: () => unknown): never => {
  throw error()
}
/** A module that cannot say what a poisoned message is. */
const cannotRead = (error: () => unknown): Vocabulary => ({
  ...workspaceVocabulary,
  userMessage: (event) => (isPoison(event) ? throwing(error) : workspaceVocabulary.userMessage(event))
})
/** A module that cannot write the answer to a poisoned message. */
const cannotAnswer: Vocabulary = {
  ...workspaceVocabulary,
  answer: (answer) =>
    answer.reply.content.includes("POISON")
      ? throwing(() => new TypeError("Cannot read properties of undefined (reading 'words')"))
      : workspaceVocabulary.answer(answer)
}

/** Whatever a module may throw. */
const thrown: ReadonlyArray<() => unknown> = [
  () => new Error("not mine"),
  () => "just a text",
  () => undefined,
  () => Symbol("odd"),
  (): unknown => Object.create(null),
  () => ({
    get message(): string {
      return throwing(() => new Error("from a getter"))
    }
  }),
  () =>
    Object.defineProperty(new Error("x"), "message", {
      get: () => throwing(() => new Error("from a getter"))
    })
]

describe("a module that throws", () => {
  for (const [index, error] of thrown.entries()) {
    it.scoped(`parks the message that it cannot read, and everything else goes on (${index})`, () =>
      Effect.gen(function* () {
        const durable = yield* makeDurable
        const life = yield* begin(durable, shout, { vocabulary: cannotRead(error) })
        yield* Effect.forEach(["ws-a", "ws-b"], life.monitor, { discard: true })
        say(durable, "ws-a", { id: "before" }, { id: "bad", content: "poison" }, { id: "after" })
        say(durable, "ws-b", { id: "other" })
        yield* untilParked
        expect(answered(durable, "ws-a")).toEqual(["before", "after"])
        expect(answered(durable, "ws-b")).toEqual(["other"])
        expect(life.manager.openStore("ws-a")).toBeDefined()
        const parked = yield* life.processor.parked(allParked)
        expect(parked).toMatchObject([{ storeId: "ws-a", state: "parked", failures: 5 }])
        expect(parked[0]?.lastError).toMatch(/^failed: messages\.userMessage: /)
        expect(life.processor.totals()).toMatchObject({
          userMessages: 4,
          processedUserMessages: 3,
          parkedUserMessages: 1
        })
      })
    )
  }

  it.scoped("handles a message that it could not read once the module is mended, exactly once", () =>
    Effect.gen(function* () {
      const durable = yield* makeDurable
      const broken = yield* begin(durable, shout, { vocabulary: cannotRead(() => new Error("bug")) })
      yield* broken.monitor("ws-a")
      say(durable, "ws-a", { id: "bad", content: "poison" }, { id: "after" })
      yield* untilParked
      yield* broken.end
      const mended = yield* begin(durable, shout)
      yield* mended.monitor("ws-a")
      yield* untilParked
      const [parked] = yield* mended.processor.parked(allParked)
      yield* mended.processor.retry("ws-a", parked?.messageId ?? "")
      yield* untilParked
      expect(answered(durable, "ws-a")).toEqual(["after", "bad"])
      expect(yield* mended.processor.parked(allParked)).toEqual([])
      expect(mended.processor.totals()).toMatchObject({ userMessages: 2, processedUserMessages: 2 })
    })
  )

  it.scoped("parks the message whose answer it cannot write, and everything else goes on", () =>
    Effect.gen(function* () {
      const durable = yield* makeDurable
      const life = yield* begin(durable, shout, { vocabulary: cannotAnswer })
      yield* life.monitor("ws-a")
      say(durable, "ws-a", { id: "bad", content: "poison" }, { id: "after" })
      yield* untilParked
      expect(answered(durable, "ws-a")).toEqual(["after"])
      expect(life.manager.openStore("ws-a")).toBeDefined()
      const parked = yield* life.processor.parked(allParked)
      expect(parked).toMatchObject([{ messageId: "bad", failures: 5 }])
      expect(parked[0]?.lastError).toContain("messages.answer: Cannot read properties of undefined")
    })
  )

  it.scoped("repeats no answer that is there, though it cannot say which event answers what", () =>
    Effect.gen(function* () {
      const durable = yield* makeDurable
      const vocabulary: Vocabulary = {
        ...workspaceVocabulary,
        answeredMessage: () => throwing(() => new Error("bug"))
      }
      const life = yield* begin(durable, shout, { vocabulary })
      yield* life.monitor("ws-a")
      say(durable, "ws-a", { id: "one" })
      yield* untilParked
      expect(new Set(answers(durable, "ws-a").map(({ id }) => id)).size).toBe(1)
      expect(life.processor.totals()).toMatchObject({ userMessages: 1, processedUserMessages: 1 })
    })
  )
})

describe("a guarded vocabulary", () => {
  const event: StoreEvent = { cursor: "c1", name: "v1.Anything", args: {} }
  /** Values as a module may return them by mistake, with promises and getters that throw among them. */
  const garbage = fc.oneof(
    fc.anything(),
    fc.constantFrom<unknown>(
      Promise.resolve({ id: "x" }),
      Symbol("x"),
      { id: "", conversationId: "c", content: "x" },
      { id: "x".repeat(2_000), conversationId: "c", content: "x" },
      { id: 7, conversationId: "c", content: "x" },
      {
        get id(): string {
          return throwing(() => new Error("getter"))
        }
      }
    )
  )

  it("gives a message of the right shape, or none, whatever the module returns", () => {
    fc.assert(
      fc.property(garbage, (value) => {
        const message = guard({
          ...workspaceVocabulary,
          userMessage: (): never => value as never
        }).userMessage(event)
        if (message === undefined) return
        expect(message.id).toMatch(/./)
        expect(typeof message.conversationId).toBe("string")
        expect(typeof message.content).toBe("string")
      }),
      { numRuns: 500 }
    )
  })
})

describe("a module's handler", () => {
  const request: MessageRequest = {
    storeId: "ws-a",
    message: { id: "m", conversationId: "t", content: "x", sentAt: null, args: {} },
    idempotencyKey: "k",
    attempt: 1
  }
  const answers: ReadonlyArray<readonly [string, () => unknown]> = [
    ...thrown.map((error, index) => [`throws (${index})`, () => throwing(error)] as const),
    ...thrown.map(
      (error, index) => [`rejects (${index})`, () => Promise.resolve().then(() => throwing(error))] as const
    ),
    ...thrown.map((error, index) => [`dies in its Effect (${index})`, () => Effect.die(error())] as const),
    ["answers a number", () => 7],
    [
      "answers with a getter that throws",
      () => ({
        get content(): string {
          return throwing(() => new Error("getter"))
        }
      })
    ],
    [
      "answers with a then that throws",
      () => ({
        then: () => throwing(() => new Error("then"))
      })
    ]
  ]
  it.effect.each(answers.map(([what, handler]) => ({ what, handler })))(
    "that $what is a failed attempt",
    ({ handler }) =>
      Effect.gen(function* () {
        const exit = yield* Effect.exit(adapt(handler)(request))
        expect(Exit.isFailure(exit) && exit.cause._tag === "Fail" && exit.cause.error.reason).toBe("failed")
      })
  )
})
