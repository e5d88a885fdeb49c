/**
 * What supervision costs: idle stores opened through the driver, and monitored with the event processor and its
 * ledger, beside as many bare LiveStore stores.
 *
 *   npm run bench -- stores, or: node --import tsx bench/stores.ts [number of stores = 100] [seconds = 20] [rounds = 3]
 *
 * Each kind runs in a child process of its own against one Sync Worker (built: `npm run build`), in turns. Prints each
 * round's CPU time of the measured span and resident memory at its end, and the ratios of the medians.
 */
import { fork } from "node:child_process"
import { mkdtemp, rm } from "node:fs/promises"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { Miniflare } from "miniflare"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import { layer } from "../src/stores/LiveStoreDriver.ts"
import * as SqliteMessageLedger from "../src/persistence/SqliteMessageLedger.ts"
import * as StateDatabase from "../src/persistence/StateDatabase.ts"
import * as EventProcessor from "../src/stores/EventProcessor.ts"
import { layerEffect } from "../src/stores/messages/MessageHandler.ts"
import { StoreDriver } from "../src/stores/StoreDriver.ts"
import * as StoreManager from "../src/stores/StoreManager.ts"
import { report } from "./figures.ts"

const token = "bench"
/** The argument of a process that measures one kind. */
const CHILD = "child"
/** What boots leave behind (garbage, timers of the boot) is gone after this. */
const settleMs = 10_000

const kinds = ["bare", "driver", "monitored"] as const

const Job = Schema.Struct({
  kind: Schema.Literal(...kinds),
  stores: Schema.Number,
  seconds: Schema.Number,
  syncUrl: Schema.String,
  dataPath: Schema.String
})
type Job = typeof Job.Type

const Figures = Schema.Struct({
  connected: Schema.Number,
  openMs: Schema.Number,
  cpuMs: Schema.Number,
  rssMb: Schema.Number
})
type Figures = typeof Figures.Type

const idsOf = (job: Job) => Array.from({ length: job.stores }, (_, index) => `bench-${index}`)
/** As many boot at once in both, so that only the supervision differs. */
const bootConcurrency = 6

/** How many are connected, asked at the end. */
type Opened = () => Promise<number>

const driverFor = (job: Job) =>
  layer({
    syncUrl: job.syncUrl,
    bypassToken: Redacted.make(token),
    dataPath: job.dataPath,
    storage: "filesystem",
    openTimeoutMs: 30_000,
    clientId: job.kind,
    bootConcurrency
  })

/** As the server has them: a manager, a processor that follows each store, a handler, and the ledger in SQLite. */
const openMonitored = async (job: Job): Promise<Opened> => {
  const scope = await Effect.runPromise(Scope.make())
  const ledger = SqliteMessageLedger.layer.pipe(Layer.provide(StateDatabase.layer(job.dataPath)))
  const processing = EventProcessor.layer({ shutdownGraceMs: 0 }).pipe(
    Layer.provideMerge(StoreManager.layer({ openTimeoutMs: 30_000 })),
    Layer.provide([driverFor(job), ledger, layerEffect("bench", () => Effect.succeed(null))])
  )
  const context = await Effect.runPromise(Layer.buildWithScope(processing, scope))
  const manager = Context.get(context, StoreManager.StoreManager)
  const processor = Context.get(context, EventProcessor.EventProcessor)
  await Effect.runPromise(
    Effect.forEach(idsOf(job), (id) => Effect.zipRight(manager.addStore(id), processor.startMonitoring(id)), {
      concurrency: bootConcurrency,
      discard: true
    })
  )
  return () =>
    Promise.resolve(
      idsOf(job).filter((id) => manager.openStore(id)?.connectivity().isConnected === true).length
    )
}

const openThroughDriver = async (job: Job): Promise<Opened> => {
  const driver = driverFor(job)
  const signals = { onNews: () => {}, onConnectivity: () => {}, onDeath: () => {} }
  const scope = await Effect.runPromise(Scope.make())
  const stores = await Effect.runPromise(
    Effect.gen(function* () {
      const { open } = yield* StoreDriver
      return yield* Effect.forEach(idsOf(job), (id) => open(id, signals), { concurrency: bootConcurrency })
    }).pipe(Effect.provide(layerIn(scope, driver)), Scope.extend(scope))
  )
  return () => Promise.resolve(stores.filter((store) => store.connectivity().isConnected).length)
}

/** The driver lives as long as the stores, not only while they are opened. */
const layerIn = (scope: Scope.Scope, driver: Layer.Layer<StoreDriver>) =>
  Layer.unwrapEffect(
    Effect.map(Layer.build(driver).pipe(Scope.extend(scope)), (context) => Layer.succeedContext(context))
  )

const openBare = async (job: Job): Promise<Opened> => {
  if (!("WebSocket" in globalThis)) {
    const { WebSocket } = await import("ws")
    Object.defineProperty(globalThis, "WebSocket", { value: WebSocket })
  }
  const { makeAdapter } = await import("@livestore/adapter-node")
  const { createStorePromise } = await import("@livestore/livestore")
  const { makeWsSync } = await import("@livestore/sync-cf/client")
  const { schema } = await import("../src/stores/workspaceSchema.ts")
  const pending = idsOf(job)
  const stores: Array<Awaited<ReturnType<typeof open>>> = []
  const open = (storeId: string) =>
    createStorePromise({
      schema,
      storeId,
      disableDevtools: true,
      confirmUnsavedChanges: false,
      syncPayload: { serverBypass: token, instanceId: storeId },
      adapter: makeAdapter({
        storage: { type: "fs", baseDirectory: job.dataPath },
        clientId: job.kind,
        sync: {
          backend: makeWsSync({ url: job.syncUrl }),
          initialSyncOptions: { _tag: "Blocking", timeout: 2_000 }
        }
      })
    })
  await Promise.all(
    Array.from({ length: bootConcurrency }, async () => {
      for (let id = pending.pop(); id !== undefined; id = pending.pop()) stores.push(await open(id))
    })
  )
  return async () => {
    const states = await Promise.all(stores.map((store) => Effect.runPromise(store.networkStatus.get)))
    return states.filter((state) => state.isConnected).length
  }
}

const opening: Readonly<Record<Job["kind"], (job: Job) => Promise<Opened>>> = {
  bare: openBare,
  driver: openThroughDriver,
  monitored: openMonitored
}

const measure = async (job: Job): Promise<Figures> => {
  const begin = performance.now()
  const connected = await opening[job.kind](job)
  const openMs = performance.now() - begin
  await sleep(settleMs)
  // One collection of what the boots have left costs more than a minute of idling.
  globalThis.gc?.()
  const before = process.cpuUsage()
  await sleep(job.seconds * 1_000)
  const { system, user } = process.cpuUsage(before)
  globalThis.gc?.()
  return {
    connected: await connected(),
    openMs: Math.round(openMs),
    cpuMs: Math.round((system + user) / 1_000),
    rssMb: Math.round(process.memoryUsage.rss() / 1_048_576)
  }
}

/** Runs one kind in a process of its own. */
const inChild = (job: Job): Promise<Figures> =>
  new Promise((resolve, reject) => {
    const child = fork(fileURLToPath(import.meta.url), [CHILD], {
      env: { ...process.env, NODE_ENV: "production" },
      execArgv: [...process.execArgv, "--expose-gc"]
    })
    child.once("message", (message) => {
      resolve(Schema.decodeUnknownSync(Figures)(message))
      child.kill()
    })
    child.once("error", reject)
    child.once("exit", (code) => reject(new Error(`the ${job.kind} stores ended with ${code ?? "a signal"}`)))
    child.send(job)
  })

const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer()
    server.once("error", reject)
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0))
    })
  })

const main = async () => {
  const stores = Number(process.argv[2] ?? 100)
  const seconds = Number(process.argv[3] ?? 20)
  const roundCount = Number(process.argv[4] ?? 3)
  const folder = await mkdtemp(join(tmpdir(), "bench-stores-"))
  const port = await freePort()
  const syncWorker = new Miniflare({
    modules: true,
    scriptPath: "dist/workers/sync-worker.mjs",
    host: "127.0.0.1",
    port,
    cf: false,
    telemetry: { enabled: false },
    compatibilityDate: "2026-04-01",
    compatibilityFlags: ["nodejs_compat"],
    durableObjects: { SYNC_BACKEND_DO: { className: "SyncBackendDO", useSQLite: true } },
    durableObjectsPersist: join(folder, "backend"),
    bindings: { SERVER_BYPASS_TOKEN: token },
    // LiveStore's Durable Object logs every connection.
    handleRuntimeStdio: (stdout: NodeJS.ReadableStream, stderr: NodeJS.ReadableStream) => {
      stdout.resume()
      stderr.resume()
    }
  })
  try {
    await syncWorker.ready
    const run = (kind: Job["kind"]) =>
      inChild({ kind, stores, seconds, syncUrl: `ws://127.0.0.1:${port}`, dataPath: join(folder, kind) })
    const rounds: Array<Record<Job["kind"], Figures>> = []
    // In turns, so that whatever else the machine does falls on all.
    for (let round = 0; round < roundCount; round += 1) {
      rounds.push({
        bare: await run("bare"),
        driver: await run("driver"),
        monitored: await run("monitored")
      })
    }
    const median = (kind: Job["kind"], key: keyof Figures) =>
      rounds.map((round) => round[kind][key]).sort((left, right) => left - right)[
        Math.floor(roundCount / 2)
      ] ?? 0
    console.log(`${stores} idle stores, ${seconds} s, Node ${process.version}`)
    console.table(rounds.flatMap((round) => kinds.map((kind) => ({ kind, ...round[kind] }))))
    const group = `${stores} idle LiveStore stores, ${seconds} s`
    for (const [name, key, unit] of [
      ["CPU time", "cpuMs", "ms"],
      ["resident memory of the process", "rssMb", "MB"]
    ] as const) {
      const bare = median("bare", key)
      const valuesOf = (kind: Job["kind"]) => rounds.map((round) => round[kind][key])
      report(group, `bare: ${name}`, unit, valuesOf("bare"))
      for (const kind of ["driver", "monitored"] as const) {
        report(group, `${kind}: ${name}`, unit, valuesOf(kind), {
          beside: { name: `bare: ${name}`, value: bare }
        })
      }
    }
  } finally {
    await syncWorker.dispose()
    await rm(folder, { recursive: true, force: true })
  }
}

if (process.argv[2] !== CHILD) {
  await main()
} else {
  process.once("message", (message) => {
    measure(Schema.decodeUnknownSync(Job)(message)).then(
      (figures) => process.send?.(figures),
      (error: unknown) => {
        console.error(error)
        process.exit(1)
      }
    )
  })
}
