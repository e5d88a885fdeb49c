/** A real Sync Worker in workerd for one test, which can be killed, frozen and thawed, and an Auth Worker's stand-in. */
import { execFileSync } from "node:child_process"
import { mkdtemp, rm } from "node:fs/promises"
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Readable } from "node:stream"
import { type JWTPayload, SignJWT } from "jose"
import { Log, LogLevel, Miniflare } from "miniflare"
import { defaultAudience, defaultIssuer } from "../../../src/sync-worker/TokenTerms.ts"

export const bypassToken = "bypass-token-of-the-tests"
export const jwtSecret = "signing-secret-of-the-tests-0123456789"

/** Polls until `condition` holds; fails after `timeoutMs` naming what it waited for. */
export const eventually = async (
  what: string,
  condition: () => boolean | Promise<boolean>,
  timeoutMs = 15_000
): Promise<void> => {
  const deadline = Date.now() + timeoutMs
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`still not so after ${timeoutMs} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** A port that nobody listens on at this moment. */
export const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer()
    server.on("error", reject)
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo
      server.close(() => resolve(port))
    })
  })

/** The processes named workerd that this process has started. */
const workerdPids = (): ReadonlyArray<number> => {
  try {
    return execFileSync("pgrep", ["-P", String(process.pid), "workerd"], { encoding: "utf8" })
      .trim()
      .split("\n")
      .map(Number)
  } catch {
    return []
  }
}

/** Answers who is a member of what, as the Auth Worker would. */
export class Memberships {
  readonly instances = new Map<string, Array<string>>()
  status = 200
  requests = 0
  readonly #server: Server

  private constructor(server: Server) {
    this.#server = server
  }

  static async start(): Promise<Memberships> {
    const server = createServer()
    const memberships = new Memberships(server)
    server.on("request", (request, response) => {
      memberships.requests += 1
      const user = /^\/internal\/users\/([^/]+)\/instances$/.exec(request.url ?? "")?.[1] ?? ""
      const known = memberships.instances.get(decodeURIComponent(user))
      const isAllowed = request.headers.authorization === `Bearer ${bypassToken}`
      const status = !isAllowed ? 403 : memberships.status !== 200 ? memberships.status : known ? 200 : 404
      response.writeHead(status, { "content-type": "application/json" })
      response.end(
        JSON.stringify({ userId: user, instances: (known ?? []).map((instanceId) => ({ instanceId })) })
      )
    })
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    return memberships
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}

export interface SyncWorkerOptions {
  readonly bindings?: Record<string, string>
}

export class SyncWorker {
  readonly port: number
  /** Everything workerd has written. */
  log = ""
  readonly #folder: string
  readonly #bindings: Record<string, string>
  #miniflare: Miniflare | undefined
  #pid: number | undefined

  private constructor(port: number, folder: string, bindings: Record<string, string>) {
    this.port = port
    this.#folder = folder
    this.#bindings = bindings
  }

  static async start(options: SyncWorkerOptions = {}): Promise<SyncWorker> {
    const folder = await mkdtemp(join(tmpdir(), "sync-worker-"))
    const worker = new SyncWorker(await freePort(), folder, {
      SERVER_BYPASS_TOKEN: bypassToken,
      JWT_SECRET: jwtSecret,
      ...options.bindings
    })
    await worker.boot()
    return worker
  }

  get wsUrl(): string {
    return `ws://127.0.0.1:${this.port}`
  }

  get httpUrl(): string {
    return `http://127.0.0.1:${this.port}`
  }

  /** Starts workerd, on the same port and data as before; `bindings` replace those it had. */
  async boot(bindings: Record<string, string> = {}): Promise<void> {
    const before = new Set(workerdPids())
    this.#miniflare = new Miniflare({
      modules: true,
      scriptPath: "dist/workers/sync-worker.mjs",
      host: "127.0.0.1",
      port: this.port,
      cf: false,
      telemetry: { enabled: false },
      log: new Log(LogLevel.ERROR),
      compatibilityDate: "2026-04-01",
      compatibilityFlags: ["nodejs_compat"],
      durableObjects: { SYNC_BACKEND_DO: { className: "SyncBackendDO", useSQLite: true } },
      durableObjectsPersist: this.#folder,
      bindings: { ...this.#bindings, ...bindings },
      handleRuntimeStdio: (stdout: Readable, stderr: Readable) => {
        const keep = (chunk: Buffer) => {
          this.log += chunk.toString()
        }
        stdout.on("data", keep)
        stderr.on("data", keep)
      }
    })
    await this.#miniflare.ready
    this.#pid = workerdPids().find((pid) => !before.has(pid))
  }

  #signal(signal: NodeJS.Signals): void {
    if (this.#pid === undefined) throw new Error("workerd's process was not found")
    process.kill(this.#pid, signal)
  }

  /** Ends workerd without warning. */
  async kill(): Promise<void> {
    this.#signal("SIGKILL")
    await this.#miniflare?.dispose().catch(() => undefined)
    this.#miniflare = undefined
  }

  /** Starts it anew without any of its data. */
  async forget(): Promise<void> {
    await this.kill()
    await rm(this.#folder, { recursive: true, force: true })
    await this.boot()
  }

  freeze(): void {
    this.#signal("SIGSTOP")
  }

  thaw(): void {
    this.#signal("SIGCONT")
  }

  async stop(): Promise<void> {
    if (this.#miniflare !== undefined) {
      this.thaw()
      await this.#miniflare.dispose()
    }
    await rm(this.#folder, { recursive: true, force: true })
  }
}

/** A token as the Auth Worker signs them; whatever `claims` names wins. */
export const userToken = (userId: string, claims: JWTPayload = {}, secret = jwtSecret): Promise<string> =>
  new SignJWT({
    iss: defaultIssuer,
    aud: defaultAudience,
    sub: userId,
    exp: Math.floor(Date.now() / 1_000) + 600,
    ...claims
  })
    .setProtectedHeader({ alg: "HS256" })
    .sign(new TextEncoder().encode(secret))
