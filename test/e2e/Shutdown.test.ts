/** SIGTERM while stores are being opened: exit code 0 within the grace, and no store left open. */
import { expect, it } from "vitest"
import { eventually } from "../support/Eventually.ts"
import { descriptorsOf, groupMembers, holdersOf, listens } from "../support/ProcessTable.ts"
import { temporaryFolder, type Program } from "../support/Program.ts"
import { startServer } from "../support/RunningServer.ts"
import { startStack } from "../support/RunningStack.ts"
import { startSickAuthWorker, workspaceIds } from "../support/SickAuthWorker.ts"

const GRACE_MS = 15_000

const opened = (program: Program) =>
  program.log.filter(({ msg }) => msg === "workspace_orchestration.monitoring_started").length

it("stops in the midst of opening forty stores in memory", async () => {
  await using source = await startSickAuthWorker(workspaceIds(40))
  await using folder = await temporaryFolder()
  await using server = await startServer({
    AUTH_WORKER_INTERNAL_URL: source.url,
    SERVER_BYPASS_TOKEN: source.token,
    STORE_DATA_PATH: folder.path,
    MEMORY_DRIVER_OPEN_MS: "3000",
    SHUTDOWN_GRACE_MS: String(GRACE_MS)
  })
  const { client, program } = server
  // The first 32 are open, the other 8 are being opened.
  await eventually("some are open and some are not", () => opened(program) >= 1 && opened(program) < 40)
  const signalled = performance.now()
  program.kill("SIGTERM")
  expect(await program.ended).toBe(0)
  expect(performance.now() - signalled).toBeLessThan(GRACE_MS)
  expect(await program.logged("server.stopped")).toMatchObject({ openStores: 0 })
  expect(program.stderr()).toBe("")
  expect(await listens(client.url)).toBe(false)
})

it("stops in the midst of opening LiveStore stores, and finds them again", async () => {
  const ids = workspaceIds(40)
  await using folder = await temporaryFolder()
  {
    await using empty = await startStack(folder.path, { STORE_DRIVER: "memory" })
    for (const id of ids) await empty.auth.create(id)
    empty.program.kill("SIGTERM")
    expect(await empty.program.ended).toBe(0)
  }
  {
    await using stack = await startStack(folder.path, { SHUTDOWN_GRACE_MS: String(GRACE_MS) })
    const { program } = stack
    await eventually("some are open and some are not", () => opened(program) >= 4 && opened(program) < 40)
    const files = await descriptorsOf(program.pid)
    expect(files.filter((file) => file.startsWith(`${folder.path}/stores/`)).length).toBeGreaterThan(0)
    const signalled = performance.now()
    program.kill("SIGTERM")
    expect(await program.ended).toBe(0)
    expect(performance.now() - signalled).toBeLessThan(GRACE_MS)
    expect(await program.logged("server.stopping")).not.toMatchObject({ openStores: 0 })
    expect(await program.logged("server.stopped")).toMatchObject({ openStores: 0 })
    expect(program.stderr()).toBe("")
    expect(await groupMembers(program.pid)).toEqual([])
    expect(await holdersOf(folder.path)).toEqual([])
  }
  await using again = await startStack(folder.path)
  await eventually(
    "all forty are monitored",
    async () => (await again.server.monitored()).join() === ids.join(),
    60_000
  )
})

it("ends at once on a second signal, though a request is still being answered", async () => {
  await using source = await startSickAuthWorker(workspaceIds(3))
  await using folder = await temporaryFolder()
  await using server = await startServer({
    AUTH_WORKER_INTERNAL_URL: source.url,
    SERVER_BYPASS_TOKEN: source.token,
    STORE_DATA_PATH: folder.path
  })
  const { client, program } = server
  await eventually("all are monitored", async () => (await client.monitored()).length === 3)
  source.fallIll("hangs")
  const cut = expect(client.reconcile(source.token)).rejects.toThrow()
  await eventually("the run asks the source", () => source.sickCalls() === 1)
  program.kill("SIGTERM")
  await program.logged("server.stopping")
  // One that arrives within a second is the same signal, forwarded: repeat it until it is a second one.
  const again = setInterval(() => program.kill("SIGTERM"), 100)
  expect(await program.ended).toBe(143)
  clearInterval(again)
  await cut
})
