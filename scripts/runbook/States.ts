/**
 * The situations in which the commands of the documents are run, each brought about on a server of its own. A document
 * names one in the comment above a block: <!-- run: state=paused -->.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import { mkdir } from "node:fs/promises"
import { join } from "node:path"
import { makeWorkers } from "../../src/dev/Workers.ts"
import { eventNames } from "../../src/stores/workspaceEvents.ts"
import { HandlerServer } from "../../test/integration/messages/HandlerServer.ts"
import { Client } from "../../test/integration/stores/LiveStoreHarness.ts"
import { authClient } from "../../test/support/AuthClient.ts"
import { startCollectors } from "../../test/support/Collectors.ts"
import { eventually } from "../../test/support/Eventually.ts"
import { freePort, temporaryFolder } from "../../test/support/Program.ts"
import { startServer, type RunningServer } from "../../test/support/RunningServer.ts"
import { startSickAuthWorker, type SickAuthWorker } from "../../test/support/SickAuthWorker.ts"

/** Where and as whom the commands run. */
export interface World extends AsyncDisposable {
  /** The variables that the commands see, beside PATH and HOME. */
  readonly environment: Readonly<Record<string, string>>
  /** What answers under the documents' host names. */
  readonly hosts: ReadonlyMap<string, string>
}

const TOKEN = "bypass-token-of-the-runbook-0123456789"
const WEBHOOK_SECRET = "whsec_cnVuYm9vay1ydW5ib29rLXJ1bmJvb2stcnVuYm9vaw=="
const NAMES = ["amber", "birch", "cedar", "delta", "ember", "flint", "grove", "hazel"]
/** So long that only the first run, and those by hand, take place. */
const NEVER = { WORKSPACE_RECONCILE_INTERVAL_MS: "3600000" }
const QUICK = { WORKSPACE_RECONCILE_INTERVAL_MS: "1000" }

type Environment = Readonly<Record<string, string>>

interface Scene {
  readonly server: RunningServer
  readonly source: SickAuthWorker
  /** The server's own variables, for one that takes its place. */
  readonly environment: Environment
  readonly get: (path: string) => Promise<string>
  readonly post: (path: string, body?: unknown) => Promise<void>
  /** Releases it with the state. */
  readonly use: <A extends AsyncDisposable>(resource: A) => A
  /** Until a word is in the answer to a path. */
  readonly until: (path: string, word: string) => Promise<void>
}

/** What a state prepares once the server monitors everything, and which variables it gives to the commands. */
type Prepare = (scene: Scene) => Promise<Environment | void>

interface Options {
  readonly environment?: Environment
  readonly workspaces?: ReadonlyArray<string>
  /** The server will not come to monitor everything. */
  readonly isTroubled?: boolean
  readonly prepare?: Prepare
}

const sceneOf = (
  server: RunningServer,
  source: SickAuthWorker,
  environment: Environment,
  use: Scene["use"]
): Scene => {
  const headers = {
    authorization: `Bearer ${TOKEN}`,
    "content-type": "application/json",
    "x-actor": "ada@ops"
  }
  const get = async (path: string) => (await fetch(server.client.url + path, { headers })).text()
  return {
    server,
    source,
    environment,
    use,
    get,
    post: async (path, body = {}) => {
      await fetch(server.client.url + path, { method: "POST", headers, body: JSON.stringify(body) })
    },
    until: async (path, word) => {
      await eventually(`${path} says ${word}`, async () => (await get(path)).includes(word))
    }
  }
}

const world = (url: string, more: Environment, dispose: () => Promise<void>): World => ({
  environment: { WSO_URL: url, SERVER_BYPASS_TOKEN: TOKEN, ...more },
  hosts: new Map([["server.example.com", url]]),
  [Symbol.asyncDispose]: dispose
})

/** What is to be released, the last first. */
const makeStack = () => {
  const releases: Array<() => Promise<void>> = []
  return {
    use: <A extends AsyncDisposable>(resource: A): A => {
      releases.unshift(async () => {
        await resource[Symbol.asyncDispose]()
      })
      return resource
    },
    defer: (release: () => Promise<void>) => void releases.unshift(release),
    release: async () => {
      for (const release of releases) await release()
    }
  }
}

/** A server over a plain Auth Worker, with stores in memory. */
const scripted =
  ({ environment = QUICK, isTroubled = false, prepare, workspaces = NAMES }: Options = {}) =>
  async (): Promise<World> => {
    const stack = makeStack()
    const folder = stack.use(await temporaryFolder())
    const source = stack.use(await startSickAuthWorker(workspaces, TOKEN))
    const own = {
      AUTH_WORKER_INTERNAL_URL: source.url,
      SERVER_BYPASS_TOKEN: TOKEN,
      WEBHOOK_SECRET,
      STORE_DATA_PATH: folder.path,
      ...environment
    }
    const server = stack.use(await startServer(own))
    const scene = sceneOf(server, source, own, stack.use)
    if (!isTroubled) {
      await eventually(
        "the first run is over",
        async () => (await fetch(`${server.client.url}/health/ready`)).ok
      )
      await scene.until("/health", `"monitoredCount":${workspaces.length}`)
    }
    const more = (await prepare?.(scene)) ?? {}
    // The folder's name for commands that work on the server's own files, and the webhooks' secret for wso doctor.
    const shared = { WEBHOOK_SECRET, STORE_DATA_PATH: folder.path }
    return world(more["WSO_URL"] ?? server.client.url, { ...shared, ...more }, stack.release)
  }

const hashIn = (text: string): string => /"(?:planHash|hash)":"([0-9a-f]{16})"/.exec(text)?.[1] ?? ""

interface WorkersOptions {
  readonly isSilent?: boolean
  readonly prepare?: (workers: { readonly syncUrl: string }) => Promise<void>
}

/** Real Workers in workerd, the Auth Worker's webhooks, and a server with real stores. */
const withWorkers =
  (environment: Environment = {}, { isSilent = false, prepare }: WorkersOptions = {}) =>
  async (): Promise<World> => {
    const stack = makeStack()
    const folder = stack.use(await temporaryFolder())
    const port = await freePort()
    const scope = await Effect.runPromise(Scope.make())
    stack.defer(() => Effect.runPromise(Scope.close(scope, Exit.void)))
    await mkdir(join(folder.path, "workers"), { recursive: true })
    const workers = await Effect.runPromise(
      makeWorkers({
        dataPath: join(folder.path, "workers"),
        bundlesPath: join(import.meta.dirname, "..", "..", "dist", "workers"),
        authPort: 0,
        syncPort: 0,
        bindings: { SERVER_BYPASS_TOKEN: TOKEN, JWT_SECRET: "jwt-secret-of-the-runbook-0123456789-0123" },
        authBindings: {
          DEV_USERS_ENABLED: "true",
          ADMIN_TOKEN: "admin-token-of-the-runbook-0123456789",
          WEBHOOK_SECRET,
          ...(isSilent ? {} : { SERVER_WEBHOOK_URL: `http://127.0.0.1:${port}/webhooks/workspaces` })
        }
      }).pipe(Scope.extend(scope))
    )
    const server = stack.use(
      await startServer({
        PORT: String(port),
        AUTH_WORKER_INTERNAL_URL: workers.authUrl,
        LIVESTORE_SYNC_URL: workers.syncUrl,
        SERVER_BYPASS_TOKEN: TOKEN,
        WEBHOOK_SECRET,
        STORE_DATA_PATH: join(folder.path, "server"),
        STORE_DRIVER: "livestore",
        // So that a busy machine does not change what a webhook is answered.
        WEBHOOK_WAIT_MS: "30000",
        ...environment
      })
    )
    const auth = await authClient(workers.authUrl, "operator")
    await auth.create("amber")
    await eventually(
      "amber is monitored",
      async () => (await server.client.monitored()).join() === "amber",
      40_000
    )
    await prepare?.(workers)
    const syncUrl = workers.syncUrl.replace(/^ws/, "http")
    return {
      environment: {
        WSO_URL: server.client.url,
        AUTH_URL: workers.authUrl,
        SYNC_URL: syncUrl,
        SERVER_BYPASS_TOKEN: TOKEN,
        WEBHOOK_SECRET,
        ADMIN_TOKEN: "admin-token-of-the-runbook-0123456789",
        WSO_CANARY_TOKEN: auth.token
      },
      hosts: new Map([
        ["server.example.com", server.client.url],
        ["auth.example.com", workers.authUrl],
        ["sync.example.com", syncUrl]
      ]),
      [Symbol.asyncDispose]: stack.release
    }
  }

const parked = async (): Promise<World> => {
  const handler = await HandlerServer.start()
  handler.answer = () => ({ status: 422, body: '{"error":"this model knows no tables"}' })
  const inner = await withWorkers(
    {
      MESSAGE_HANDLER_URL: handler.url,
      MESSAGE_HANDLER_SECRET: WEBHOOK_SECRET,
      MESSAGE_MAX_ATTEMPTS: "1",
      MESSAGE_RETRY_BASE_MS: "10"
    },
    {
      prepare: async ({ syncUrl }) => {
        const client = await Client.start({
          syncUrl,
          clientId: "browser",
          storage: "in-memory",
          bypassToken: Redacted.make(TOKEN)
        })
        const opened = await client.open("amber")
        const message = {
          id: "message-1",
          conversationId: "talk",
          content: "A table, please",
          createdAt: new Date(0)
        }
        await Effect.runPromise(opened.store.commit({ name: eventNames.userMessageSent, args: message }))
        await client.stop()
      }
    }
  )()
  await eventually("it is parked", async () =>
    (await (await fetch(`${inner.environment["WSO_URL"] ?? ""}/health`)).text()).includes(
      '"parkedUserMessages":1'
    )
  )
  return {
    ...inner,
    [Symbol.asyncDispose]: async () => {
      await inner[Symbol.asyncDispose]()
      await handler.stop()
    }
  }
}

/** With a collector of spans and a Sentry that listen. */
const traced = async (): Promise<World> => {
  const collectors = await startCollectors()
  const environment = {
    ...NEVER,
    SENTRY_DSN: collectors.dsn,
    OTEL_EXPORTER_OTLP_ENDPOINT: collectors.otlpEndpoint
  }
  const inner = await scripted({ environment })()
  return {
    ...inner,
    [Symbol.asyncDispose]: async () => {
      await inner[Symbol.asyncDispose]()
      await collectors[Symbol.asyncDispose]()
    }
  }
}

/** By the name that the documents use. */
export const states: Readonly<Record<string, () => Promise<World>>> = {
  /** Eight workspaces, all monitored; only runs by hand take place. */
  healthy: scripted({ environment: NEVER }),
  /** The same, for commands that leave something behind. */
  scratch: scripted({ environment: NEVER }),
  /** A workspace was created, and its webhook was lost. */
  drift: scripted({
    environment: NEVER,
    prepare: ({ source }) => {
      source.workspaces.add("maple")
      return Promise.resolve()
    }
  }),
  /** A run by hand has just succeeded. */
  "too-soon": scripted({ environment: NEVER, prepare: ({ post }) => post("/admin/reconcile") }),
  locked: scripted({
    environment: NEVER,
    prepare: ({ post }) => post("/admin/lockdown", { reason: "a drill" })
  }),
  paused: scripted({
    prepare: async ({ post, until }) => {
      await post("/admin/pause", { reason: "migrating the Auth Worker", expiresInMs: 3_600_000 })
      await until("/health", `"degraded"`)
    }
  }),
  /** The whole loop is paused, and a workspace was created meanwhile. */
  suspended: scripted({
    prepare: async ({ post, source, until }) => {
      await post("/admin/pause", { reason: "outage", expiresInMs: 3_600_000 })
      source.workspaces.add("maple")
      await until("/admin/plan", "maple")
    }
  }),
  "paused-one": scripted({
    prepare: async ({ post, until }) => {
      await post("/admin/pause", {
        reason: "looking into ticket 4711",
        storeId: "birch",
        expiresInMs: 3_600_000
      })
      await until("/stores/birch", "paused")
    }
  }),
  removed: scripted({
    prepare: async ({ source, until }) => {
      source.workspaces.delete("cedar")
      await until("/stores/cedar", `"monitored":false`)
    }
  }),
  /** Five of eight are missing from the list: more than the guard lets pass. */
  guard: scripted({
    prepare: async ({ get, source, until }) => {
      for (const id of ["delta", "ember", "flint", "grove", "hazel"]) source.workspaces.delete(id)
      await until("/health", `"tripped":true`)
      await until("/stores/delta", `"reason":"guard"`)
      return { HASH: hashIn(await get("/admin/plan")) }
    }
  }),
  grace: scripted({
    environment: { ...QUICK, WORKSPACE_REMOVAL_GRACE_MS: "600000" },
    prepare: async ({ source, until }) => {
      source.workspaces.delete("hazel")
      await until("/stores/hazel", `"reason":"grace"`)
    }
  }),
  /** The Auth Worker answers 500, and is not asked any more. */
  breaker: scripted({
    environment: NEVER,
    prepare: async ({ get, post, source }) => {
      source.fallIll("answers 500")
      // A run by hand that fails may be repeated at once.
      await eventually("the circuit opens", async () => {
        await post("/admin/reconcile")
        return (await get("/circuit-breakers")).includes(`"state":"open"`)
      })
    }
  }),
  /** The Auth Worker does not accept the token. */
  rejected: scripted({
    prepare: async ({ source, until }) => {
      source.fallIll("answers 403")
      await until("/health", "DirectoryRejected")
    }
  }),
  /** Stores cannot be opened. */
  backoff: scripted({
    environment: { ...NEVER, STORE_CONNECTION_TIMEOUT: "50", MEMORY_DRIVER_OPEN_MS: "5000" },
    isTroubled: true,
    prepare: async ({ until }) => {
      await until("/stores/amber", `"reason":"backoff"`)
      await until("/queue/stuck?olderThanMs=2000", "hazel")
    }
  }),
  /** Four workers, each with a store that takes its time, and four workspaces that wait for one. */
  slow: scripted({
    environment: {
      ...NEVER,
      PROVISION_CONCURRENCY: "4",
      STORE_CONNECTION_TIMEOUT: "600000",
      MEMORY_DRIVER_OPEN_MS: "600000"
    },
    isTroubled: true,
    prepare: ({ until }) => until("/queue", `"drift":4,"retry":0},"running":4`)
  }),
  /** Started while the Auth Worker was down. */
  snapshot: scripted({
    prepare: async ({ environment, server, source, use }) => {
      server.program.kill("SIGTERM")
      await server.program.ended
      source.fallIll("answers 500")
      const again = use(await startServer({ ...environment, ...NEVER }))
      await eventually("the snapshot is monitored, and the source is not asked any more", async () => {
        await again.client.reconcile(TOKEN)
        const { convergence } = await again.client.health()
        const circuits = await (await fetch(`${again.client.url}/circuit-breakers`)).text()
        return convergence.monitoredCount === NAMES.length && circuits.includes(`"state":"open"`)
      })
      return { WSO_URL: again.client.url }
    }
  }),
  /** Reconciliation is switched off, with the workspaces of before as STORE_IDS. */
  disabled: scripted({
    environment: { WORKSPACE_RECONCILE_ENABLED: "false", STORE_IDS: NAMES.join() },
    prepare: () => Promise.resolve({ WORKSPACE_RECONCILE_ENABLED: "false", STORE_IDS: NAMES.join() })
  }),
  /** Nothing listens. */
  down: async () => {
    const url = `http://127.0.0.1:${await freePort()}`
    return world(url, {}, () => Promise.resolve())
  },
  /** This environment's configuration is wrong. */
  misconfigured: async () => {
    const url = `http://127.0.0.1:${await freePort()}`
    return world(url, { PORT: "three thousand", STORE_DRIVER: "postgres" }, () => Promise.resolve())
  },
  parked,
  traced,
  /** Both Workers, and a server with real stores. */
  workers: withWorkers(),
  /** The same, and the Auth Worker sends no webhooks. */
  "workers-silent": withWorkers(QUICK, { isSilent: true })
}
