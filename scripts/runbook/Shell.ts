/**
 * A shell in which the documents' commands run as they are written: `wso` is the built command line, and curl reaches
 * https://server.example.com, which is a server on this machine behind a certificate made for the occasion.
 */
import { execFile, spawn } from "node:child_process"
import { mkdir, readFile, writeFile } from "node:fs/promises"
import { request } from "node:http"
import { createServer, type Server } from "node:https"
import { join } from "node:path"
import { promisify } from "node:util"
import { temporaryFolder } from "../../test/support/Program.ts"
import type { World } from "./States.ts"

const exec = promisify(execFile)

/** A command that has not ended by then is ended: `wso events -f` has no end of its own. */
const MAX_COMMAND_MS = 60_000

export interface Done {
  readonly exit: number
  /** What it wrote to both standard streams, in the order in which it wrote. */
  readonly printed: string
}

export interface Shell extends AsyncDisposable {
  readonly run: (world: World, commands: string, withinMs?: number) => Promise<Done>
}

const HOSTS = ["server.example.com", "auth.example.com", "sync.example.com"]

const certificate = async (folder: string) => {
  const key = join(folder, "key.pem")
  const cert = join(folder, "cert.pem")
  const names = HOSTS.map((host) => `DNS:${host}`).join()
  await exec("openssl", [
    ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1"],
    ...["-keyout", key, "-out", cert, "-subj", "/CN=server.example.com", "-addext", `subjectAltName=${names}`]
  ])
  return { path: cert, key: await readFile(key), cert: await readFile(cert) }
}

/** Speaks TLS for whatever answers under a host name at the moment. */
const makeFront = async (
  tls: { readonly key: Buffer; readonly cert: Buffer },
  urlOf: (host: string) => string | undefined
): Promise<Server> => {
  const server = createServer(tls, (incoming, outgoing) => {
    const target = urlOf((incoming.headers.host ?? "").replace(/:\d+$/, ""))
    if (target === undefined) return void outgoing.writeHead(502).end()
    const forward = request(
      new URL(incoming.url ?? "/", target),
      { method: incoming.method, headers: incoming.headers },
      (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
        answer.pipe(outgoing)
      }
    )
    forward.on("error", () => outgoing.destroy())
    incoming.pipe(forward)
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  return server
}

export const makeShell = async (): Promise<Shell> => {
  const folder = await temporaryFolder()
  const bin = join(folder.path, "bin")
  await mkdir(bin)
  const program = join(import.meta.dirname, "..", "..", "dist", "wso.js")
  await writeFile(join(bin, "wso"), `#!/bin/sh\nexec "${process.execPath}" "${program}" "$@"\n`, {
    mode: 0o755
  })
  const tls = await certificate(folder.path)
  let hosts: ReadonlyMap<string, string> = new Map()
  const front = await makeFront(tls, (host) => hosts.get(host))
  const address = front.address()
  const port = typeof address === "object" && address !== null ? address.port : 0
  const curlrc = [
    ...HOSTS.map((host) => `connect-to = "${host}:443:127.0.0.1:${port}"`),
    `cacert = "${tls.path}"`,
    "no-progress-meter"
  ]
  await writeFile(join(folder.path, ".curlrc"), `${curlrc.join("\n")}\n`)

  const run: Shell["run"] = (world, commands, withinMs = MAX_COMMAND_MS) => {
    hosts = world.hosts
    const { HOME = "", PATH = "" } = process.env
    const child = spawn("bash", ["-eo", "pipefail", "-c", `exec 2>&1\n${commands}`], {
      env: { HOME, PATH: `${bin}:${PATH}`, CURL_HOME: folder.path, NO_COLOR: "1", ...world.environment },
      stdio: ["ignore", "pipe", "ignore"],
      detached: true
    })
    const timer = setTimeout(() => {
      if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL")
    }, withinMs)
    return new Promise((resolve, reject) => {
      let printed = ""
      child.stdout.setEncoding("utf8").on("data", (text: string) => (printed += text))
      child.once("error", reject)
      child.once("close", (code) => {
        clearTimeout(timer)
        // As timeout(1) reports it.
        resolve({ exit: code ?? 124, printed })
      })
    })
  }
  return {
    run,
    [Symbol.asyncDispose]: async () => {
      front.closeAllConnections()
      front.close()
      await folder[Symbol.asyncDispose]()
    }
  }
}
