/** Messages of live clients on a real Sync Worker, answered by the server as an operator runs it. */
import * as Effect from "effect/Effect"
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { afterEach, describe, expect, it } from "vitest"
import { load } from "../../src/stores/messages/WorkspaceModule.ts"
import { HandlerServer } from "../integration/messages/HandlerServer.ts"
import { Client, history } from "../integration/stores/LiveStoreHarness.ts"
import { bypassToken, SyncWorker } from "../integration/sync-worker/SyncWorkerHarness.ts"
import { eventually } from "../support/Eventually.ts"
import { isInOrder, makeWriter, observe } from "../support/Messages.ts"
import { startProgram, temporaryFolder } from "../support/Program.ts"
import { startServer } from "../support/RunningServer.ts"

const stops: Array<() => Promise<unknown>> = []
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop()
})
const until = <A extends { stop: () => Promise<void> }>(resource: A): A => {
  stops.unshift(() => resource.stop())
  return resource
}

const example = "docs/examples/workspace-module.mjs"
const endOf = (resource: AsyncDisposable) => async () => {
  await resource[Symbol.asyncDispose]()
}

const stackOf = async (storeIds: ReadonlyArray<string>) => {
  const sync = until(await SyncWorker.start())
  const folder = await temporaryFolder()
  stops.push(endOf(folder))
  const environment = {
    STORE_DRIVER: "livestore",
    NODE_ENV: "production",
    HOST: "127.0.0.1",
    STORE_IDS: storeIds.join(),
    STORE_DATA_PATH: folder.path,
    LIVESTORE_SYNC_URL: sync.wsUrl,
    SERVER_BYPASS_TOKEN: bypassToken
  }
  const start = async (more: Readonly<Record<string, string>>) => {
    const server = await startServer({ ...environment, ...more })
    stops.unshift(endOf(server))
    return server
  }
  const client = async (clientId: string, options = {}) =>
    until(await Client.start({ syncUrl: sync.wsUrl, clientId, storage: "in-memory", ...options }))
  return { sync, folder, start, client }
}

describe("user messages", () => {
  it("are answered once each and in order, though the server is killed twice while it answers", async () => {
    const ids = ["ws-red", "ws-green", "ws-blue"]
    const count = 20
    const stack = await stackOf(ids)
    const handler = until(await HandlerServer.start())
    handler.answer = async () => {
      await new Promise((resolve) => setTimeout(resolve, 50))
      return { body: '{"content":"yes"}' }
    }
    const handled = (calls: number) =>
      eventually(`${calls} attempts`, () => handler.asked.length >= calls, 60_000)
    const environment = {
      MESSAGE_HANDLER_URL: handler.url,
      MESSAGE_HANDLER_SECRET: "handler-secret-of-the-test-0123456789"
    }
    let server = await stack.start(environment)
    const browser = await stack.client("browser", { commitTimeoutMs: 5_000 })
    const writers = ids.map((id) => makeWriter(browser, id))
    const written = Promise.all(
      writers.map((writer, index) =>
        writer.write(
          Array.from({ length: count }, (_, number) => ({
            id: `${ids[index]}-${number}`,
            conversationId: `talk-${number % 2}`
          }))
        )
      )
    )
    for (const calls of [5, 25]) {
      await handled(calls)
      server.program.kill("SIGKILL")
      await server.program.ended
      server = await stack.start(environment)
    }
    await written
    await Promise.all(writers.map((writer) => writer.close()))

    const observer = await stack.client("observer")
    for (const id of ids) {
      const seen = await observe(
        observer,
        id,
        ({ answers, messages }) => messages.size === count && answers.size === count,
        // A commit that is never confirmed costs a store a minute before it is opened afresh.
        150_000
      )
      expect(seen.messages.size).toBe(count)
      expect(seen.answers.size).toBe(count)
      expect([...seen.answers.values()].filter((answers) => answers.size !== 1)).toEqual([])
      expect(isInOrder(seen)).toBe(true)
    }
    await eventually("the server has counted them", async () => {
      const { globalResources, liveStoreTotals } = await server.client.health()
      return (
        liveStoreTotals.userMessages === 60 &&
        liveStoreTotals.processedUserMessages === 60 &&
        globalResources.activeHandlers === 0
      )
    })
    // Every attempt at a message said the same key.
    const keys = new Map(
      handler.asked.map(({ body, headers }) => [/"id":"([^"]+)"/.exec(body)?.[1], headers["idempotency-key"]])
    )
    expect(new Set(keys.values()).size).toBe(60)
  }, 240_000)

  it("are what a team's own module says they are: the example of the documentation", async () => {
    const stack = await stackOf(["ws-notes"])
    await stack.start({ WORKSPACE_MODULE: example })
    const { schema } = await Effect.runPromise(load(example))
    const browser = await stack.client("browser", { loadSchema: () => Promise.resolve(schema) })
    const { store } = await browser.open("ws-notes")
    const note = { id: "n1", notebook: "blue", text: "one two three four", writtenAt: new Date(0) }
    await Effect.runPromise(store.commit({ name: "v1.NoteWritten", args: note }))
    const summary = await eventually("the note is summarised", async () =>
      (await history(store)).find(({ name }) => name === "v1.NoteSummarised")
    )
    expect(summary.args).toMatchObject({ noteId: "n1", summary: "one two three", words: 4 })
  })

  it("stop the start when the module cannot be used", async () => {
    await using folder = await temporaryFolder()
    const path = join(folder.path, "module.mjs")
    await writeFile(path, "export const schema = 3")
    const program = startProgram("server", {
      PORT: "0",
      STORE_DRIVER: "memory",
      STORE_DATA_PATH: folder.path,
      WORKSPACE_MODULE: path
    })
    expect(await program.ended).toBe(78)
    expect(program.stderr()).toContain("WORKSPACE_MODULE")
    expect(program.stderr()).toContain("does not export a LiveStore schema")
  })
})
