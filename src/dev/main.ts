/**
 * `npm start`: the whole system in one process tree, with no account, container or network. The Auth Worker and the Sync
 * Worker run in real workerd, the server with real LiveStore stores beside them.
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Runtime from "effect/Runtime"
import * as Schema from "effect/Schema"
import { writeFile } from "node:fs/promises"
import { createServer } from "node:net"
import { join } from "node:path"
import {
  configExitCode,
  isRunByNpm,
  loadConfig,
  loadProcessStackConfig,
  preferProductionLibraries,
  type StackConfig
} from "../config.ts"
import { monotonicMs } from "../controller/Elapsed.ts"
import { exitWith, run } from "../process.ts"
import * as Server from "../server.ts"
import * as Outgoing from "../transport/Outgoing.ts"
import { announce } from "./Banner.ts"
import { loadSecrets } from "./Secrets.ts"
import { supervise } from "./Supervisor.ts"
import type { WorkerLog } from "./Workerd.ts"
import { makeAuthWorker, makeSyncWorker } from "./Workers.ts"

/** How the embedded stack differs from the server's own defaults; the environment wins over each. */
const stackDefaults = {
  WORKSPACE_RECONCILE_INTERVAL_MS: "15000",
  REMOVAL_GUARD_WINDOW_MS: "60000"
} as const

/** Of the Auth Worker: one developer may have as many workspaces as a load test wants. */
const DEV_QUOTA = "10000"
/** A webhook that the server missed is sent again after this, and then twice as long. */
const DEV_WEBHOOK_BACKOFF_MS = "1000"
const DEV_USER = "dev"

const freePort = Effect.async<number>((resume) => {
  const probe = createServer()
  probe.listen({ host: "127.0.0.1", port: 0 }, () => {
    const address = probe.address()
    probe.close(() => {
      resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : 0))
    })
  })
})

/** The Workers and the server have to know each other's ports before they start. */
const settled = (port: number) => (port === 0 ? freePort : Effect.succeed(port))

const DevToken = Schema.Struct({ token: Schema.NonEmptyString })

/** A user's token for the commands that the banner shows, kept in a file so that they stay short. */
const writeDevToken = (authUrl: string, file: string) =>
  Outgoing.send(
    `${authUrl}/dev/token`,
    {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ userId: DEV_USER })
    },
    (response) => response.text()
  ).pipe(
    Effect.flatMap(Schema.decode(Schema.parseJson(DevToken))),
    Effect.flatMap(({ token }) => Effect.tryPromise(() => writeFile(file, token, { mode: 0o600 })))
  )

/** As a URL has it. */
const hostText = (host: string): string => (host.includes(":") ? `[${host}]` : host)

/** What the Workers write, in the one log of the stack. */
const workerLog = (log: WorkerLog) =>
  (log.level === "error" ? Effect.logError : log.level === "warn" ? Effect.logWarning : Effect.logDebug)(
    "worker.log"
  ).pipe(Effect.annotateLogs({ worker: log.worker, line: log.message.slice(0, 2_000) }))

const stack = ({ authWorkerPort, environment, server, syncWorkerPort }: StackConfig) =>
  Effect.gen(function* () {
    const startedAt = yield* monotonicMs
    const { dataPath } = server
    const made = yield* loadSecrets(dataPath)
    const { JWT_SECRET, SERVER_BYPASS_TOKEN, WEBHOOK_SECRET } = { ...made, ...environment }
    const port = yield* settled(server.port)
    // A development token must not be had by a page that calls this machine by its own name (DNS rebinding).
    const ALLOWED_HOSTS = ["localhost", hostText(server.host), ...server.allowedHosts].join(",")
    const runFork = Runtime.runFork(yield* Effect.runtime())
    const shared = {
      dataPath: join(dataPath, "workers"),
      bundlesPath: join(import.meta.dirname, "workers"),
      onLog: (log: WorkerLog) => {
        runFork(workerLog(log))
      }
    }
    const authPort = yield* settled(authWorkerPort)
    const auth = yield* supervise(
      "auth-worker",
      makeAuthWorker({
        ...shared,
        port: authPort,
        bindings: {
          JWT_SECRET,
          SERVER_BYPASS_TOKEN,
          WEBHOOK_SECRET,
          SERVER_WEBHOOK_URL: `http://127.0.0.1:${port}/webhooks/workspaces`,
          WEBHOOK_BACKOFF_MS: DEV_WEBHOOK_BACKOFF_MS,
          MAX_INSTANCES_PER_USER: DEV_QUOTA,
          DEV_USERS_ENABLED: "true",
          ALLOWED_HOSTS
        }
      })
    )
    const syncPort = yield* settled(syncWorkerPort)
    const sync = yield* supervise(
      "sync-worker",
      makeSyncWorker({
        ...shared,
        port: syncPort,
        bindings: { JWT_SECRET, SERVER_BYPASS_TOKEN, AUTH_WORKER_URL: auth.url, ALLOWED_HOSTS }
      })
    )
    const tokenFile = join(dataPath, "dev-token")
    yield* writeDevToken(auth.url, tokenFile)
    const config = yield* loadConfig({
      ...environment,
      ALLOWED_HOSTS,
      PORT: String(port),
      AUTH_WORKER_INTERNAL_URL: auth.url,
      LIVESTORE_SYNC_URL: sync.url.replace(/^http/, "ws"),
      SERVER_BYPASS_TOKEN,
      WEBHOOK_SECRET
    })
    yield* Server.run(config, (serverUrl) =>
      announce({ serverUrl, authUrl: auth.url, syncUrl: sync.url, dataPath, tokenFile, startedAt })
    )
  }).pipe(Effect.scoped)

const config = await Effect.runPromise(Effect.either(loadProcessStackConfig(stackDefaults)))

if (Either.isLeft(config)) {
  exitWith(configExitCode, config.left.message)
} else {
  preferProductionLibraries()
  const { server } = config.right
  run(Effect.provide(stack(config.right), Server.telemetry(server)), {
    shutdownGraceMs: server.shutdownGraceMs,
    endsWithParent: isRunByNpm()
  })
}
