/** The server in a process of its own, with stores in memory, beside which others measure. */
import { fork } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import { eventually } from "../test/support/Eventually.ts"
import { freePort } from "../test/support/Program.ts"

const READY_WITHIN_MS = 180_000
const POLL_MS = 5

export interface MeasuredServer {
  readonly url: string
  /** From the start of the process until it answers, and until it is ready, in milliseconds. */
  readonly liveMs: number
  readonly readyMs: number
  /** The longest pause of its event loop since it was last asked, or answered for the first time. */
  readonly longestPause: () => Promise<number>
  /** Sends SIGTERM and answers how long it took until the process had ended, in milliseconds. */
  readonly stop: () => Promise<number>
}

const answers = async (url: string): Promise<boolean> => {
  try {
    const response = await fetch(url)
    await response.arrayBuffer()
    return response.ok
  } catch {
    return false
  }
}

/** Starts the server and waits until it is ready. */
export const startMeasuredServer = async (
  environment: Readonly<Record<string, string>>
): Promise<MeasuredServer> => {
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const from = performance.now()
  const child = fork(join(import.meta.dirname, "ServerWithPauses.js"), {
    env: {
      PATH: process.env["PATH"],
      HOST: "127.0.0.1",
      PORT: String(port),
      STORE_DRIVER: "memory",
      ...environment
    },
    // Written as in production, and read by nobody.
    stdio: ["ignore", "ignore", "inherit", "ipc"]
  })
  process.once("exit", () => child.kill("SIGKILL"))
  await eventually("the server answers", () => answers(`${url}/health/live`), READY_WITHIN_MS, POLL_MS)
  const liveMs = performance.now() - from
  const longestPause = () =>
    new Promise<number>((resolve) => {
      child.once("message", (pause: unknown) => resolve(Number(pause)))
      child.send("pause")
    })
  // The loading of its code is not a pause of anybody's.
  await longestPause()
  await eventually("the server is ready", () => answers(`${url}/health/ready`), READY_WITHIN_MS, POLL_MS)
  return {
    url,
    liveMs,
    readyMs: performance.now() - from,
    longestPause,
    stop: async () => {
      const stoppedAt = performance.now()
      const ended = once(child, "exit")
      child.kill("SIGTERM")
      await ended
      return performance.now() - stoppedAt
    }
  }
}
