/** What a scraper and an operator's self-test see of the whole stack: real workerd, real LiveStore. */
import { readFileSync, readdirSync } from "node:fs"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { eventually } from "../support/Eventually.ts"
import { temporaryFolder } from "../support/Program.ts"
import { complaints, parse } from "../support/PrometheusText.ts"
import { startStack, type RunningStack } from "../support/RunningStack.ts"

const TOKEN = "a-token-of-the-metrics-test-0123456789"

describe("a running stack", () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let stack: RunningStack

  beforeAll(async () => {
    folder = await temporaryFolder()
    stack = await startStack(folder.path, { SERVER_BYPASS_TOKEN: TOKEN })
    await stack.auth.create("metrics-workspace")
    await eventually(
      "the workspace is monitored",
      async () => (await stack.server.monitored()).join() === "metrics-workspace",
      30_000
    )
  })
  afterAll(async () => {
    await stack[Symbol.asyncDispose]()
    await folder[Symbol.asyncDispose]()
  })

  const scrape = async () => {
    const text = await (await fetch(`${stack.serverUrl}/metrics`)).text()
    const metrics = parse(text)
    const sumOf = (name: string, labels: Readonly<Record<string, string>> = {}): number =>
      [...metrics.values()]
        .flatMap(({ samples }) => samples)
        .filter((sample) => sample.name === name)
        .filter((sample) => Object.entries(labels).every(([key, value]) => sample.labels[key] === value))
        .reduce((sum, { value }) => sum + value, 0)
    return { text, metrics, sumOf }
  }

  it("shows that it has converged, what it asked and what it heard, and names nobody", async () => {
    const { metrics, sumOf, text } = await scrape()
    expect(complaints(metrics)).toEqual([])
    expect([sumOf("wso_converged"), sumOf("wso_stores_monitored")]).toEqual([1, 1])
    expect(sumOf("wso_stores", { status: "connected" })).toBe(1)
    expect(sumOf("wso_store_provision_duration_seconds_count")).toBe(1)
    expect(sumOf("wso_store_operations_total", { operation: "provision", result: "succeeded" })).toBe(1)
    expect(sumOf("wso_directory_calls_total", { call: "list", result: "ok" })).toBeGreaterThan(0)
    expect(sumOf("wso_webhook_requests_total", { event: "workspace.created" })).toBeGreaterThan(0)
    expect(sumOf("wso_circuit_state", { dependency: "auth-worker", state: "closed" })).toBe(1)
    expect(sumOf("wso_build_info")).toBe(1)
    expect(sumOf("process_resident_memory_bytes")).toBeGreaterThan(0)
    expect(text).not.toContain("metrics-workspace")
  })

  it("has every metric that an alert is about", async () => {
    const { metrics } = await scrape()
    const rules = readFileSync(
      new URL("../../spec/alerts/workspace-orchestrator.yml", import.meta.url),
      "utf8"
    )
    const names = [...rules.matchAll(/(?<![\w:])(?:wso|nodejs|process|http_server)_\w+/g)].map(([name]) =>
      name.replace(/_(?:bucket|sum|count)$/, "")
    )
    expect(names.length).toBeGreaterThan(20)
    expect(names.filter((name) => !metrics.has(name))).toEqual([])
  })

  it("opens a real store of its own in the self-test, and leaves nothing of it behind", async () => {
    const response = await fetch(`${stack.serverUrl}/admin/selftest/livestore`, {
      method: "POST",
      headers: { authorization: `Bearer ${TOKEN}` }
    })
    expect([response.status, await response.json()]).toMatchObject([
      200,
      { status: "ok", driver: "livestore", connected: true, closed: true, events: 0, error: null }
    ])
    expect(
      readdirSync(folder.path, { recursive: true }).filter((name) => String(name).includes("selftest"))
    ).toEqual([])
    expect(await stack.server.monitored()).toEqual(["metrics-workspace"])
    expect((await scrape()).sumOf("wso_stores")).toBe(1)
  })
})
