/** The embedded stack from outside: real workerd, real LiveStore, one command. */
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { eventually } from "../support/Eventually.ts"
import { descriptorsOf, groupMembers, holdersOf, listens, workerdOn } from "../support/ProcessTable.ts"
import { temporaryFolder } from "../support/Program.ts"
import { startStack, type RunningStack } from "../support/RunningStack.ts"

const monitors = (stack: RunningStack, ids: ReadonlyArray<string>) =>
  eventually(
    `${ids.join(", ")} and no other are monitored`,
    async () => (await stack.server.monitored()).join() === ids.join(),
    30_000
  )

const leavesNothing = async (stack: RunningStack, dataPath: string) => {
  expect(await groupMembers(stack.program.pid)).toEqual([])
  expect(await holdersOf(dataPath)).toEqual([])
  for (const url of [stack.serverUrl, stack.authUrl, stack.syncUrl]) expect(await listens(url)).toBe(false)
}

describe("a running stack", () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let stack: RunningStack

  beforeAll(async () => {
    folder = await temporaryFolder()
    stack = await startStack(folder.path)
    for (const id of ["first", "second", "third"]) await stack.auth.create(id)
  })
  afterAll(async () => {
    await stack[Symbol.asyncDispose]()
    await folder[Symbol.asyncDispose]()
  })

  it("monitors a workspace that has been created, on a store that is connected", async () => {
    await monitors(stack, ["first", "second", "third"])
    const health = await eventually("healthy", async () => {
      const seen = await stack.server.health()
      return seen.status === "healthy" && seen
    })
    expect(health.convergence).toMatchObject({ converged: true, desiredCount: 3, monitoredCount: 3 })
    expect(health.stores.map(({ networkStatus }) => networkStatus.isConnected)).toEqual([true, true, true])
  })

  it("monitors a workspace no longer that has been deleted, and holds no file of it", async () => {
    await stack.auth.delete("second")
    await monitors(stack, ["first", "third"])
    const files = await descriptorsOf(stack.program.pid)
    expect(files.some((file) => file.includes("/stores/first/"))).toBe(true)
    expect(files.filter((file) => file.includes("/stores/second/"))).toEqual([])
  })

  it("brings a killed Auth Worker back with its data, and goes on", async () => {
    const pid = await workerdOn(stack.program.pid, stack.authUrl)
    process.kill(pid, "SIGKILL")
    await eventually(
      "another workerd",
      async () => (await workerdOn(stack.program.pid, stack.authUrl)) !== pid
    )
    await eventually("it accepts a workspace", () => stack.auth.create("fourth").then(() => true))
    await monitors(stack, ["first", "fourth", "third"])
  })

  it("reconnects every store after its Sync Worker has been killed", async () => {
    const before = await stack.server.health()
    const pid = await workerdOn(stack.program.pid, stack.syncUrl)
    process.kill(pid, "SIGKILL")
    await eventually(
      "another workerd",
      async () => (await workerdOn(stack.program.pid, stack.syncUrl)) !== pid
    )
    await eventually(
      "every store has connected once more",
      async () => {
        const { status, stores } = await stack.server.health()
        return (
          status === "healthy" &&
          stores.every(({ networkStatus, reconnectAttempts, storeId }) => {
            const old = before.stores.find((store) => store.storeId === storeId)
            return networkStatus.isConnected && reconnectAttempts > (old?.reconnectAttempts ?? 0)
          })
        )
      },
      60_000
    )
    expect((await stack.server.health()).orchestrator.totalDeprovisioned).toBe(1)
  })
})

it("ends on Ctrl-C with exit code 0, and leaves no child, port or open file", async () => {
  await using folder = await temporaryFolder()
  await using stack = await startStack(folder.path)
  for (const id of ["first", "second"]) await stack.auth.create(id)
  await monitors(stack, ["first", "second"])
  stack.program.ctrlC()
  expect(await stack.program.ended).toBe(0)
  await leavesNothing(stack, folder.path)
  expect(await stack.program.logged("server.stopped")).toMatchObject({ openStores: 0 })

  await using again = await startStack(folder.path)
  await monitors(again, ["first", "second"])
})

it("ends what a kill -9 has left behind at the next start, and finds its data again", async () => {
  await using folder = await temporaryFolder()
  await using stack = await startStack(folder.path)
  for (const id of ["first", "second"]) await stack.auth.create(id)
  await monitors(stack, ["first", "second"])
  stack.program.kill("SIGKILL")
  await eventually("only the two workerd are left", async () => {
    const left = await groupMembers(stack.program.pid)
    return left.length === 2 && !left.includes(stack.program.pid)
  })
  expect(await listens(stack.authUrl)).toBe(true)

  await using again = await startStack(folder.path, {
    PORT: new URL(stack.serverUrl).port,
    AUTH_WORKER_PORT: new URL(stack.authUrl).port,
    SYNC_WORKER_PORT: new URL(stack.syncUrl).port
  })
  expect(await groupMembers(stack.program.pid)).toEqual([])
  await monitors(again, ["first", "second"])
  await again.auth.create("third")
  await monitors(again, ["first", "second", "third"])
})

it("does not run twice on one data folder", async () => {
  await using folder = await temporaryFolder()
  await using stack = await startStack(folder.path, { STORE_DRIVER: "memory" })
  await expect(startStack(folder.path, { STORE_DRIVER: "memory" })).rejects.toThrow(
    `is in use by process ${stack.program.pid}`
  )
  expect(await listens(stack.authUrl)).toBe(true)
})
