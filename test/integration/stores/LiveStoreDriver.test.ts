import { afterEach, describe, expect, it } from "vitest"
import { eventually, SyncWorker } from "../sync-worker/SyncWorkerHarness.ts"
import { Client, commit, heard } from "./LiveStoreHarness.ts"

const stops: Array<() => Promise<void>> = []
const until = <A extends { stop: () => Promise<void> }>(resource: A): A => {
  stops.unshift(() => resource.stop())
  return resource
}
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop()
})

describe("the LiveStore driver on a real sync backend", () => {
  it("opens connected, hears another client and confirms its own commits", async () => {
    const worker = until(await SyncWorker.start())
    const server = until(await Client.start({ syncUrl: worker.wsUrl }))
    const other = until(
      await Client.start({ syncUrl: worker.wsUrl, clientId: "browser", storage: "in-memory" })
    )

    const mine = await server.open("ws-hear")
    expect(mine.store.connectivity().isConnected).toBe(true)
    expect(mine.connectivity.map((change) => change.isConnected)).toEqual([true])

    const theirs = await other.open("ws-hear")
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
})
