import { readdirSync } from "node:fs"
import { mkdir, readdir, writeFile } from "node:fs/promises"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import { afterEach, describe, expect, it } from "vitest"
import { CommitError, StoreOpenError } from "../../../src/stores/StoreDriver.ts"
import { bypassToken, eventually, freePort, SyncWorker } from "../sync-worker/SyncWorkerHarness.ts"
import { Client, commit, heard, history, userMessage } from "./LiveStoreHarness.ts"

const stops: Array<() => Promise<void>> = []
const until = <A extends { stop: () => Promise<void> }>(resource: A): A => {
  stops.unshift(() => resource.stop())
  return resource
}
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop()
})

const startWorker = async () => until(await SyncWorker.start())
const startServer = async (syncUrl: string, options = {}) =>
  until(await Client.start({ syncUrl, clientId: "server", ...options }))
const startBrowser = async (syncUrl: string) =>
  until(await Client.start({ syncUrl, clientId: "browser", storage: "in-memory", commitTimeoutMs: 30_000 }))

const failureOf = async (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error
  )

describe("the LiveStore driver on a real sync backend", () => {
  it("opens connected, hears another client and confirms its own commits", async () => {
    const worker = await startWorker()
    const server = await startServer(worker.wsUrl)
    const browser = await startBrowser(worker.wsUrl)

    const mine = await server.open("ws-hear")
    expect(mine.store.connectivity().isConnected).toBe(true)
    expect(mine.connectivity.map((change) => change.isConnected)).toEqual([true])

    const theirs = await browser.open("ws-hear")
    await commit(theirs.store, "from-the-browser")
    await eventually("the server hears the browser", async () =>
      (await heard(mine.store)).includes("from-the-browser")
    )
    expect(mine.news.length).toBeGreaterThan(0)

    await commit(mine.store, "from-the-server")
    expect(mine.store.syncStatus()).toMatchObject({ pendingCount: 0, localHead: "e2", upstreamHead: "e2" })
    await eventually("the browser hears the server", async () =>
      (await heard(theirs.store)).includes("from-the-server")
    )
  })

  it("reads in pages from a cursor, and says at opening that there is a history", async () => {
    const worker = await startWorker()
    const browser = await startBrowser(worker.wsUrl)
    const theirs = await browser.open("ws-pages")
    for (const id of ["a", "b", "c", "d", "e"]) await commit(theirs.store, id)

    const server = await startServer(worker.wsUrl)
    const mine = await server.open("ws-pages")
    await eventually("the history is announced", () => mine.news.length > 0)
    await eventually("all is there", async () => (await history(mine.store)).length === 5)

    const firstTwo = await Effect.runPromise(mine.store.read(Option.none(), 2))
    const next = await Effect.runPromise(mine.store.read(Option.fromNullable(firstTwo[1]?.cursor), 2))
    const rest = await Effect.runPromise(mine.store.read(Option.fromNullable(next[1]?.cursor), 9))
    const none = await Effect.runPromise(mine.store.read(Option.fromNullable(rest[0]?.cursor), 9))
    const ids = [firstTwo, next, rest, none].map((page) => page.map((event) => event.args))
    expect(ids).toMatchObject([
      [{ id: "a" }, { id: "b" }],
      [{ id: "c" }, { id: "d" }],
      [{ id: "e", createdAt: new Date(0) }],
      []
    ])
    expect(Option.some(rest[0]?.cursor)).toEqual(Option.some(mine.news.at(-1)))
  })

  it("writes nothing that the schema does not know", async () => {
    const worker = await startWorker()
    const server = await startServer(worker.wsUrl)
    const { store, deaths } = await server.open("ws-invalid")
    for (const event of [
      { name: "v1.Unknown", args: {} },
      { name: "v1.UserMessageSent", args: { id: 3 } }
    ]) {
      const exit = await Effect.runPromise(Effect.flip(store.commit(event)))
      expect(exit).toMatchObject({ _tag: "CommitError", reason: "invalid" })
    }
    expect(await history(store)).toEqual([])
    expect(deaths).toEqual([])
  })

  it("refuses what is too long to be sent before it writes it, and writes the next", async () => {
    const worker = await startWorker()
    const server = await startServer(worker.wsUrl)
    const { deaths, store } = await server.open("ws-long")
    for (const content of ["漢".repeat(310_000), "\ud800".repeat(150_000), '"'.repeat(450_000)]) {
      const refused = await failureOf(Effect.runPromise(store.commit(userMessage("long", content))))
      expect(String(refused)).toContain("bytes long")
    }
    // The longest that is let through does arrive, and comes back.
    await Effect.runPromise(store.commit(userMessage("longest", "a".repeat(879_500))))
    await commit(store, "next")
    expect(await heard(store)).toEqual(["longest", "next"])
    expect(deaths).toEqual([])
  })

  it("repeats a message without doubling what the workspace holds", async () => {
    const worker = await startWorker()
    const server = await startServer(worker.wsUrl)
    const { store, deaths } = await server.open("ws-repeat")
    await commit(store, "twice")
    await commit(store, "twice")
    expect(await heard(store)).toEqual(["twice", "twice"])
    expect(deaths).toEqual([])
  })

  it("serialises commits that are asked for at once, and confirms each", async () => {
    const worker = await startWorker()
    const server = await startServer(worker.wsUrl)
    const { store, deaths } = await server.open("ws-serial")
    const ids = Array.from({ length: 20 }, (_, index) => `message-${index}`)
    let mostPending = 0
    const sampling = setInterval(() => {
      mostPending = Math.max(mostPending, store.syncStatus().pendingCount)
    }, 1)
    await Promise.all(ids.map((id) => commit(store, id)))
    clearInterval(sampling)
    expect(mostPending).toBe(1)
    expect([...(await heard(store))].sort()).toEqual([...ids].sort())
    expect(deaths).toEqual([])
  })

  it("opens offline, queues, and connects when the backend is there", async () => {
    const worker = await startWorker()
    await worker.kill()
    const server = await startServer(worker.wsUrl, { initialSyncTimeoutMs: 300, commitTimeoutMs: 500 })
    const { store, connectivity } = await server.open("ws-offline")
    expect(store.connectivity().isConnected).toBe(false)
    const error = await failureOf(commit(store, "queued"))
    expect(String(error)).toContain("not confirmed")
    expect(store.syncStatus().pendingCount).toBe(1)

    await worker.boot()
    await eventually("connected", () => store.connectivity().isConnected)
    await eventually("what was queued is confirmed", async () => (await heard(store)).includes("queued"))
    expect(connectivity.map((change) => change.isConnected)).toEqual([true])
  })

  it("reconnects and hears again after the backend was killed", async () => {
    const worker = await startWorker()
    const server = await startServer(worker.wsUrl)
    const browser = await startBrowser(worker.wsUrl)
    const mine = await server.open("ws-killed")
    const theirs = await browser.open("ws-killed")
    await commit(theirs.store, "before")

    await worker.kill()
    await eventually("the loss is noticed", () => !mine.store.connectivity().isConnected)
    await worker.boot()
    await eventually("connected again", () => mine.store.connectivity().isConnected)
    await commit(theirs.store, "after")
    await eventually("the server hears again", async () => (await heard(mine.store)).includes("after"))
    await commit(mine.store, "answer")
    expect(mine.connectivity.map((change) => change.isConnected)).toEqual([true, false, true])
    expect(mine.deaths).toEqual([])
  })

  it("reconnects as fast after the sixth loss as after the first", async () => {
    const worker = await startWorker()
    const server = await startServer(worker.wsUrl)
    const { store, deaths } = await server.open("ws-flapping")
    for (let loss = 1; loss <= 6; loss += 1) {
      await worker.kill()
      await eventually("the loss is noticed", () => !store.connectivity().isConnected)
      await worker.boot()
      await eventually(`connected after loss ${loss}`, () => store.connectivity().isConnected, 8_000)
      await commit(store, `after-loss-${loss}`)
    }
    expect((await heard(store)).length).toBe(6)
    expect(deaths).toEqual([])
  })

  it("hears again after a frozen backend has thawed, and loses no commit made meanwhile", async () => {
    const worker = await startWorker()
    const server = await startServer(worker.wsUrl, { commitTimeoutMs: 40_000 })
    const browser = await startBrowser(worker.wsUrl)
    const mine = await server.open("ws-frozen")
    const theirs = await browser.open("ws-frozen")
    await commit(mine.store, "before")

    worker.freeze()
    const during = commit(mine.store, "during")
    await eventually("the loss is noticed", () => !mine.store.connectivity().isConnected, 30_000)
    worker.thaw()
    await during
    await commit(theirs.store, "after")
    await eventually(
      "the server hears again",
      async () => (await heard(mine.store)).includes("after"),
      10_000
    )
    expect(await heard(mine.store)).toEqual(["before", "during", "after"])
    expect(mine.deaths).toEqual([])
  })

  it("opens a store afresh whose folder is corrupt", async () => {
    const worker = await startWorker()
    const server = await startServer(worker.wsUrl)
    const first = await server.open("ws-corrupt")
    await commit(first.store, "kept")
    await first.close()

    const folder = join(server.dataPath, "stores", "ws-corrupt")
    const files = await readdir(folder)
    expect(files.length).toBeGreaterThan(0)
    for (const file of files) await writeFile(join(folder, file), "this is not a database".repeat(500))

    const second = await server.open("ws-corrupt")
    await eventually("the history is back", async () => (await heard(second.store)).includes("kept"))
    expect(second.deaths).toEqual([])
  })

  it("dies when the backend has lost its history, and reads the new one from its beginning", async () => {
    const worker = await startWorker()
    const server = await startServer(worker.wsUrl)
    const first = await server.open("ws-reset")
    for (const id of ["old-1", "old-2", "old-3"]) await commit(first.store, id)
    const cursor = (await history(first.store)).at(-1)?.cursor

    await worker.forget()
    await eventually("the store dies", () => first.deaths.length === 1)
    expect(first.deaths[0]).toMatchObject({ _tag: "StoreDied", reason: "shutdown" })
    await first.close()

    const again = await server.open("ws-reset")
    await commit(again.store, "new-1")
    const events = await Effect.runPromise(again.store.read(Option.fromNullable(cursor), 10))
    expect(events.map((event) => event.args)).toMatchObject([{ id: "new-1" }])
  })

  it("says that the backend rejects it, without telling the token", async () => {
    const worker = await startWorker()
    const logs: Array<string> = []
    const logger = Logger.replace(
      Logger.defaultLogger,
      Logger.map(Logger.jsonLogger, (line) => void logs.push(line))
    )
    const server = await startServer(worker.wsUrl, {
      bypassToken: Redacted.make("a-wrong-token-of-the-tests"),
      initialSyncTimeoutMs: 300
    })
    const error = await Effect.runPromise(
      server.driver
        .open("ws-reject", { onNews: () => {}, onConnectivity: () => {}, onDeath: () => {} })
        .pipe(Effect.scoped, Effect.flip, Effect.provide(logger))
    )
    expect(error).toMatchObject({ _tag: "StoreOpenError", reason: "rejected" })
    expect(error.message).toContain("401")
    expect([error.message, ...logs, worker.log].join("\n")).not.toContain("a-wrong-token-of-the-tests")
  })

  it("dies as rejected when an open store's credentials are refused from now on", async () => {
    const worker = await startWorker()
    const server = await startServer(worker.wsUrl, { probeIntervalMs: 200 })
    const { deaths } = await server.open("ws-revoked")
    await worker.kill()
    await worker.boot({ SERVER_BYPASS_TOKEN: "rotated-without-telling-the-server" })
    await eventually("the store dies", () => deaths.length === 1)
    expect(deaths[0]).toMatchObject({ reason: "rejected" })
    expect(deaths[0]?.message).not.toContain(bypassToken)
  })

  it("never has the same store open twice, and can open it again once it is closed", async () => {
    const worker = await startWorker()
    const server = await startServer(worker.wsUrl)
    const first = await server.open("ws-busy")
    const error = await failureOf(server.open("ws-busy"))
    expect(error).toBeInstanceOf(StoreOpenError)
    expect(error).toMatchObject({ reason: "busy" })
    await commit(first.store, "undisturbed")
    await first.close()
    const second = await server.open("ws-busy")
    expect(await heard(second.store)).toEqual(["undisturbed"])
  })

  it("leaves nothing behind when it is interrupted while booting", async () => {
    const worker = await startWorker()
    const server = await startServer(worker.wsUrl)
    const signals = { onNews: () => {}, onConnectivity: () => {}, onDeath: () => {} }
    for (const delayMs of [0, 5, 20, 60, 120]) {
      const fiber = Effect.runFork(Effect.scoped(server.driver.open("ws-interrupt", signals)))
      await Effect.runPromise(Effect.sleep(delayMs))
      await Effect.runPromise(Fiber.interrupt(fiber))
    }
    await Effect.runPromise(server.driver.purge("ws-interrupt"))
    expect(readdirSync(server.dataPath).flatMap((name) => readdirSync(join(server.dataPath, name)))).toEqual(
      []
    )
    const opened = await server.open("ws-interrupt")
    await commit(opened.store, "fine")
  })

  it("gives up within its time when booting hangs", async () => {
    const server = await startServer(`ws://127.0.0.1:${await freePort()}`, {
      openTimeoutMs: 300,
      initialSyncTimeoutMs: 60_000
    })
    const error = await failureOf(server.open("ws-timeout"))
    expect(error).toMatchObject({ _tag: "StoreOpenError", reason: "timeout" })
  })

  it("has what is pending confirmed before it closes", async () => {
    const worker = await startWorker()
    const server = await startServer(worker.wsUrl, { flushTimeoutMs: 4_000 })
    const opened = await server.open("ws-flush")
    worker.freeze()
    const committing = failureOf(commit(opened.store, "unconfirmed"))
    await eventually("written", () => opened.store.syncStatus().pendingCount === 1)
    // The backend dies in the moment in which the store is closed: only what was confirmed by then survives.
    const closing = opened.close().then(() => worker.kill())
    expect(String(await committing)).toContain("the store was closed")
    worker.thaw()
    await closing
    await worker.boot()
    const browser = await startBrowser(worker.wsUrl)
    const theirs = await browser.open("ws-flush")
    await eventually("it has arrived", async () => (await heard(theirs.store)).includes("unconfirmed"))
  })

  it("closes within its time when the backend is frozen", async () => {
    const worker = await startWorker()
    const server = await startServer(worker.wsUrl, { flushTimeoutMs: 300 })
    const opened = await server.open("ws-close")
    worker.freeze()
    const committing = failureOf(commit(opened.store, "never-confirmed"))
    await eventually("written", () => opened.store.syncStatus().pendingCount > 0)
    await opened.close()
    expect(String(await committing)).toContain("the store was closed")
    expect(opened.deaths).toEqual([])
    worker.thaw()
  })

  it("signals nothing after its scope has closed", async () => {
    const worker = await startWorker()
    const server = await startServer(worker.wsUrl)
    const opened = await server.open("ws-silent")
    await opened.close()
    const signals = [opened.news.length, opened.connectivity.length, opened.deaths.length]
    await worker.kill()
    await worker.boot()
    const again = await server.open("ws-silent")
    await commit(again.store, "later")
    expect([opened.news.length, opened.connectivity.length, opened.deaths.length]).toEqual(signals)
    expect(opened.deaths).toEqual([])
  })

  it("holds no more file descriptors after fifty openings than after ten", async () => {
    const worker = await startWorker()
    const server = await startServer(worker.wsUrl)
    const descriptors = () => readdirSync("/proc/self/fd").length
    const cycle = async (times: number) => {
      for (let count = 0; count < times; count += 1) await (await server.open("ws-cycle")).close()
    }
    await cycle(10)
    const before = descriptors()
    await cycle(40)
    await eventually("the descriptors are given back", () => descriptors() <= before + 3)
  })

  it("purges the data of a closed store, never of an open one, never anything else", async () => {
    const worker = await startWorker()
    const server = await startServer(worker.wsUrl)
    const opened = await server.open("ws-purge")
    const folder = join(server.dataPath, "stores")
    await mkdir(join(server.dataPath, "other"))
    await Effect.runPromise(server.driver.purge("ws-purge"))
    expect(readdirSync(folder)).toEqual(["ws-purge"])
    await opened.close()
    for (const id of ["ws-purge", "../other", "..", ".", "", "a/../../other"]) {
      await Effect.runPromise(server.driver.purge(id))
    }
    expect(readdirSync(folder)).toEqual([])
    expect(readdirSync(server.dataPath).sort()).toEqual(["other", "stores"])
  })

  it("refuses an id that is no workspace's", async () => {
    const server = await startServer(`ws://127.0.0.1:${await freePort()}`)
    for (const id of ["../escape", "a", "", "-leading", "with space"]) {
      expect(await failureOf(server.open(id))).toMatchObject({ _tag: "StoreOpenError", reason: "driver" })
    }
  })

  it("fails a commit at once when the store dies under it", async () => {
    const worker = await startWorker()
    const server = await startServer(worker.wsUrl, { probeIntervalMs: 200, commitTimeoutMs: 60_000 })
    const opened = await server.open("ws-die")
    await worker.kill()
    const pending = failureOf(commit(opened.store, "lost"))
    await worker.boot({ SERVER_BYPASS_TOKEN: "rotated-without-telling-the-server" })
    const error = await pending
    expect(String(error)).toContain("401")
    expect(await Effect.runPromise(Effect.flip(opened.store.commit(userMessage("next"))))).toBeInstanceOf(
      CommitError
    )
  })

  it("closes every store when its scope is closed while many are opening", async () => {
    const worker = await startWorker()
    const server = await startServer(worker.wsUrl)
    const signals = { onNews: () => {}, onConnectivity: () => {}, onDeath: () => {} }
    const scope = await Effect.runPromise(Scope.make())
    const opening = Effect.runFork(
      Effect.forEach(
        Array.from({ length: 12 }, (_, index) => `ws-many-${index}`),
        (id) => server.driver.open(id, signals),
        { concurrency: "unbounded" }
      ).pipe(Scope.extend(scope))
    )
    await Effect.runPromise(Effect.sleep(400))
    await Effect.runPromise(Fiber.interrupt(opening))
    await Effect.runPromise(Scope.close(scope, Exit.void))
    // Nothing is in use any more: each can be opened.
    const opened = await Promise.all(
      Array.from({ length: 12 }, (_, index) => server.open(`ws-many-${index}`))
    )
    expect(opened.map((one) => one.store.connectivity().isConnected)).toEqual(opened.map(() => true))
  })
})
