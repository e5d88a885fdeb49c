/**
 * Our programs as an operator runs them: child processes with an environment of their own, known by their log, their
 * exit code and what they leave behind. For the end-to-end tests and the benchmarks.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { mkdtemp, rm } from "node:fs/promises"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { eventually } from "./Eventually.ts"

/** A line of the log; the fields beyond `msg` depend on it. */
type LogLine = Readonly<Record<string, unknown>> & { readonly msg?: string }

/** A program that is still running when its user is done with it is ended within this. */
const END_WITHIN_MS = 10_000

const dist = join(import.meta.dirname, "..", "..", "dist")

const living = new Set<ChildProcess>()

/** Each program leads a group of its own, so that its children end with it. */
const signalGroup = (child: ChildProcess, signal: NodeJS.Signals): void => {
  if (child.pid === undefined) return
  try {
    process.kill(-child.pid, signal)
  } catch {
    // The whole group has ended.
  }
}

process.once("exit", () => {
  for (const child of living) signalGroup(child, "SIGKILL")
})

const parseLine: (text: string) => LogLine = JSON.parse

/** A running program. Disposing of it kills it and its children, if it still runs. */
export interface Program extends AsyncDisposable {
  readonly pid: number
  /** What it has logged so far. */
  readonly log: ReadonlyArray<LogLine>
  /** What it has written to standard error so far. */
  readonly stderr: () => string
  /** The first line of that message, now or later. Fails at once if the program ends without it. */
  readonly logged: (message: string, withinMs?: number) => Promise<LogLine>
  /** The exit code once it has ended; 128 + n where signal n ended it is the shell's, here it is the signal's name. */
  readonly ended: Promise<number | NodeJS.Signals>
  readonly kill: (signal: NodeJS.Signals) => void
  /** What a terminal does on Ctrl-C: the whole group hears it. */
  readonly ctrlC: () => void
}

/** Starts a built program. Of this process's environment it sees only PATH and HOME. */
export const startProgram = (
  name: "server" | "dev",
  environment: Readonly<Record<string, string>>
): Program => {
  const child = spawn(process.execPath, [join(dist, `${name}.js`)], {
    env: { PATH: process.env["PATH"], HOME: process.env["HOME"], ...environment },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true
  })
  living.add(child)
  const log: Array<LogLine> = []
  let stderr = ""
  createInterface({ input: child.stdout }).on("line", (line) => {
    log.push(line.startsWith("{") ? parseLine(line) : { msg: line })
  })
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text))
  let isOver = false
  const ended = new Promise<number | NodeJS.Signals>((resolve, reject) => {
    child.once("error", reject)
    // "close" comes once everything that it wrote has been read.
    child.once("close", (code, signal) => {
      isOver = true
      living.delete(child)
      resolve(code ?? signal ?? "SIGKILL")
    })
  })
  const find = (message: string) => log.find(({ msg }) => msg === message)
  return {
    pid: child.pid ?? 0,
    log,
    stderr: () => stderr,
    logged: async (message, withinMs) => {
      const line = await eventually(
        `${name} logs ${message}`,
        () => find(message) ?? (isOver ? {} : undefined),
        withinMs
      )
      if (line.msg === undefined) throw new Error(`${name} has ended without logging ${message}: ${stderr}`)
      return line
    },
    ended,
    kill: (signal) => {
      child.kill(signal)
    },
    ctrlC: () => signalGroup(child, "SIGINT"),
    [Symbol.asyncDispose]: async () => {
      signalGroup(child, "SIGKILL")
      await eventually(`${name} ends`, () => isOver, END_WITHIN_MS)
    }
  }
}

/** A text field of a log line. */
export const textOf = (line: LogLine, field: string): string => {
  const value = line[field]
  if (typeof value !== "string") throw new Error(`the line has no ${field}: ${JSON.stringify(line)}`)
  return value
}

/** A data folder that goes with its user. */
export const temporaryFolder = async (): Promise<{ readonly path: string } & AsyncDisposable> => {
  const path = await mkdtemp(join(tmpdir(), "wso-e2e-"))
  return {
    path,
    // A killed workerd may still be writing for a moment.
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
  }
}

/** Takes a port until it is disposed of. */
export const takePort = async (): Promise<{ readonly port: number } & AsyncDisposable> => {
  const server = createServer()
  const port = await new Promise<number>((resolve) => {
    server.listen({ host: "127.0.0.1", port: 0 }, () => {
      const address = server.address()
      resolve(typeof address === "object" && address !== null ? address.port : 0)
    })
  })
  return {
    port,
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve())
      })
  }
}

/** A port on which nobody listens. */
export const freePort = async (): Promise<number> => {
  await using taken = await takePort()
  return taken.port
}
