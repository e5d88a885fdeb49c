import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { HandlerError, type MessageRequest } from "../../../src/stores/messages/MessageHandler.ts"
import { adapt, load } from "../../../src/stores/messages/WorkspaceModule.ts"

const example = "docs/examples/workspace-module.mjs"
const request: MessageRequest = {
  storeId: "ws-a",
  message: { id: "m1", conversationId: "talk", content: "one two three four", sentAt: 0, args: {} },
  idempotencyKey: "key",
  attempt: 1
}

describe("a module of one's own", () => {
  let folder: string
  beforeAll(async () => {
    // Inside the project, so that the modules find the packages.
    folder = await mkdtemp(join(process.cwd(), "node_modules", ".workspace-module-"))
  })
  afterAll(() => rm(folder, { recursive: true }))

  const loadText = async (name: string, text: string) => {
    const path = join(folder, `${name}.mjs`)
    await writeFile(path, text)
    return Effect.runPromise(Effect.either(load(path)))
  }

  it("is loaded with its schema, its vocabulary and its handler: the example of the documentation", async () => {
    const { handle, schema, vocabulary } = await Effect.runPromise(load(example))
    expect([...schema.eventsDefsMap.keys()]).toContain("v1.NoteWritten")
    const note = { id: "n1", notebook: "blue", text: "one two three four", writtenAt: new Date(5) }
    const event = { cursor: "m1", name: "v1.NoteWritten", args: note }
    const message = vocabulary.userMessage(event)
    expect(message).toMatchObject({ id: "n1", conversationId: "blue", sentAt: 5 })
    const reply = await Effect.runPromise(Option.getOrThrow(handle)(request))
    expect(reply).toEqual({ content: "one two three", data: { words: 4 } })
    const answer = vocabulary.answer({
      id: "a1",
      replyTo: "n1",
      conversationId: "blue",
      reply: reply ?? { content: "" },
      createdAt: new Date(0)
    })
    expect(answer).toEqual({
      name: "v1.NoteSummarised",
      args: { id: "a1", noteId: "n1", summary: "one two three", words: 4 }
    })
    expect(vocabulary.answeredMessage({ cursor: "m2", ...answer })).toBe("n1")
    expect(vocabulary.answeredMessage(event)).toBeUndefined()
  })

  it("is refused with what is wrong with it", async () => {
    const livestore = 'import { Events, makeSchema, Schema, State } from "@livestore/livestore"\n'
    const other = `${livestore}
      const events = { said: Events.synced({ name: "v1.Said", schema: Schema.Struct({ id: Schema.String }) }) }
      export const schema = makeSchema({ events, state: State.SQLite.makeState({ tables: {},
        materializers: State.SQLite.materializers(events, { "v1.Said": () => [] }) }) })\n`
    const cases = [
      ["syntax", "export const", "cannot be loaded"],
      ["throws", 'throw new Error("at load")', "at load"],
      ["empty", "export {}", "does not export a LiveStore schema"],
      ["number", "export const schema = 3", "does not export a LiveStore schema"],
      ["vocabulary", other, "v1.UserMessageSent"],
      ["handler", `${other}export const handler = 3`, "not a function"],
      ["messages", `${other}export const messages = { answer: () => 0 }`, "userMessage"]
    ] as const
    for (const [name, text, problem] of cases) {
      const loaded = await loadText(name, text)
      expect(Either.isLeft(loaded) ? loaded.left.message : "loaded").toContain(problem)
    }
    const missing = await Effect.runPromise(Effect.either(load(join(folder, "missing.mjs"))))
    expect(Either.isLeft(missing) && missing.left.problem).toContain("cannot be loaded")
  })
})

describe("a handler of one's own", () => {
  const run = (handler: (request: MessageRequest) => unknown) =>
    Effect.runPromise(Effect.either(adapt(handler)(request)))

  it("may be an effect, a promise or a value", async () => {
    const answer = Either.right({ content: "yes" })
    expect(await run(() => Effect.succeed({ content: "yes" }))).toEqual(answer)
    expect(await run(() => Promise.resolve("yes"))).toEqual(answer)
    expect(await run(() => "yes")).toEqual(answer)
    expect(await run(() => Promise.resolve(null))).toEqual(Either.right(null))
    expect(await run(() => undefined)).toEqual(Either.right(null))
  })

  it("fails for itself, in whatever way it fails", async () => {
    const failed = (message: string) => Either.left(new HandlerError({ reason: "failed", message }))
    expect(await run(() => Effect.fail(new Error("typed")))).toEqual(failed("typed"))
    expect(await run(() => Effect.die(new Error("defect")))).toEqual(failed("defect"))
    expect(await run(() => Promise.reject(new Error("rejected")))).toEqual(failed("rejected"))
    expect(
      await run(() => {
        throw new Error("thrown")
      })
    ).toEqual(failed("thrown"))
    expect(await run(() => Promise.resolve({ text: "?" }))).toMatchObject({ left: { reason: "failed" } })
  })

  it("is interrupted where it can be", async () => {
    let interrupted = false
    const forever = Effect.onInterrupt(Effect.never, () => Effect.sync(() => (interrupted = true)))
    await Effect.runPromise(Effect.either(Effect.timeout(adapt(() => forever)(request), 20)))
    expect(interrupted).toBe(true)
  })
})
