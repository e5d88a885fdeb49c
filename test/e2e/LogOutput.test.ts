/** Observability never steers: the server with a log that cannot be written, as a child process over real devices and pipes. */
import { type ChildProcess, spawn } from "node:child_process"
import { closeSync, openSync } from "node:fs"
import { join } from "node:path"
import { expect, it } from "vitest"
import { eventually } from "../support/Eventually.ts"
import { freePort, temporaryFolder } from "../support/Program.ts"
import { startSickAuthWorker } from "../support/SickAuthWorker.ts"

const dist = join(import.meta.dirname, "..", "..", "dist")
const WEBHOOK_SECRET = "a-webhook-secret-of-the-log-test"

interface Started extends AsyncDisposable {
  readonly child: ChildProcess
  readonly url: string
  /** The exit code, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals | null>
}

/** The server with its standard output on something that does not take lines. */
const startServer = async (
  stdout: "pipe" | number,
  environment: Readonly<Record<string, string>>
): Promise<Started> => {
  const port = await freePort()
  const child = spawn(process.execPath, [join(dist, "server.js")], {
    env: {
      PATH: process.env["PATH"],
      PORT: String(port),
      STORE_DRIVER: "memory",
      WORKSPACE_RECONCILE_INTERVAL_MS: "1000",
      SHUTDOWN_GRACE_MS: "15000",
      WEBHOOK_SECRET,
      ...environment
    },
    stdio: ["ignore", stdout, "ignore"]
  })
  const ended = new Promise<number | NodeJS.Signals | null>((resolve) => {
    child.once("exit", (code, signal) => resolve(code ?? signal))
  })
  return {
    child,
    url: `http://127.0.0.1:${port}`,
    ended,
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL")
      await ended
    }
  }
}

const isLive = async (url: string): Promise<boolean> => {
  try {
    return (await fetch(`${url}/health/live`, { signal: AbortSignal.timeout(5_000) })).status === 200
  } catch {
    return false
  }
}

const droppedLines = async (url: string): Promise<number> => {
  const text = await (await fetch(`${url}/metrics`)).text()
  return Number(/^wso_log_lines_dropped_total (\d+)/m.exec(text)?.[1] ?? 0)
}

const START_MS = 40_000

it("listens, reconciles through a failure, counts what it drops and stops, with its log on a full disk", async () => {
  await using source = await startSickAuthWorker(["one-workspace"])
  await using folder = await temporaryFolder()
  const full = openSync("/dev/full", "w")
  await using server = await startServer(full, {
    STORE_DATA_PATH: folder.path,
    AUTH_WORKER_INTERNAL_URL: source.url,
    SERVER_BYPASS_TOKEN: source.token,
    LOG_LEVEL: "debug"
  })
  closeSync(full)
  await eventually("it listens", () => isLive(server.url), START_MS)
  source.fallIll("answers 500")
  await eventually("a list has failed, and the loop lists again", () => source.sickCalls() >= 2, START_MS)
  await eventually("what is dropped is counted", async () => (await droppedLines(server.url)) > 0)
  expect(await isLive(server.url)).toBe(true)
  server.child.kill("SIGTERM")
  expect(await server.ended).toBe(0)
})

it("goes on and stops when the pipe of its log is closed", async () => {
  await using folder = await temporaryFolder()
  await using server = await startServer("pipe", { STORE_DATA_PATH: folder.path })
  server.child.stdout?.destroy()
  await eventually("it listens", () => isLive(server.url), START_MS)
  await eventually("what is dropped is counted", async () => (await droppedLines(server.url)) > 0)
  server.child.kill("SIGTERM")
  expect(await server.ended).toBe(0)
})

it("answers hundreds of webhooks and stops, though the reader of its log reads nothing", async () => {
  await using folder = await temporaryFolder()
  await using server = await startServer("pipe", { STORE_DATA_PATH: folder.path, LOG_LEVEL: "debug" })
  server.child.stdout?.pause()
  await eventually("it listens", () => isLive(server.url), START_MS)
  // More than a pipe holds (64 KiB), and than the process has ever read ahead.
  for (let number = 0; number < 400; number++) {
    const { status } = await fetch(`${server.url}/webhooks/workspaces`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: "Bearer wrong" },
      body: JSON.stringify({ event: "workspace.created", instanceId: `workspace-${number}` })
    })
    expect(status).toBeGreaterThanOrEqual(400)
  }
  expect(await isLive(server.url)).toBe(true)
  server.child.kill("SIGTERM")
  expect(await server.ended).toBe(0)
})
