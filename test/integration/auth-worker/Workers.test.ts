import * as Effect from "effect/Effect"
import { spawn, spawnSync } from "node:child_process"
import { createServer } from "node:net"
import path from "node:path"
import { describe, expect, it, onTestFinished } from "vitest"
import { makeAuthWorker } from "../../../src/dev/Workers.ts"
import { bypassToken, eventually, startAuthWorker, temporaryFolder } from "./support.ts"

const parseWorker: (text: string) => { readonly url: string; readonly pid: number } = JSON.parse

/** The Auth Worker under a parent process of its own. */
const startElsewhere = async (dataPath: string) => {
  const parent = spawn(
    process.execPath,
    ["--import", "tsx", path.join(import.meta.dirname, "runWorker.ts"), dataPath],
    { stdio: ["ignore", "pipe", "inherit"] }
  )
  onTestFinished(() => void parent.kill("SIGKILL"))
  let output = ""
  parent.stdout.setEncoding("utf8").on("data", (text: string) => (output += text))
  const line = await eventually("the child's worker", () =>
    output.split("\n").find((one) => one.startsWith("{"))
  )
  const worker = parseWorker(line)
  onTestFinished(() => {
    if (isRunning(worker.pid)) process.kill(worker.pid, "SIGKILL")
  })
  const killParent = async () => {
    const ended = new Promise((resolve) => parent.once("exit", resolve))
    parent.kill("SIGKILL")
    await ended
  }
  return { ...worker, killParent }
}

/** Whether a process runs; one that has ended and waits to be reaped does not. */
const isRunning = (pid: number) => {
  const { stdout } = spawnSync("ps", ["-o", "stat=", "-p", String(pid)], { encoding: "utf8" })
  return stdout.trim() !== "" && !stdout.startsWith("Z")
}

const failureOf = (dataPath: string, port: number) =>
  Effect.runPromise(Effect.flip(Effect.scoped(makeAuthWorker({ dataPath, port, bindings: {} }))))

describe("the Workers of the embedded stack", () => {
  it("find their data again at the next start", async () => {
    const dataPath = await temporaryFolder()
    const first = await startAuthWorker({}, { dataPath })
    const token = await first.tokenOf("alice")
    await first.call("POST", "/workspaces", { token, body: { instanceId: "kept" } })
    const before = await first.call("GET", "/internal/workspaces", { token: bypassToken })
    await first.stop()
    expect(isRunning(first.pid)).toBe(false)
    const second = await startAuthWorker({}, { dataPath })
    const after = await second.call("GET", "/internal/workspaces", { token: bypassToken })
    expect(after.body).toEqual(before.body)
  })

  it("end the workerd that a killed parent left on their folder, and no other one", async () => {
    const dataPath = await temporaryFolder()
    const orphan = await startElsewhere(dataPath)
    const neighbour = await startAuthWorker()
    await orphan.killParent()
    expect(isRunning(orphan.pid)).toBe(true)
    expect((await fetch(`${orphan.url}/health`)).status).toBe(200)

    const next = await startAuthWorker({}, { dataPath, port: Number(new URL(orphan.url).port) })
    expect(isRunning(orphan.pid)).toBe(false)
    expect(next.url).toBe(orphan.url)
    expect((await next.call("GET", "/health")).status).toBe(200)
    expect((await neighbour.call("GET", "/health")).status).toBe(200)
  })

  it("leave a live parent's workerd alone, and say who it is", async () => {
    const dataPath = await temporaryFolder()
    const running = await startElsewhere(dataPath)
    const failure = await failureOf(dataPath, 0)
    expect(failure._tag).toBe("FolderInUse")
    expect((await fetch(`${running.url}/health`)).status).toBe(200)
  })

  it("say which port is busy, and which variable chooses another", async () => {
    const listener = createServer()
    const port = await new Promise<number>((resolve) => {
      listener.listen(0, "127.0.0.1", () => {
        const address = listener.address()
        resolve(typeof address === "object" && address !== null ? address.port : 0)
      })
    })
    onTestFinished(() => void listener.close())
    const failure = await failureOf(await temporaryFolder(), port)
    expect(failure._tag).toBe("PortBusy")
    expect(failure.message).toContain(String(port))
    expect(failure.message).toContain("AUTH_WORKER_PORT")
  })
})
