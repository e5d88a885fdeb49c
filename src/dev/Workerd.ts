import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { Log, LogLevel, Miniflare, type MiniflareOptions } from "miniflare"
import { mkdir } from "node:fs/promises"
import { createServer } from "node:net"
import { dirname } from "node:path"
import { endOrphans, forgetOwnership, liveOwner, recordOwnership, workerdsOf } from "./WorkerdOrphans.ts"

/** Somebody else listens where a Worker was to listen. */
export class PortBusy extends Schema.TaggedError<PortBusy>()("PortBusy", {
  worker: Schema.String,
  host: Schema.String,
  port: Schema.Number,
  /** The variable that chooses another port. */
  variable: Schema.String
}) {
  override get message(): string {
    return `Port ${this.port} on ${this.host} is in use; set ${this.variable} to run the ${this.worker} elsewhere.`
  }
}

/** Another live process runs Workers on this data folder. */
export class FolderInUse extends Schema.TaggedError<FolderInUse>()("FolderInUse", {
  folder: Schema.String,
  pid: Schema.Number
}) {
  override get message(): string {
    return `${this.folder} is in use by process ${this.pid}; stop it, or choose another data folder.`
  }
}

/** workerd did not start. */
export class WorkerdFailed extends Schema.TaggedError<WorkerdFailed>()("WorkerdFailed", {
  worker: Schema.String,
  cause: Schema.Defect
}) {
  override get message(): string {
    return `The ${this.worker} did not start: ${this.cause instanceof Error ? this.cause.message : String(this.cause)}`
  }
}

export const WorkersError = Schema.Union(PortBusy, FolderInUse, WorkerdFailed)
export type WorkersError = typeof WorkersError.Type

/** A line that a Worker wrote. */
export interface WorkerLog {
  readonly worker: string
  readonly level: string
  readonly message: string
}

export interface WorkerdOptions {
  /** The Worker's name, for messages and logs. */
  readonly worker: string
  /** The bundle that workerd runs. */
  readonly scriptPath: string
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
  /** The variable that chose the port, for PortBusy. */
  readonly portVariable: string
  /** Where its Durable Objects are kept; made when absent. One process at a time may use it. */
  readonly folder: string
  /** Binding -> class of its Durable Objects, all SQLite-backed. */
  readonly durableObjects: Readonly<Record<string, string>>
  /** Variables and secrets. */
  readonly bindings: Readonly<Record<string, string>>
  /** Receives what the Worker logs. */
  readonly onLog: (log: WorkerLog) => void
}

/** A Worker that is running in its own workerd. */
export interface RunningWorker {
  readonly url: string
  /** The process of workerd; undefined where the platform does not let us see it. */
  readonly pid: number | undefined
}

/** The runtime's behaviour is pinned to a date, as on the platform. */
const compatibilityDate = "2026-04-01"

const startTimeoutMs = 20_000

/**
 * Miniflare ends the process at the first SIGINT or SIGTERM, before anything else could stop in order. Its hook on
 * the exit itself stays: it ends workerd however this process ends, short of a kill.
 */
const leavingSignalsAlone = <A>(make: () => A): A => {
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const
  const before = signals.map((signal) => new Set(process.listeners(signal)))
  const made = make()
  for (const [index, signal] of signals.entries()) {
    for (const listener of process.listeners(signal)) {
      if (before[index]?.has(listener) !== true) process.removeListener(signal, listener)
    }
  }
  return made
}

/** Fails with PortBusy while somebody listens on the port. */
const requirePort = (options: WorkerdOptions): Effect.Effect<void, PortBusy | WorkerdFailed> =>
  Effect.async((resume) => {
    const probe = createServer()
    probe.once("error", (cause: NodeJS.ErrnoException) => {
      const { worker, host, port, portVariable: variable } = options
      resume(
        Effect.fail(
          cause.code === "EADDRINUSE"
            ? new PortBusy({ worker, host, port, variable })
            : new WorkerdFailed({ worker, cause })
        )
      )
    })
    probe.listen({ host: options.host, port: options.port, exclusive: true }, () => {
      probe.close(() => resume(Effect.void))
    })
  })

/**
 * Runs one Worker in real workerd until the scope closes. Ends the workerd that a killed predecessor left on the same
 * folder first; a port held by anybody else is PortBusy.
 */
export const makeWorkerd = (
  options: WorkerdOptions
): Effect.Effect<RunningWorker, WorkersError, Scope.Scope> =>
  Effect.gen(function* () {
    const { folder, worker } = options
    yield* Effect.tryPromise({
      try: () => mkdir(folder, { recursive: true }),
      catch: (cause) => new WorkerdFailed({ worker, cause })
    })
    const owner = yield* liveOwner(folder)
    if (owner !== undefined) return yield* new FolderInUse({ folder, pid: owner })
    const ended = yield* endOrphans(folder)
    if (ended.length > 0) {
      yield* Effect.logInfo("worker.orphan_ended").pipe(
        Effect.annotateLogs({ worker, pids: ended.join(" ") })
      )
    }
    yield* requirePort(options)
    yield* Effect.acquireRelease(recordOwnership(folder), () => forgetOwnership(folder))

    const configuration: MiniflareOptions = {
      modules: true,
      scriptPath: options.scriptPath,
      // Else the bundle must lie below the folder that the program was started in.
      modulesRoot: dirname(options.scriptPath),
      name: worker,
      host: options.host,
      port: options.port,
      compatibilityDate,
      durableObjects: Object.fromEntries(
        Object.entries(options.durableObjects).map(([binding, className]) => [
          binding,
          { className, useSQLite: true }
        ])
      ),
      durableObjectsPersist: folder,
      bindings: { ...options.bindings },
      // Nothing of the platform is fetched or reported: the stack runs without a network.
      cf: false,
      telemetry: { enabled: false },
      log: new Log(LogLevel.NONE),
      // Miniflare checks that this returns nothing, and ends the process where it does not.
      handleStructuredLogs: ({ level, message }: Pick<WorkerLog, "level" | "message">) => {
        options.onLog({ worker, level, message })
      }
    }
    const miniflare = yield* Effect.acquireRelease(
      Effect.try({
        try: () => leavingSignalsAlone(() => new Miniflare(configuration)),
        catch: (cause) => new WorkerdFailed({ worker, cause })
      }),
      // It may have lost its workerd by a kill; there is nothing to do about a failing end of what has ended.
      (running) => Effect.ignore(Effect.tryPromise(() => running.dispose()))
    )
    const url = yield* Effect.tryPromise({
      try: () => miniflare.ready,
      catch: (cause) => new WorkerdFailed({ worker, cause })
    }).pipe(
      Effect.timeoutFail({
        duration: startTimeoutMs,
        onTimeout: () =>
          new WorkerdFailed({ worker, cause: new Error(`not ready within ${startTimeoutMs} ms`) })
      })
    )
    const [process] = yield* workerdsOf(folder)
    if (process !== undefined) yield* recordOwnership(folder, process)
    return { url: url.origin, pid: process?.pid }
  })
