import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FiberId from "effect/FiberId"
import * as Redacted from "effect/Redacted"
import { afterEach, describe, expect, it } from "vitest"
import { signedHeaders } from "../../../src/http/WebhookAuthentication.ts"
import { complaints, parse, type Sample } from "../../support/PrometheusText.ts"
import {
  admin,
  event,
  eventually,
  SECRET,
  start,
  type Started,
  type StartOptions,
  TOKEN,
  webhook
} from "./server.ts"

let server: Started | undefined
const started = async (options?: StartOptions): Promise<Started> => (server = await start(options))
afterEach(() => server?.stop())

const textOf = async (url: string): Promise<string> => (await fetch(`${url}/metrics`)).text()

/** The sum of the samples of a name that have these labels. */
const read = async (url: string) => {
  const samples = [...parse(await textOf(url)).values()].flatMap((family) => family.samples)
  return (name: string, labels: Readonly<Record<string, string>> = {}): number =>
    samples
      .filter((sample: Sample) => sample.name === name)
      .filter((sample) => Object.entries(labels).every(([label, value]) => sample.labels[label] === value))
      .reduce((sum, { value }) => sum + value, 0)
}

/** What one step adds to the counters, which are the process's. */
const increaseOf = async (url: string, step: () => Promise<unknown>) => {
  const before = await read(url)
  await step()
  const after = await read(url)
  return (name: string, labels: Readonly<Record<string, string>> = {}) =>
    after(name, labels) - before(name, labels)
}

const requests = "http_server_request_duration_seconds_count"

describe("GET /metrics", () => {
  it("is taken once for all who ask meanwhile, since nothing limits how many do", async () => {
    let measured = 0
    const gate = Deferred.unsafeMake<void>(FiberId.none)
    const { url } = await started({
      administration: {
        measure: Effect.suspend(() => {
          measured++
          return Deferred.await(gate)
        })
      }
    })
    const asked = Array.from({ length: 20 }, () => textOf(url))
    await eventually(() => measured > 0)
    // All of them are in, now that one that was sent later is answered.
    for (let probe = 0; probe < 5; probe++) await fetch(`${url}/health/live`)
    expect(measured).toBe(1)
    Effect.runSync(Deferred.succeed(gate, undefined))
    expect((await Promise.all(asked)).every((text) => text.includes("wso_event_subscribers"))).toBe(true)
  })

  it("is for everybody, in production too, and in the format that scrapers read", async () => {
    let measured = 0
    const { url } = await started({
      isProduction: true,
      administration: {
        measure: Effect.sync(() => {
          measured++
        })
      }
    })
    const response = await fetch(`${url}/metrics`)
    expect([response.status, response.headers.get("content-type")]).toEqual([
      200,
      "text/plain; version=0.0.4; charset=utf-8"
    ])
    const metrics = parse(await response.text())
    expect(complaints(metrics)).toEqual([])
    expect(measured).toBe(1)
    for (const name of [
      "wso_store_provision_duration_seconds",
      "wso_workqueue_adds_total",
      "wso_workqueue_queue_duration_seconds",
      "wso_workqueue_work_duration_seconds",
      "wso_workqueue_retries_total",
      "wso_webhook_requests_total",
      "wso_webhook_rejections_total"
    ]) {
      expect([name, metrics.has(name)]).toEqual([name, true])
    }
  })

  it("has the buckets of the objectives", async () => {
    const { url } = await started()
    const buckets = parse(await textOf(url))
      .get("wso_store_provision_duration_seconds")
      ?.samples.map(({ labels }) => labels["le"])
    expect(buckets?.filter((bound) => bound !== undefined)).toEqual(
      [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30, 60, 120].map(String).concat("+Inf")
    )
  })
})

describe("requests", () => {
  it("are counted by the template of their route, never by an id", async () => {
    const { url } = await started()
    const increase = await increaseOf(url, async () => {
      await fetch(`${url}/stores/ws-of-ada?x=1`, { headers: admin })
      await fetch(`${url}/stores/ws-of-bob`, { headers: admin })
      await fetch(`${url}/stores/ws-of-bob`, { method: "DELETE" })
      await fetch(`${url}/no/such/ws-of-ada`)
      await fetch(`${url}/queue/stuck`, { headers: admin })
    })
    const labels = (route: string, method: string, status: string) => ({
      http_route: route,
      http_request_method: method,
      http_response_status_code: status
    })
    expect(increase(requests, labels("/stores/:storeId", "GET", "200"))).toBe(2)
    expect(increase(requests, labels("/stores/:storeId", "DELETE", "405"))).toBe(1)
    expect(increase(requests, labels("", "GET", "404"))).toBe(1)
    expect(increase(requests, labels("/queue/stuck", "GET", "200"))).toBe(1)
    expect(await textOf(url)).not.toContain("ws-of-")
  })

  it("grow by no label that a stranger chooses", async () => {
    const { url } = await started()
    const strange = async (suffix: string) => {
      await fetch(`${url}/strange-${suffix}/path`, { method: "PURGE" })
      await fetch(`${url}/stores/${suffix}`)
      await fetch(`${url}/admin/plan`, { headers: { authorization: `Strange ${suffix}` } })
      await webhook(url, event({ event: `strange.${suffix}` }))
      await webhook(url, event(), { "x-webhook-secret": `strange-${suffix}` })
      return (await textOf(url)).split("\n").length
    }
    const lines = await strange("first")
    expect(await strange("second")).toBe(lines)
    expect(await textOf(url)).not.toMatch(/strange|PURGE/)
  })
})

describe("webhooks", () => {
  it("are counted by event and answer, a repeated one as a duplicate", async () => {
    const { url } = await started()
    const increase = await increaseOf(url, async () => {
      await webhook(url, event())
      const body = event({ event: "workspace.deleted" })
      const headers = signedHeaders(Redacted.make(SECRET), "msg-metrics", Buffer.from(body), Date.now())
      await webhook(url, body, headers)
      await webhook(url, body, headers)
    })
    const handled = "wso_webhook_requests_total"
    expect(increase(handled, { event: "workspace.created", result: "already_monitored" })).toBe(1)
    expect(increase(handled, { event: "workspace.deleted", result: "already_monitored" })).toBe(1)
    expect(increase(handled, { event: "workspace.deleted", result: "duplicate" })).toBe(1)
  })

  it("that are refused are counted by why, and nowhere else", async () => {
    const { url } = await started()
    const body = event()
    const signed = (time: number) => signedHeaders(Redacted.make(SECRET), "msg", Buffer.from(body), time)
    const increase = await increaseOf(url, async () => {
      await webhook(url, body, {})
      await webhook(url, body, { "x-webhook-secret": "wrong" })
      await webhook(url, body, { ...signed(Date.now()), "webhook-signature": "v1,AAAA" })
      await webhook(url, body, { ...signed(Date.now()), "webhook-timestamp": "soon" })
      await webhook(url, body, signed(Date.now() - 600_000))
      await webhook(url, "no JSON")
      await webhook(url, body, { "x-webhook-secret": SECRET, "content-type": "text/plain" })
    })
    for (const reason of ["missing", "secret", "signature", "malformed", "stale"]) {
      expect([reason, increase("wso_webhook_rejections_total", { reason })]).toEqual([reason, 1])
      expect([reason, increase("wso_auth_failures_total", { endpoint: "webhook", reason })]).toEqual([
        reason,
        1
      ])
    }
    expect(increase("wso_webhook_rejections_total")).toBe(7)
    expect(increase("wso_webhook_requests_total")).toBe(0)
  })
})

describe("administrators", () => {
  it("who do not prove it are counted, and who do are not", async () => {
    const { url } = await started()
    const increase = await increaseOf(url, async () => {
      await fetch(`${url}/admin/plan`)
      await fetch(`${url}/admin/plan`, { headers: { "x-server-token": "wrong" } })
      await fetch(`${url}/admin/plan`, { headers: { "x-server-token": TOKEN } })
    })
    expect(increase("wso_auth_failures_total", { endpoint: "admin", reason: "missing" })).toBe(1)
    expect(increase("wso_auth_failures_total", { endpoint: "admin", reason: "wrong" })).toBe(1)
    expect(increase("wso_auth_failures_total", { endpoint: "admin" })).toBe(2)
  })
})
