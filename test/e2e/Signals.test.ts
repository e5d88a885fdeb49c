/** Who signals the programs, and how often: they end in order, with their own code, and leave no process behind. */
import { spawn } from "node:child_process"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { expect, it } from "vitest"
import { eventually } from "../support/Eventually.ts"
import { groupMembers } from "../support/ProcessTable.ts"
import { freePort, startProgram, temporaryFolder } from "../support/Program.ts"
import { startServer } from "../support/RunningServer.ts"
import { startStack } from "../support/RunningStack.ts"

const root = join(import.meta.dirname, "..", "..")
const START_MS = 60_000

it("stops the server in order on SIGHUP, as on SIGTERM", async () => {
  await using folder = await temporaryFolder()
  await using server = await startServer({ STORE_DATA_PATH: folder.path })
  server.program.kill("SIGHUP")
  expect(await server.program.ended).toBe(0)
  expect(await server.program.logged("server.stopped")).toMatchObject({ openStores: 0 })
})

it("leaves no workerd behind when the embedded stack receives SIGHUP", async () => {
  await using folder = await temporaryFolder()
  await using stack = await startStack(folder.path, { STORE_DRIVER: "memory" })
  stack.program.kill("SIGHUP")
  expect(await stack.program.ended).toBe(0)
  await eventually("nothing of it runs", async () => (await groupMembers(stack.program.pid)).length === 0)
})

it("leaves no workerd behind when it is signalled twice while it starts", async () => {
  await using folder = await temporaryFolder()
  await using program = startProgram("dev", {
    PORT: String(await freePort()),
    AUTH_WORKER_PORT: "0",
    SYNC_WORKER_PORT: "0",
    STORE_DRIVER: "memory",
    STORE_DATA_PATH: folder.path
  })
  await eventually("a workerd runs", async () => (await groupMembers(program.pid)).length > 1, START_MS)
  program.kill("SIGTERM")
  program.kill("SIGHUP")
  expect(await program.ended).toBe(0)
  await eventually("nothing of it runs", async () => (await groupMembers(program.pid)).length === 0)
})

it("ends `npm run server` with the server's own code when the whole group is signalled", async () => {
  await using folder = await temporaryFolder()
  const npm = spawn("npm", ["run", "--silent", "--ignore-scripts", "server"], {
    cwd: root,
    env: {
      PATH: process.env["PATH"],
      HOME: process.env["HOME"],
      PORT: "0",
      STORE_DRIVER: "memory",
      STORE_DATA_PATH: folder.path
    },
    stdio: ["ignore", "pipe", "ignore"],
    detached: true
  })
  const lines: Array<string> = []
  createInterface({ input: npm.stdout }).on("line", (line) => lines.push(line))
  const ended = new Promise<number | NodeJS.Signals | null>((resolve) => {
    npm.once("close", (code, signal) => resolve(code ?? signal))
  })
  const group = npm.pid ?? 0
  try {
    await eventually(
      "the server listens",
      () => lines.some((line) => line.includes('"server.listening"')),
      START_MS
    )
    process.kill(-group, "SIGTERM")
    expect(await ended).toBe(0)
    expect(lines.some((line) => line.includes('"server.stopped"'))).toBe(true)
  } finally {
    if ((await groupMembers(group)).length > 0) process.kill(-group, "SIGKILL")
  }
})
