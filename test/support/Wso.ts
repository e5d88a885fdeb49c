/** The built `wso` as an operator runs it. */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"

const program = join(import.meta.dirname, "..", "..", "dist", "wso.js")

export interface Ended {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

/** Starts a command; of this process's environment it sees only PATH. */
export const beginWso = (
  args: ReadonlyArray<string>,
  env: Readonly<Record<string, string>> = {}
): { readonly child: ChildProcess; readonly said: () => string; readonly ended: Promise<Ended> } => {
  const child = spawn(process.execPath, [program, ...args], { env: { PATH: process.env["PATH"], ...env } })
  let [out, err] = ["", ""]
  child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString()))
  child.stderr.on("data", (chunk: Buffer) => (err += chunk.toString()))
  return {
    child,
    said: () => err,
    ended: once(child, "close").then(() => ({ code: child.exitCode, out, err }))
  }
}

export const runWso = (
  args: ReadonlyArray<string>,
  env: Readonly<Record<string, string>> = {}
): Promise<Ended> => beginWso(args, env).ended
