/** What a Sentry project hears of the running server, and what it never hears. */
import { expect, it } from "vitest"
import { startCollectors, type SentryEvent } from "../support/Collectors.ts"
import { eventually } from "../support/Eventually.ts"
import { temporaryFolder } from "../support/Program.ts"
import { startServer } from "../support/RunningServer.ts"
import { startSickAuthWorker, workspaceIds } from "../support/SickAuthWorker.ts"

const DASHBOARD = "https://dashboards.example.com/workspace-orchestration"
const WEBHOOK_SECRET = "webhook-secret-of-the-test"

const crumbsOf = ({ breadcrumbs = [] }: SentryEvent) => breadcrumbs

/** Every store fails to open, and only so: what is opened in memory takes longer than it may. */
const failing = {
  STORE_CONNECTION_TIMEOUT: "50",
  MEMORY_DRIVER_OPEN_MS: "60000",
  WORKSPACE_RECONCILE_INTERVAL_MS: "3600000",
  MANUAL_RECONCILE_MIN_INTERVAL_MS: "0",
  ORCHESTRATION_INCIDENT_DASHBOARD_URL: DASHBOARD,
  WEBHOOK_SECRET,
  NODE_ENV: "staging"
}

it("hears of failures with the runbook's tags and the steps that led there, once an incident", async () => {
  await using collectors = await startCollectors()
  await using source = await startSickAuthWorker(["first-one"])
  await using folder = await temporaryFolder()
  source.fallIll("answers 500")
  await using server = await startServer({
    ...failing,
    AUTH_WORKER_INTERNAL_URL: source.url,
    SERVER_BYPASS_TOKEN: source.token,
    STORE_DATA_PATH: folder.path,
    SENTRY_DSN: collectors.dsn
  })
  const { client, program } = server
  const eventOf = (operation: string, storeId?: string) =>
    eventually(`Sentry hears of ${operation}`, () =>
      collectors.events.find(
        ({ tags }) =>
          tags?.["workspace_orchestration.operation"] === operation &&
          (storeId === undefined || tags["storeId"] === storeId)
      )
    )

  // The source cannot be read.
  const unread = await eventOf("reconcile")
  expect(unread).toMatchObject({
    environment: "staging",
    level: "warning",
    fingerprint: ["DirectoryUnavailable"],
    tags: { operation: "reconcile", phase: "read" }
  })
  expect(unread.release).toMatch(/^workspace-orchestrator@\d+\.\d+\.\d+/)

  // A webhook meanwhile, and then a store that does not open.
  expect((await client.webhook("workspace.created", "first-one")).status).toBe(202)
  source.recover()
  const provision = await eventOf("provision", "first-one")
  expect(provision).toMatchObject({
    level: "warning",
    fingerprint: ["StoreOpenError"],
    tags: {
      "workspace_orchestration.operation": "provision",
      "workspace_orchestration.store_id": "first-one",
      operation: "provision",
      storeId: "first-one",
      phase: "open",
      reason: "timeout"
    },
    exception: { values: [{ type: "StoreOpenError", value: "The store did not open within 50 ms" }] },
    contexts: { workspace_orchestration: { incidentDashboardUrl: DASHBOARD } }
  })
  const crumbs = crumbsOf(provision)
  expect(crumbs.map(({ message }) => message)).toEqual(
    expect.arrayContaining([
      "workspace_reconciler.run_failed",
      "workspace_webhook.handled",
      "store_manager.opening_ended",
      "workspace_orchestration.provision_failed"
    ])
  )
  for (const { category, data } of crumbs) {
    expect(category).toBe("workspace_orchestration")
    expect(data).toMatchObject({ incidentDashboardUrl: DASHBOARD })
    expect(data?.["durationMs"]).toBeTypeOf("number")
    expect(data?.["outcome"]).toBeTypeOf("string")
  }

  // An outage of many stores is one incident, and no report has the steps of another store.
  for (const id of workspaceIds(100)) source.workspaces.add(id)
  expect((await client.reconcile(source.token)).body.status).toBe("partial")
  const provisions = collectors.events.filter(({ tags }) => tags?.["operation"] === "provision")
  expect(provisions.length).toBeLessThanOrEqual(5)
  for (const event of provisions) {
    const stores = new Set(crumbsOf(event).map(({ data }) => data?.["storeId"]))
    stores.delete(undefined)
    expect([...stores]).toEqual([event.tags?.["storeId"]])
  }

  // A run by hand that fails.
  source.fallIll("answers 403")
  const failed = await client.reconcile(source.token)
  expect(failed.status).toBe(500)
  const manual = await eventOf("workspace_reconciler.manual_trigger")
  expect(manual).toMatchObject({
    level: "error",
    fingerprint: ["RunFailed"],
    tags: { "workspace_reconciler.manual_trigger": "true", requestId: failed.headers.get("x-request-id") }
  })
  expect(crumbsOf(manual).at(-1)).toMatchObject({
    message: "workspace_reconciler.manual_trigger",
    data: { outcome: "failed" }
  })

  program.kill("SIGTERM")
  expect(await program.ended).toBe(0)
  const order = program.log.map(({ msg }) => msg)
  expect(order.indexOf("telemetry.sentry_started")).toBe(0)
  expect(collectors.events.length).toBeGreaterThan(2)
  expect(collectors.bodies.join("\n")).not.toContain(source.token)
  expect(collectors.bodies.join("\n")).not.toContain(WEBHOOK_SECRET)

  // The log says no less.
  const lines = program.log.filter((line) => line["category"] === "workspace_orchestration")
  expect(lines.length).toBeGreaterThan(100)
  for (const line of lines) {
    expect(line).toMatchObject({ incidentDashboardUrl: DASHBOARD })
    expect([line.msg, typeof line["durationMs"]]).toEqual([line.msg, "number"])
  }
})

/** Writes the name of each module that is asked for to standard error. */
const announceModules = (): string => {
  const hooks = `export async function resolve(name,context,next){process._rawDebug("module "+name);return next(name,context)}`
  const register = `import{register}from"node:module";register("data:text/javascript,${encodeURIComponent(hooks)}")`
  return `--import=data:text/javascript,${encodeURIComponent(register)}`
}

it("is not even loaded without a DSN, nor is what exports spans without an endpoint", async () => {
  await using collectors = await startCollectors()
  const modulesOf = async (environment: Readonly<Record<string, string>>) => {
    await using folder = await temporaryFolder()
    await using server = await startServer({
      STORE_DATA_PATH: folder.path,
      NODE_OPTIONS: announceModules(),
      ...environment
    })
    server.program.kill("SIGTERM")
    expect(await server.program.ended).toBe(0)
    return server.program.stderr()
  }
  const without = await modulesOf({})
  expect(without).toContain("module pino")
  expect(without).not.toMatch(/sentry|@effect\/opentelemetry|OtlpTracing/i)
  const withBoth = await modulesOf({
    SENTRY_DSN: collectors.dsn,
    OTEL_EXPORTER_OTLP_ENDPOINT: collectors.otlpEndpoint
  })
  expect(withBoth).toContain("module @sentry/node")
  expect(withBoth).toContain("module @effect/opentelemetry")
})
