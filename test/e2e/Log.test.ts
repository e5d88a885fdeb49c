/** What the server writes about itself, over whole lives of it, is what spec/schemas says. */
import { readFile } from "node:fs/promises"
import { expect, it } from "vitest"
import { eventually } from "../support/Eventually.ts"
import { descriptorsOf } from "../support/ProcessTable.ts"
import { type Program, temporaryFolder } from "../support/Program.ts"
import { startServer } from "../support/RunningServer.ts"
import { startStack } from "../support/RunningStack.ts"
import { complaintsBy } from "../support/Schemas.ts"
import { startSickAuthWorker, workspaceIds } from "../support/SickAuthWorker.ts"

const WEBHOOK_SECRET = "webhook-secret-of-the-log-test-0123456789"
const DASHBOARD = "https://observability.example.com/dashboards/workspace-orchestration"

const production = { NODE_ENV: "production", HOST: "127.0.0.1" }

const lineComplaints = complaintsBy("log-line")

const expectLinesOfTheSchema = ({ log, stderr }: Program) => {
  expect(log.flatMap(lineComplaints)).toEqual([])
  expect(stderr()).toBe("")
}

const messagesOf = ({ log }: Program): ReadonlySet<string> => new Set(log.map(({ msg }) => msg ?? ""))

interface AuditPage {
  readonly records: ReadonlyArray<{
    readonly action: string
    readonly outcome: string
    readonly detail: string
  }>
  readonly verification: { readonly intact: boolean; readonly records: number }
}
const parseAudit: (text: string) => AuditPage = JSON.parse

const start = async (
  workspaces: ReadonlyArray<string>,
  environment: Readonly<Record<string, string>> = {}
) => {
  const folder = await temporaryFolder()
  const source = await startSickAuthWorker(workspaces, "bypass-token-of-the-log-test-0123456789")
  const server = await startServer({
    ...production,
    AUTH_WORKER_INTERNAL_URL: source.url,
    SERVER_BYPASS_TOKEN: source.token,
    WEBHOOK_SECRET,
    STORE_DATA_PATH: folder.path,
    WORKSPACE_RECONCILE_INTERVAL_MS: "300",
    MANUAL_RECONCILE_MIN_INTERVAL_MS: "3600000",
    ...environment
  })
  const authorization = `Bearer ${source.token}`
  const get = async (path: string) =>
    (await fetch(server.client.url + path, { headers: { authorization } })).text()
  const post = async (path: string, body: unknown = {}) => {
    const response = await fetch(server.client.url + path, {
      method: "POST",
      headers: { authorization, "content-type": "application/json", "x-actor": "ada@ops" },
      body: JSON.stringify(body)
    })
    return response.status
  }
  const { client, program } = server
  return {
    source,
    client,
    program,
    get,
    post,
    monitors: (count: number) =>
      eventually(`${count} are monitored`, async () => {
        const { orchestrator } = parseMonitored(await get("/health"))
        return orchestrator.monitoredStoreIds.length === count
      }),
    end: async () => {
      program.kill("SIGTERM")
      expect(await program.ended).toBe(0)
    },
    [Symbol.asyncDispose]: async () => {
      await server[Symbol.asyncDispose]()
      await source[Symbol.asyncDispose]()
      await folder[Symbol.asyncDispose]()
    }
  }
}

const parseMonitored: (text: string) => {
  readonly orchestrator: { readonly monitoredStoreIds: ReadonlyArray<string> }
} = JSON.parse

it("prints nothing but lines of the schema in a whole life, with what the runbook promises of them", async () => {
  await using world = await start(workspaceIds(5), { ORCHESTRATION_INCIDENT_DASHBOARD_URL: DASHBOARD })
  const { client, end, monitors, post, program, source } = world
  await monitors(5)
  source.workspaces.add("by-webhook")
  expect((await client.webhook("workspace.created", "by-webhook")).status).toBe(200)
  await fetch(`${client.url}/webhooks/workspaces`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-webhook-secret": "wrong" },
    body: "{}"
  })
  await eventually("a run by hand", async () => (await post("/admin/reconcile")) === 200)
  await eventually("one too soon", async () => (await post("/admin/reconcile")) === 429)
  expect(await post("/admin/pause", { reason: "looking into ticket 4711" })).toBe(200)
  expect(await post("/admin/resume")).toBe(200)
  source.workspaces.delete("by-webhook")
  await monitors(5)
  source.fallIll("answers 500")
  await program.logged("circuit_breaker.transition")
  expect(await post("/admin/circuit-breakers/auth-worker/reset")).toBe(200)
  source.recover()
  await eventually("it is healthy again", async () => (await fetch(`${client.url}/health?strict=true`)).ok)
  await end()

  expectLinesOfTheSchema(program)
  expect([...messagesOf(program)].sort()).toEqual([
    "circuit_breaker.transition",
    "server.listening",
    "server.stopped",
    "server.stopping",
    "workspace_orchestration.monitoring_started",
    "workspace_orchestration.monitoring_stopped",
    "workspace_reconciler.manual_trigger",
    "workspace_reconciler.run_completed",
    "workspace_reconciler.run_failed",
    "workspace_webhook.handled",
    "workspace_webhook.refused"
  ])
  const ofOrchestration = program.log.filter(({ category }) => category === "workspace_orchestration")
  for (const { durationMs, incidentDashboardUrl } of ofOrchestration) {
    expect([typeof durationMs, incidentDashboardUrl]).toEqual(["number", DASHBOARD])
  }
  const triggers = program.log.filter(({ msg }) => msg === "workspace_reconciler.manual_trigger")
  expect(triggers.map(({ actor, outcome }) => `${String(actor)} ${String(outcome)}`)).toContain(
    "ada@ops completed"
  )
  expect(program.log.at(-1)).toMatchObject({ msg: "server.stopped", openStores: 0 })
})

it("prints nothing but lines of the schema where stores cannot be opened and the source refuses", async () => {
  await using world = await start(["slow-one"], {
    MEMORY_DRIVER_OPEN_MS: "500",
    STORE_CONNECTION_TIMEOUT: "50",
    MANUAL_RECONCILE_MIN_INTERVAL_MS: "0"
  })
  const { end, post, program, source } = world
  await program.logged("workspace_orchestration.provision_failed")
  source.fallIll("answers 403")
  await eventually("a run by hand fails", async () => (await post("/admin/reconcile")) === 500)
  await end()
  expectLinesOfTheSchema(program)
  const failed = program.log.find(
    ({ msg, outcome }) => msg === "workspace_reconciler.manual_trigger" && outcome === "failed"
  )
  expect(failed).toMatchObject({ level: "error" })
})

it("prints nothing but lines of the schema while it has no Auth Worker", async () => {
  await using world = await start([], { STORE_IDS: "legacy-one", WORKSPACE_RECONCILE_ENABLED: "false" })
  await world.monitors(1)
  expect(await world.post("/admin/reconcile")).toBe(503)
  await world.end()
  expectLinesOfTheSchema(world.program)
  expect(messagesOf(world.program)).toContain("workspace_reconciler.disabled")
})

it("keeps an audit trail of the schema, whole, with what was done and refused", async () => {
  await using world = await start(workspaceIds(6))
  const { get, monitors, post, source } = world
  await monitors(6)
  await eventually("a run by hand", async () => (await post("/admin/reconcile")) === 200)
  await eventually("one too soon", async () => (await post("/admin/reconcile")) === 429)
  await post("/admin/pause", { reason: "the whole loop" })
  await post("/admin/resume")
  await post("/admin/pause", { reason: "one workspace", storeId: "workspace-00001", expiresInMs: 60_000 })
  await post("/admin/resume", { storeId: "workspace-00001" })
  await post("/admin/reconcile?storeId=workspace-00001")
  await post("/admin/circuit-breakers/auth-worker/reset")
  await post("/admin/removals/approve", { planHash: "0123456789abcdef" })
  await post("/admin/messages/workspace-00001/no-such-message/retry")
  source.workspaces.delete("workspace-00005")
  await monitors(5)
  const { records, verification } = parseAudit(await get("/admin/audit?limit=1000&verify=true"))
  expect(records.flatMap(complaintsBy("audit-record"))).toEqual([])
  expect(verification).toMatchObject({ intact: true, records: records.length })
  expect(new Set(records.map(({ action, outcome }) => `${action} ${outcome}`))).toEqual(
    new Set([
      "loop.reconciled succeeded",
      "loop.reconciled refused",
      "loop.paused succeeded",
      "loop.resumed succeeded",
      "workspace.paused succeeded",
      "workspace.resumed succeeded",
      "workspace.reconciled succeeded",
      "breaker.reset succeeded",
      "removal.approved refused",
      "message.retried refused",
      "store.stopped succeeded"
    ])
  )
})

it("prints nothing but lines of the schema as the whole stack, with real stores", async () => {
  await using folder = await temporaryFolder()
  await using stack = await startStack(folder.path, { ...production, LOG_LEVEL: "info" })
  const { auth, program } = stack
  await auth.create("first-one")
  await program.logged("workspace_orchestration.monitoring_started")
  await auth.delete("first-one")
  await program.logged("workspace_orchestration.monitoring_stopped")
  program.kill("SIGTERM")
  expect(await program.ended).toBe(0)
  expectLinesOfTheSchema(program)
})

/** The other ends of a process's TCP connections, as Linux writes them: hexadecimal, least significant byte first. */
const peersOf = async (pid: number): Promise<ReadonlyArray<string>> => {
  const inodes = (await descriptorsOf(pid)).flatMap((target) => /^socket:\[(\d+)\]$/.exec(target)?.[1] ?? [])
  const tables = await Promise.all(
    ["tcp", "tcp6"].map((name) => readFile(`/proc/${pid}/net/${name}`, "utf8"))
  )
  return tables
    .flatMap((table) => table.trim().split("\n").slice(1))
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => inodes.includes(fields[9] ?? ""))
    .map((fields) => (fields[2] ?? "").split(":")[0] ?? "")
}

it("speaks to its own Workers and nobody else", async () => {
  await using folder = await temporaryFolder()
  await using stack = await startStack(folder.path, production)
  await stack.auth.create("first-one")
  await stack.program.logged("workspace_orchestration.monitoring_started")
  const peers = new Set(await peersOf(stack.program.pid))
  expect(peers.size).toBeGreaterThan(0)
  for (const peer of peers) {
    // Nobody (it listens), 127.0.0.1, or that as IPv6 writes it.
    expect(peer).toMatch(/^(0{8}|0{32}|0100007F|0000000000000000FFFF00000100007F)$/)
  }
})
