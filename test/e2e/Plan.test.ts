/** What the product's plan and its runbook promise, looked at from outside where no other test does. */
import { expect, it } from "vitest"
import { eventually } from "../support/Eventually.ts"
import { temporaryFolder } from "../support/Program.ts"
import { startServer, type RunningServer } from "../support/RunningServer.ts"
import {
  startSickAuthWorker,
  TEST_TOKEN,
  workspaceIds,
  type SickAuthWorker
} from "../support/SickAuthWorker.ts"

/** So long that only the first run, and those by hand, take place. */
const HOUR = "3600000"
const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/

interface Orchestrator {
  readonly monitoredStoreIds: ReadonlyArray<string>
  readonly lastProvisionedAt: string | null
  readonly totalProvisioned: number
}

interface Reconciliation {
  readonly enabled: boolean
  readonly intervalMs: number
  readonly isRunning: boolean
  readonly consecutiveFailures: number
  readonly lastRunCompletedAt: string | null
  readonly lastDurationMs: number | null
  readonly totals: { readonly runs: number; readonly successes: number; readonly failures: number }
  readonly lastResult: { readonly added: ReadonlyArray<string>; readonly driftCount: number } | null
}

interface ManualReconcile {
  readonly lastTriggeredAt: string | null
  readonly minIntervalMs: number
  readonly inFlight: boolean
  readonly incidentDashboardUrl: string | null
}

interface Health {
  readonly convergence: { readonly converged: boolean; readonly driftCount: number }
  readonly globalResources: { readonly pendingUserMessages: number }
  readonly liveStoreTotals: { readonly pendingUserMessages: number }
  readonly processedMessages: { readonly total: number }
  readonly orchestrator: Orchestrator
  readonly reconciliation: Reconciliation
  readonly manualReconcile: ManualReconcile
}

interface StoreRow {
  readonly id: string
  readonly status: string
  readonly connectedAt: string | null
  readonly errorCount: number
  readonly orchestrator: {
    readonly storeId: string
    readonly status: string
    readonly firstMonitoredAt: string | null
    readonly provisionDurationMs: number | null
  }
}

interface Stores {
  readonly stores: ReadonlyArray<StoreRow>
  readonly orchestrator: Orchestrator
  readonly reconciliation: Reconciliation
  readonly manualReconcile: ManualReconcile
}

interface Run {
  readonly status: string
  readonly durationMs: number
  readonly driftCount: number
  readonly triggeredAt: string
  readonly incidentDashboardUrl: string | null
  readonly result: {
    readonly added: ReadonlyArray<string>
    readonly failedAdds: ReadonlyArray<{ readonly storeId: string }>
  }
}

const parseHealth: (text: string) => Health = JSON.parse
const parseStores: (text: string) => Stores = JSON.parse
const parseRun: (text: string) => Run = JSON.parse

/** With the token: without it, `/health` may be half a second old. */
const textOf = async (server: RunningServer, path: string) =>
  (await fetch(server.client.url + path, { headers: { "X-Server-Token": TEST_TOKEN } })).text()
const healthOf = async (server: RunningServer) => parseHealth(await textOf(server, "/health"))
const storesOf = async (server: RunningServer) => parseStores(await textOf(server, "/stores"))

const reconcile = async (server: RunningServer, source: SickAuthWorker) => {
  const response = await fetch(`${server.client.url}/admin/reconcile`, {
    method: "POST",
    headers: { "X-Server-Token": source.token }
  })
  return { status: response.status, run: parseRun(await response.text()) }
}

/** A server over a plain Auth Worker with these workspaces. */
const start = async (
  workspaces: ReadonlyArray<string>,
  environment: Readonly<Record<string, string>> = {}
) => {
  const folder = await temporaryFolder()
  const source = await startSickAuthWorker(workspaces)
  const server = await startServer({
    AUTH_WORKER_INTERNAL_URL: source.url,
    SERVER_BYPASS_TOKEN: source.token,
    WEBHOOK_SECRET: "webhook-secret-of-the-test",
    STORE_DATA_PATH: folder.path,
    WORKSPACE_RECONCILE_INTERVAL_MS: HOUR,
    ...environment
  })
  return {
    source,
    server,
    [Symbol.asyncDispose]: async () => {
      await server[Symbol.asyncDispose]()
      await source[Symbol.asyncDispose]()
      await folder[Symbol.asyncDispose]()
    }
  }
}

const monitors = (server: RunningServer, count: number) =>
  eventually(`${count} are monitored`, async () => (await server.client.monitored()).length === count)

it("has what the runbook promises of /health", async () => {
  await using world = await start(["first-one", "second-one"])
  const { server } = world
  await monitors(server, 2)
  const health = await eventually("the first run is over", async () => {
    const seen = await healthOf(server)
    return seen.reconciliation.totals.successes === 1 && seen
  })
  expect(health).toMatchObject({
    convergence: { converged: true, driftCount: 0 },
    globalResources: { pendingUserMessages: 0 },
    liveStoreTotals: { pendingUserMessages: 0 },
    processedMessages: { total: 0 },
    orchestrator: { monitoredStoreIds: ["first-one", "second-one"], totalProvisioned: 2 },
    reconciliation: {
      enabled: true,
      isRunning: false,
      intervalMs: Number(HOUR),
      consecutiveFailures: 0,
      totals: { runs: 1, successes: 1, failures: 0 }
    },
    manualReconcile: {
      lastTriggeredAt: null,
      minIntervalMs: 60_000,
      inFlight: false,
      incidentDashboardUrl: null
    }
  })
  expect(health.orchestrator.lastProvisionedAt).toMatch(ISO)
  expect(health.reconciliation.lastDurationMs).toBeTypeOf("number")
})

it("has what the runbook promises of /stores", async () => {
  await using world = await start(["first-one"])
  const { server } = world
  await monitors(server, 1)
  const { manualReconcile, orchestrator, reconciliation } = await storesOf(server)
  expect(orchestrator.monitoredStoreIds).toEqual(["first-one"])
  expect(orchestrator.lastProvisionedAt).toMatch(ISO)
  expect(reconciliation.enabled).toBe(true)
  expect(manualReconcile.inFlight).toBe(false)
})

it("says of a run by hand that it is going on, and afterwards what it was", async () => {
  await using world = await start(["first-one"], { MEMORY_DRIVER_OPEN_MS: "500" })
  const { server, source } = world
  await eventually("the first run is over", async () => {
    const { reconciliation } = await healthOf(server)
    return reconciliation.totals.successes === 1 && !reconciliation.isRunning
  })
  source.workspaces.add("second-one")
  const running = reconcile(server, source)
  await eventually("it is going on", async () => {
    const { manualReconcile, reconciliation } = await healthOf(server)
    return manualReconcile.inFlight && reconciliation.isRunning
  })
  const { run, status } = await running
  expect([status, run.status, run.driftCount, run.result.added]).toEqual([
    200,
    "completed",
    1,
    ["second-one"]
  ])
  const { manualReconcile, reconciliation } = await healthOf(server)
  expect(manualReconcile).toMatchObject({ inFlight: false, lastTriggeredAt: run.triggeredAt })
  expect(reconciliation).toMatchObject({
    isRunning: false,
    lastDurationMs: run.durationMs,
    lastResult: { added: ["second-one"], driftCount: 1 }
  })
})

it("counts the failures of the source in a row, and forgets them once it answers", async () => {
  await using world = await start(["first-one"])
  const { server, source } = world
  await monitors(server, 1)
  source.fallIll("answers 500")
  for (let failures = 1; failures <= 3; failures++) {
    // A failed run does not use up the allowance.
    await eventually("a run fails", async () => (await reconcile(server, source)).status === 500)
    expect((await healthOf(server)).reconciliation.consecutiveFailures).toBeGreaterThanOrEqual(failures)
  }
  source.recover()
  await eventually("a run succeeds", async () => (await reconcile(server, source)).status === 200)
  expect((await healthOf(server)).reconciliation.consecutiveFailures).toBe(0)
})

it("shows the incident dashboard, and the interval between runs by hand, as they are set", async () => {
  const incidentDashboardUrl = "https://observability.example.com/dashboards/workspace-orchestration"
  await using world = await start(["first-one"], {
    ORCHESTRATION_INCIDENT_DASHBOARD_URL: incidentDashboardUrl,
    MANUAL_RECONCILE_MIN_INTERVAL_MS: "1"
  })
  const { server, source } = world
  await monitors(server, 1)
  const first = await eventually("a run by hand", async () => {
    const answer = await reconcile(server, source)
    return answer.status === 200 && answer
  })
  expect(first.run.incidentDashboardUrl).toBe(incidentDashboardUrl)
  await eventually("another soon after", async () => (await reconcile(server, source)).status === 200)
  expect((await healthOf(server)).manualReconcile).toMatchObject({ minIntervalMs: 1, incidentDashboardUrl })
})

it("shows each store's status, times and errors, and those of no other", async () => {
  await using world = await start(["slow-one"], {
    MEMORY_DRIVER_OPEN_MS: "700",
    STORE_CONNECTION_TIMEOUT: "350",
    STORE_IDS: "pinned-one"
  })
  const { server } = world
  const rowOf = async (id: string) => (await storesOf(server)).stores.find((row) => row.id === id)
  const connecting = await eventually("it is being opened", async () => {
    const row = await rowOf("slow-one")
    return row?.status === "connecting" && row
  })
  expect(connecting.orchestrator).toMatchObject({ storeId: "slow-one", status: "stopped" })
  const failed = await eventually("it has failed", async () => {
    const row = await rowOf("slow-one")
    return row?.status === "error" && row
  })
  expect(failed.errorCount).toBeGreaterThan(0)
  expect(failed).toMatchObject({
    connectedAt: null,
    orchestrator: { firstMonitoredAt: null, provisionDurationMs: null }
  })
  expect(
    server.program.log.find(({ msg }) => msg === "workspace_orchestration.provision_failed")
  ).toMatchObject({ operation: "provision", reason: "timeout" })
})

it("asks the source again and again at the interval that is set, with the token", async () => {
  await using world = await start(["first-one"], { WORKSPACE_RECONCILE_INTERVAL_MS: "100" })
  const { server, source } = world
  await monitors(server, 1)
  // Without the right token it answers 403.
  await eventually("five lists", () => source.calls() >= 5)
  expect((await healthOf(server)).reconciliation).toMatchObject({ intervalMs: 100, consecutiveFailures: 0 })
})

it("monitors ten workspaces that are created at once, two at a time, each opened once", async () => {
  await using world = await start([], { MEMORY_DRIVER_OPEN_MS: "100", PROVISION_CONCURRENCY: "2" })
  const { server, source } = world
  await eventually("the first run is over", async () => {
    return (await healthOf(server)).reconciliation.totals.successes === 1
  })
  const ten = workspaceIds(10, "burst")
  for (const id of ten) source.workspaces.add(id)
  let mostRunning = 0
  let mostWaiting = 0
  const webhooks = Promise.all(ten.map((id) => server.client.webhook("workspace.created", id)))
  await eventually("all are monitored", async () => {
    const { queue } = parseQueue(await textOf(server, "/health"))
    mostRunning = Math.max(mostRunning, queue.running)
    mostWaiting = Math.max(mostWaiting, queue.depth)
    return (await server.client.monitored()).length === ten.length
  })
  expect(mostRunning).toBe(2)
  expect(mostWaiting).toBeGreaterThan(0)
  expect((await healthOf(server)).orchestrator.totalProvisioned).toBe(ten.length)
  for (const { status } of await webhooks) expect([200, 202]).toContain(status)
})

const parseQueue: (text: string) => { readonly queue: { readonly running: number; readonly depth: number } } =
  JSON.parse

it("brings a hundred and fifty workspaces up in its first run, and finds nothing to do in the next", async () => {
  const many = workspaceIds(150)
  await using world = await start(many, { MEMORY_DRIVER_OPEN_MS: "20" })
  const { server, source } = world
  await monitors(server, many.length)
  await eventually("the first run is over", async () => !(await healthOf(server)).reconciliation.isRunning)
  expect((await healthOf(server)).reconciliation).toMatchObject({ totals: { runs: 1 } })
  const { run, status } = await reconcile(server, source)
  expect([status, run.status, run.driftCount, run.result.added]).toEqual([200, "completed", 0, []])
  expect((await healthOf(server)).orchestrator.totalProvisioned).toBe(many.length)
})

it("lets a run that was partial start the interval between runs by hand", async () => {
  await using world = await start([], { MEMORY_DRIVER_OPEN_MS: "400", STORE_CONNECTION_TIMEOUT: "50" })
  const { server, source } = world
  await eventually("the first run is over", async () => {
    return (await healthOf(server)).reconciliation.totals.successes === 1
  })
  source.workspaces.add("slow-one")
  const { run, status } = await reconcile(server, source)
  expect([status, run.status, run.result.failedAdds.map(({ storeId }) => storeId)]).toEqual([
    200,
    "partial",
    ["slow-one"]
  ])
  expect((await reconcile(server, source)).status).toBe(429)
})

it("answers a webhook with 202 once its workspace takes longer than the wait that is set", async () => {
  await using world = await start([], { MEMORY_DRIVER_OPEN_MS: "1500", WEBHOOK_WAIT_MS: "50" })
  const { server, source } = world
  await eventually("the first run is over", async () => {
    return (await healthOf(server)).reconciliation.totals.successes === 1
  })
  source.workspaces.add("slow-one")
  const { body, status } = await server.client.webhook("workspace.created", "slow-one")
  expect([status, body.status]).toEqual([202, "reconcile_queued"])
  await monitors(server, 1)
})

it("answers while STORE_IDS are still being opened", async () => {
  const pinned = workspaceIds(3, "pinned")
  await using world = await start(pinned, { MEMORY_DRIVER_OPEN_MS: "1500", STORE_IDS: pinned.join() })
  const { server } = world
  expect((await fetch(`${server.client.url}/health/live`)).status).toBe(200)
  expect((await storesOf(server)).orchestrator.monitoredStoreIds).toEqual([])
  await monitors(server, pinned.length)
})
