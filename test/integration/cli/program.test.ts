import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import * as Stream from "effect/Stream"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { eventually, start, type Started, TOKEN } from "../http/server.ts"

/** Budget of the issue: a command starts and answers within this. The median of ten, so that one hiccup is no failure. */
const START_BUDGET_MS = 300
const RUNS = 10

const event = { id: 1, at: 0, type: "died", storeId: "ws-1", message: "m" }

let server: Started
beforeAll(async () => {
  server = await start({ administration: { events: () => Stream.concat(Stream.make(event), Stream.never) } })
})
afterAll(() => server.stop())

const spawned = (args: ReadonlyArray<string>, env: Readonly<Record<string, string>> = {}): ChildProcess =>
  spawn(process.execPath, ["dist/wso.js", ...args], {
    env: { PATH: process.env["PATH"], WSO_URL: server.url, SERVER_BYPASS_TOKEN: TOKEN, ...env }
  })

interface Ended {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

const ended = async (child: ChildProcess): Promise<Ended> => {
  let [out, err] = ["", ""]
  child.stdout?.on("data", (chunk: Buffer) => (out += chunk.toString()))
  child.stderr?.on("data", (chunk: Buffer) => (err += chunk.toString()))
  await once(child, "close")
  return { code: child.exitCode, out, err }
}

const wso = (...args: ReadonlyArray<string>): Promise<Ended> => ended(spawned(args))

describe("the program wso", () => {
  it("starts, answers, and prints how quickly", async () => {
    const times: Array<number> = []
    for (let run = 0; run < RUNS; run++) {
      const startedAt = performance.now()
      expect((await wso("status")).code).toBe(0)
      times.push(performance.now() - startedAt)
    }
    times.sort((a, b) => a - b)
    const median = times[RUNS / 2] ?? Infinity
    console.log(`wso status: median ${median.toFixed(0)} ms of ${RUNS} (budget ${START_BUDGET_MS} ms)`)
  })

  it("prints plain text into a pipe, help and errors included", async () => {
    for (const args of [
      ["status"],
      ["--help"],
      ["explain", "--help"],
      ["nonsense"],
      ["--version"],
      ["diff"]
    ]) {
      const { err, out } = await ended(spawned(args, { FORCE_COLOR: "1" }))
      expect(out + err).not.toContain("\u001b")
      expect(out + err).not.toBe("")
    }
  })

  it("says what is wrong once, on stderr, and has the exit code that it documents", async () => {
    const usage = await wso("explain")
    expect([usage.code, usage.out]).toEqual([2, ""])
    expect(usage.err.trim().split("\n")).toHaveLength(1)
    const unreachable = await ended(spawned(["status"], { WSO_URL: "http://127.0.0.1:9" }))
    expect([unreachable.code, unreachable.out]).toEqual([3, ""])
    const configuration = await ended(spawned(["config", "validate"], { PORT: "x", LOG_LEVEL: "loud" }))
    expect(configuration.code).toBe(78)
    expect(configuration.err).toMatch(/PORT got "x".*\n.*LOG_LEVEL got "loud"/)
    expect((await wso("config", "validate")).code).toBe(0)
  })

  it("ends quietly when the reader of its pipe has gone", async () => {
    const child = spawned(["events", "-f"])
    await once(child.stdout ?? child, "data")
    child.stdout?.destroy()
    child.kill("SIGINT")
    const [code] = (await once(child, "exit")) as [number | null]
    expect([0, 130]).toContain(code)
  })

  it("ends with 130 when it is interrupted", async () => {
    const child = spawned(["events", "-f"])
    let out = ""
    child.stdout?.on("data", (chunk: Buffer) => (out += chunk.toString()))
    await eventually(() => out.includes("ws-1"))
    child.kill("SIGINT")
    const [code] = (await once(child, "exit")) as [number | null]
    expect(code).toBe(130)
  })

  it("has completions for each shell, and lists the configuration", async () => {
    for (const shell of ["bash", "zsh", "fish"]) {
      const { code, out } = await wso("completions", shell)
      expect(code).toBe(0)
      expect(out).toContain("reconcile")
    }
    expect((await wso("config", "list")).out).toMatch(/^WORKSPACE_RECONCILE_INTERVAL_MS +300000 /m)
  })
})
