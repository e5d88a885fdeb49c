/** The Sync Worker stops: every view says so within a minute, with a step that works; it comes back: all clear by itself. */
import { afterAll, beforeAll, expect, it } from "vitest"
import { eventually } from "../support/Eventually.ts"
import { temporaryFolder } from "../support/Program.ts"
import { startServer, type RunningServer } from "../support/RunningServer.ts"
import { startSickAuthWorker, workspaceIds, type SickAuthWorker } from "../support/SickAuthWorker.ts"
import { runWso } from "../support/Wso.ts"
import { SyncWorker } from "../integration/sync-worker/SyncWorkerHarness.ts"

/** The promise; the wait for it is longer, because a busy machine is slow. */
const PROMISED_MS = 60_000
const PATIENCE_MS = 3 * PROMISED_MS
const STEP = "start the Sync Worker"

let folder: Awaited<ReturnType<typeof temporaryFolder>>
let source: SickAuthWorker
let sync: SyncWorker
let server: RunningServer

const wso = (...args: ReadonlyArray<string>) =>
  runWso(args, { WSO_URL: server.client.url, SERVER_BYPASS_TOKEN: source.token })

const asked = async (path: string): Promise<unknown> =>
  (
    await fetch(`${server.client.url}${path}`, { headers: { authorization: `Bearer ${source.token}` } })
  ).json()

/** What the alert rule WsoSyncBackendDown looks at. */
const dependencyUp = async (): Promise<string | undefined> => {
  const text = await (
    await fetch(`${server.client.url}/metrics`, { headers: { authorization: `Bearer ${source.token}` } })
  ).text()
  return /^wso_dependency_up\{[^}]*livestore-sync[^}]*\} (\d)/m.exec(text)?.[1]
}

beforeAll(async () => {
  folder = await temporaryFolder()
  source = await startSickAuthWorker(workspaceIds(2))
  sync = await SyncWorker.start({ bindings: { SERVER_BYPASS_TOKEN: source.token } })
  server = await startServer({
    STORE_DRIVER: "livestore",
    LIVESTORE_SYNC_URL: sync.wsUrl,
    AUTH_WORKER_INTERNAL_URL: source.url,
    SERVER_BYPASS_TOKEN: source.token,
    WEBHOOK_SECRET: "webhook-secret-of-the-test",
    STORE_DATA_PATH: folder.path,
    WORKSPACE_RECONCILE_INTERVAL_MS: "2000",
    NOTIFY_MIN_INTERVAL_MS: "1000"
  })
}, 120_000)

afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await sync.stop()
  await source[Symbol.asyncDispose]()
  await folder[Symbol.asyncDispose]()
})

it(
  "is said by every view while the Sync Worker is stopped, and by none once it is back",
  { timeout: 3 * PATIENCE_MS },
  async () => {
    const [first = ""] = workspaceIds(2)
    await eventually(
      "all is well",
      async () => (await server.client.health()).status === "healthy",
      PATIENCE_MS
    )
    expect((await wso("status")).code).toBe(0)
    expect(await dependencyUp()).toBe("1")

    await sync.kill()
    await eventually(
      "an incident is open",
      async () => JSON.stringify(await asked("/incidents")).includes('"kind":"sync-backend"'),
      PATIENCE_MS
    )
    for (const command of [
      ["status"],
      ["doctor"],
      ["stuck"],
      ["verify", "--timeout", "1s"],
      ["explain", first],
      ["report", "daily"]
    ]) {
      const { code, out } = await wso(...command)
      expect([command, code === 0, out.includes(STEP)]).toEqual([command, false, true])
    }
    expect(await server.client.health()).toMatchObject({ status: "degraded" })
    expect(JSON.stringify(await asked("/health"))).toMatch(/"name":"sync-backend","status":"fail"/)
    expect((await fetch(`${server.client.url}/health/sync`)).status).toBe(503)
    expect(await dependencyUp()).toBe("0")
    expect((await wso("incidents")).out).toContain(STEP)

    await sync.boot()
    await eventually(
      "all is well again",
      async () => (await server.client.health()).status === "healthy",
      PATIENCE_MS
    )
    await eventually(
      "the incident is over",
      async () => (await wso("incidents")).code === 0,
      PATIENCE_MS,
      1_000
    )
    expect(await dependencyUp()).toBe("1")
    for (const command of [["status"], ["stuck"], ["explain", first]]) {
      const { code, out } = await wso(...command)
      expect([command, code, out.includes(STEP)]).toEqual([command, 0, false])
    }
  }
)
