/** Everything real, with the network between the parts in the hands of the test. */
import { HandlerServer } from "../integration/messages/HandlerServer.ts"
import { Client } from "../integration/stores/LiveStoreHarness.ts"
import { startAuthWorker } from "../integration/auth-worker/support.ts"
import { bypassToken, SyncWorker } from "../integration/sync-worker/SyncWorkerHarness.ts"
import { eventually } from "./Eventually.ts"
import { FaultyProxy } from "./FaultyProxy.ts"
import { makeWriter, observe, type Writer } from "./Messages.ts"
import { type RunningServer, startServer } from "./RunningServer.ts"

const webhookSecret = "webhook-secret-of-the-chaos"
/** How long everything may take to be as it should once a fault is over. */
const WELL_WITHIN_MS = 60_000

export interface RealWorld extends AsyncDisposable {
  readonly network: { readonly auth: FaultyProxy; readonly sync: FaultyProxy; readonly webhooks: FaultyProxy }
  readonly sync: SyncWorker
  readonly server: () => RunningServer
  /** Kills workerd without warning and starts it again on its data. */
  readonly killAuthWorker: () => Promise<void>
  /** Kills the server without warning and starts it again on its data. */
  readonly killServer: () => Promise<void>
  /** Ends the server as its supervisor does, and starts it again after something has been done meanwhile. */
  readonly restartServer: (meanwhile: () => void) => Promise<void>
  readonly create: (instanceId: string) => Promise<void>
  readonly delete: (instanceId: string) => Promise<void>
  /** A live client beside the faults writes a message, confirmed by the Sync Worker. */
  readonly write: (storeId: string, messageId: string) => Promise<void>
  /** Waits until the server is healthy and monitors exactly what the Auth Worker says exists. */
  readonly isWell: () => Promise<void>
  /** Of the messages written: those without an answer, and those with more than one. */
  readonly wrongs: () => Promise<{
    readonly missing: ReadonlyArray<string>
    readonly doubled: ReadonlyArray<string>
  }>
}

/** Only inside a test: the Auth Worker goes with it. */
export const startRealWorld = async (
  dataPath: string,
  more: Readonly<Record<string, string>> = {}
): Promise<RealWorld> => {
  process.env["NODE_ENV"] = "production"
  const webhooks = await FaultyProxy.start()
  const bindings = {
    SERVER_WEBHOOK_URL: `http://127.0.0.1:${webhooks.port}/webhooks/workspaces`,
    WEBHOOK_SECRET: webhookSecret,
    WEBHOOK_BACKOFF_MS: "100",
    MAX_INSTANCES_PER_USER: "1000"
  }
  let authWorker = await startAuthWorker(bindings)
  const sync = await SyncWorker.start()
  const network = {
    auth: await FaultyProxy.start(authWorker.url),
    sync: await FaultyProxy.start(sync.httpUrl),
    webhooks
  }
  const handler = await HandlerServer.start()
  const environment = {
    STORE_DRIVER: "livestore",
    STORE_DATA_PATH: dataPath,
    AUTH_WORKER_INTERNAL_URL: `http://127.0.0.1:${network.auth.port}`,
    LIVESTORE_SYNC_URL: `ws://127.0.0.1:${network.sync.port}`,
    SERVER_BYPASS_TOKEN: bypassToken,
    WEBHOOK_SECRET: webhookSecret,
    WORKSPACE_RECONCILE_INTERVAL_MS: "2000",
    REMOVAL_GUARD_WINDOW_MS: "1000",
    STORE_CONNECTION_TIMEOUT: "5000",
    MESSAGE_HANDLER_URL: handler.url,
    MESSAGE_HANDLER_SECRET: "handler-secret-of-the-chaos",
    ...more
  }
  let server = await startServer(environment)
  network.webhooks.leadTo(server.client.url)
  const token = await authWorker.tokenOf("alice")
  const client = await Client.start({
    syncUrl: sync.wsUrl,
    clientId: "browser",
    storage: "in-memory",
    commitTimeoutMs: 5_000
  })
  const writers = new Map<string, Writer>()
  const written = new Map<string, Set<string>>()
  const start = async () => {
    server = await startServer(environment)
    network.webhooks.leadTo(server.client.url)
  }
  const existing = async (): Promise<ReadonlyArray<string>> =>
    (await authWorker.internal("GET", "/workspaces")).body.workspaces
      .map(({ instanceId }) => instanceId)
      .sort()
  return {
    network,
    sync,
    server: () => server,
    killAuthWorker: async () => {
      const { dataPath: authPath, pid, stop, url } = authWorker
      process.kill(pid, "SIGKILL")
      await stop()
      authWorker = await startAuthWorker(bindings, { dataPath: authPath, port: Number(new URL(url).port) })
    },
    killServer: async () => {
      server.program.kill("SIGKILL")
      await server.program.ended
      await start()
    },
    restartServer: async (meanwhile) => {
      server.program.kill("SIGTERM")
      await server.program.ended
      meanwhile()
      await start()
    },
    create: async (instanceId) => {
      const { status } = await authWorker.call("POST", "/workspaces", { token, body: { instanceId } })
      if (status !== 201) throw new Error(`creating ${instanceId} was answered with ${status}`)
    },
    delete: async (instanceId) => {
      const { status } = await authWorker.call("DELETE", `/workspaces/${instanceId}`, { token })
      if (status !== 204) throw new Error(`deleting ${instanceId} was answered with ${status}`)
    },
    write: async (storeId, id) => {
      const writer = writers.get(storeId) ?? makeWriter(client, storeId)
      writers.set(storeId, writer)
      await writer.write([{ id, conversationId: "talk" }])
      written.set(storeId, (written.get(storeId) ?? new Set()).add(id))
    },
    isWell: async () => {
      await eventually(
        "healthy, and monitored is exactly what exists",
        async () => {
          const health = await server.client.health()
          const monitored = await server.client.monitored()
          return health.status === "healthy" && monitored.join() === (await existing()).join()
        },
        WELL_WITHIN_MS,
        100
      )
    },
    wrongs: async () => {
      // A process has a store open once.
      for (const writer of writers.values()) await writer.close()
      writers.clear()
      const missing: Array<string> = []
      const doubled: Array<string> = []
      for (const [storeId, ids] of written) {
        const seen = await observe(
          client,
          storeId,
          ({ answers }) => [...ids].every((id) => answers.has(id)),
          WELL_WITHIN_MS
        )
        missing.push(...[...ids].filter((id) => !seen.answers.has(id)))
        doubled.push(...[...seen.answers].filter(([, answers]) => answers.size > 1).map(([id]) => id))
      }
      return { missing, doubled }
    },
    [Symbol.asyncDispose]: async () => {
      for (const writer of writers.values()) await writer.close()
      await client.stop()
      await server[Symbol.asyncDispose]()
      for (const proxy of Object.values(network)) await proxy[Symbol.asyncDispose]()
      await sync.stop()
      await handler.stop()
    }
  }
}
