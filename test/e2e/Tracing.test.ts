/** What an OpenTelemetry collector is told of the running server, and what everybody else is told of a trace. */
import { expect, it } from "vitest"
import { startCollectors } from "../support/Collectors.ts"
import { eventually } from "../support/Eventually.ts"
import { temporaryFolder } from "../support/Program.ts"
import { startServer } from "../support/RunningServer.ts"
import { startSickAuthWorker } from "../support/SickAuthWorker.ts"

const WEBHOOK_SECRET = "webhook-secret-of-the-test"
const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
const SENDER = "00f067aa0ba902b7"
const traceparent = `00-${TRACE}-${SENDER}-01`

it("follows a webhook from its sender to the reconcile that answers it", async () => {
  await using collectors = await startCollectors()
  await using source = await startSickAuthWorker()
  await using folder = await temporaryFolder()
  await using server = await startServer({
    AUTH_WORKER_INTERNAL_URL: source.url,
    SERVER_BYPASS_TOKEN: source.token,
    STORE_DATA_PATH: folder.path,
    WORKSPACE_RECONCILE_INTERVAL_MS: "3600000",
    WEBHOOK_SECRET,
    NODE_ENV: "staging",
    OTEL_EXPORTER_OTLP_ENDPOINT: `${collectors.otlpEndpoint}/`
  })
  const { client, program } = server
  await eventually("the first run is over", async () => (await fetch(`${client.url}/health/ready`)).ok)

  source.workspaces.add("traced-one")
  const handled = await client.webhook("workspace.created", "traced-one", { traceparent })
  expect([handled.status, handled.body.status]).toEqual([200, "monitoring_started"])
  expect(handled.headers.get("x-trace-id")).toBe(TRACE)
  expect(source.newestHeaders()["traceparent"]).toMatch(new RegExp(`^00-${TRACE}-[0-9a-f]{16}-01$`))

  const spanOf = (name: string, matches: (span: (typeof collectors.spans)[number]) => boolean = () => true) =>
    eventually(`the collector has ${name}`, () =>
      collectors.spans.find((span) => span.name === name && matches(span))
    )
  const http = await spanOf("POST /webhooks/workspaces")
  expect(http).toMatchObject({
    traceId: TRACE,
    parentSpanId: SENDER,
    attributes: { "http.request.method": "POST", "http.response.status_code": 200 },
    resource: { "service.name": "workspace-orchestrator", "deployment.environment": "staging" }
  })
  expect(http.resource["service.version"]).toMatch(/^\d+\.\d+\.\d+/)
  const isItsOwn = ({ attributes }: { readonly attributes: Readonly<Record<string, unknown>> }) =>
    attributes["workspace.id"] === "traced-one"
  const opening = await spanOf("store.open", isItsOwn)
  const reconcile = await spanOf("workspace.reconcile", ({ spanId }) => spanId === opening.parentSpanId)
  expect(reconcile.attributes).toMatchObject({
    "workspace.id": "traced-one",
    "workspace.action": "EnsureMonitored"
  })
  // In a trace of its own: it may answer many.
  expect(reconcile.parentSpanId).toBeUndefined()
  expect(reconcile.traceId).not.toBe(TRACE)
  expect(reconcile.links).toContainEqual(
    expect.objectContaining({ traceId: http.traceId, spanId: http.spanId })
  )
  const refresh = await spanOf("directory.refresh", ({ traceId }) => traceId === TRACE)
  expect(refresh.parentSpanId).toBe(http.spanId)
  await spanOf("http.client GET", ({ parentSpanId }) => parentSpanId === refresh.spanId)

  const line = (msg: string) => program.log.find((one) => one.msg === msg && one["storeId"] === "traced-one")
  expect(line("workspace_webhook.handled")).toMatchObject({ traceId: TRACE, spanId: http.spanId })
  expect(line("workspace_orchestration.monitoring_started")).toMatchObject({ traceId: reconcile.traceId })

  // A refusal names its trace, in the body as in the header.
  const missing = await fetch(`${client.url}/nowhere?token=${WEBHOOK_SECRET}`)
  const traceId = missing.headers.get("x-trace-id")
  expect(traceId).toMatch(/^[0-9a-f]{32}$/)
  expect(await missing.json()).toMatchObject({ error: { code: "NOT_FOUND", traceId } })

  program.kill("SIGTERM")
  expect(await program.ended).toBe(0)
  // The last spans leave before the process does.
  expect(collectors.spans.some((span) => span.traceId === traceId)).toBe(true)
  expect(collectors.bodies.join("\n")).not.toContain(source.token)
  expect(collectors.bodies.join("\n")).not.toContain(WEBHOOK_SECRET)
})

it("goes on working, and says once that spans are lost, while the collector is away", async () => {
  const { otlpEndpoint } = await (async () => {
    await using gone = await startCollectors()
    return gone
  })()
  await using source = await startSickAuthWorker(["first-one"])
  await using folder = await temporaryFolder()
  await using server = await startServer({
    AUTH_WORKER_INTERNAL_URL: source.url,
    SERVER_BYPASS_TOKEN: source.token,
    STORE_DATA_PATH: folder.path,
    OTEL_EXPORTER_OTLP_ENDPOINT: otlpEndpoint
  })
  await eventually("it is monitored", async () => (await server.client.monitored()).join() === "first-one")
  expect(await server.program.logged("telemetry.spans_lost")).toMatchObject({ problem: "ECONNREFUSED" })
})

it("names a sender's trace without exporting anything, where no collector is set", async () => {
  await using source = await startSickAuthWorker()
  await using folder = await temporaryFolder()
  await using server = await startServer({
    AUTH_WORKER_INTERNAL_URL: source.url,
    SERVER_BYPASS_TOKEN: source.token,
    STORE_DATA_PATH: folder.path,
    WEBHOOK_SECRET
  })
  const { client, program } = server
  const followed = await client.webhook("workspace.created", "never-existed", { traceparent })
  expect(followed.headers.get("x-trace-id")).toBe(TRACE)
  expect(await program.logged("workspace_webhook.handled")).toMatchObject({ traceId: TRACE })
  const refused = await fetch(`${client.url}/nowhere`, { headers: { traceparent } })
  expect(await refused.json()).toMatchObject({ error: { traceId: TRACE } })
  for (const nonsense of [{}, { traceparent: `00-${"0".repeat(32)}-${SENDER}-01` }, { traceparent: "x" }]) {
    const answer = await fetch(`${client.url}/nowhere`, { headers: nonsense })
    expect(answer.headers.has("x-trace-id")).toBe(false)
    expect(await answer.json()).not.toHaveProperty("error.traceId")
  }
})
