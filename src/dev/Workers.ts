import * as Effect from "effect/Effect"
import * as path from "node:path"
import { makeWorkerd, type RunningWorker, type WorkerLog } from "./Workerd.ts"

export interface WorkerOptions {
  /** Folder of the built bundles. Defaults to dist/workers under the working directory. */
  readonly bundlesPath?: string
  /** Each Worker keeps its Durable Objects in a folder of its own below this one. */
  readonly dataPath: string
  /** Defaults to 127.0.0.1. */
  readonly host?: string
  /** 0 takes a free port. */
  readonly port: number
  /** Variables and secrets of the Worker. */
  readonly bindings: Readonly<Record<string, string>>
  /** Receives each line that the Worker logs. Defaults to dropping them. */
  readonly onLog?: (log: WorkerLog) => void
}

const workerd = (
  options: WorkerOptions,
  own: {
    readonly worker: string
    readonly bundle: string
    readonly portVariable: string
    readonly durableObjects: Readonly<Record<string, string>>
  }
) =>
  makeWorkerd({
    worker: own.worker,
    scriptPath: path.resolve(options.bundlesPath ?? path.join("dist", "workers"), own.bundle),
    host: options.host ?? "127.0.0.1",
    port: options.port,
    portVariable: own.portVariable,
    folder: path.resolve(options.dataPath, own.worker),
    durableObjects: own.durableObjects,
    bindings: options.bindings,
    onLog: options.onLog ?? (() => undefined)
  })

/** The Auth Worker in workerd, until the scope closes. */
export const makeAuthWorker = (options: WorkerOptions) =>
  workerd(options, {
    worker: "auth-worker",
    bundle: "auth-worker.mjs",
    portVariable: "AUTH_WORKER_PORT",
    durableObjects: { WORKSPACE_REGISTRY: "WorkspaceRegistry" }
  })

/** The Sync Worker in workerd, until the scope closes. */
export const makeSyncWorker = (options: WorkerOptions) =>
  workerd(options, {
    worker: "sync-worker",
    bundle: "sync-worker.mjs",
    portVariable: "SYNC_WORKER_PORT",
    durableObjects: { SYNC_BACKEND_DO: "SyncBackendDO" }
  })

export interface WorkersOptions extends Omit<WorkerOptions, "port" | "bindings"> {
  readonly authPort: number
  readonly syncPort: number
  /** Of both Workers: SERVER_BYPASS_TOKEN and JWT_SECRET, for instance. */
  readonly bindings: Readonly<Record<string, string>>
  /** Of the Auth Worker alone: SERVER_WEBHOOK_URL, WEBHOOK_SECRET, DEV_USERS_ENABLED, … */
  readonly authBindings: Readonly<Record<string, string>>
  /** Of the Sync Worker alone; AUTH_WORKER_URL is set by itself. */
  readonly syncBindings?: Readonly<Record<string, string>>
}

export interface Workers {
  /** `http://host:port` of the Auth Worker. */
  readonly authUrl: string
  /** `ws://host:port` of the Sync Worker, as LiveStore wants it. */
  readonly syncUrl: string
  readonly auth: RunningWorker
  readonly sync: RunningWorker
}

/**
 * Both Workers, each in a workerd of its own, until the scope closes: the Sync Worker after the Auth Worker, whose address
 * it needs. Their data is there again at the next start with the same `dataPath`.
 */
export const makeWorkers = (options: WorkersOptions) =>
  Effect.gen(function* () {
    const { authBindings, authPort, bindings, syncBindings, syncPort, ...shared } = options
    const auth = yield* makeAuthWorker({
      ...shared,
      port: authPort,
      bindings: { ...bindings, ...authBindings }
    })
    const sync = yield* makeSyncWorker({
      ...shared,
      port: syncPort,
      bindings: { ...bindings, AUTH_WORKER_URL: auth.url, ...syncBindings }
    })
    const workers: Workers = { authUrl: auth.url, syncUrl: sync.url.replace(/^http/, "ws"), auth, sync }
    return workers
  })
