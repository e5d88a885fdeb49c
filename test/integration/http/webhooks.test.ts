import * as Effect from "effect/Effect"
import { Webhook } from "standardwebhooks"
import { request } from "node:http"
import { afterEach, describe, expect, it } from "vitest"
import type { NudgeOutcome } from "../../../src/orchestration/Operations.ts"
import {
  bodyOf,
  event,
  eventually,
  SECRET,
  start,
  type Started,
  type StartOptions,
  webhook
} from "./server.ts"

let server: Started | undefined
const started = async (options?: StartOptions): Promise<Started> => (server = await start(options))
afterEach(() => server?.stop())

const signed = (body: string, id = "msg_1", at = new Date(), secret = SECRET): Record<string, string> => ({
  "webhook-id": id,
  "webhook-timestamp": String(Math.floor(at.getTime() / 1_000)),
  "webhook-signature": new Webhook(Buffer.from(secret).toString("base64")).sign(id, at, body)
})

const code = async (response: Response): Promise<unknown> => {
  const { error } = await bodyOf(response)
  return (error as { code: string }).code
}

describe("a webhook", () => {
  it.each<[NudgeOutcome["status"], number]>([
    ["monitoring_started", 200],
    ["already_monitored", 200],
    ["monitoring_stopped", 200],
    ["already_stopped", 200],
    ["reconcile_queued", 202]
  ])("answers %s with %d", async (status, expected) => {
    const nudged: Array<string> = []
    const outcome: NudgeOutcome = status === "reconcile_queued" ? { status, reason: "guard" } : { status }
    const { logs, url } = await started({
      operations: { nudge: (id) => Effect.sync(() => (nudged.push(id), outcome)) }
    })
    const response = await webhook(url, event({ further: "fields are ignored" }))
    expect(response.status).toBe(expected)
    const body = await bodyOf(response)
    expect(body).toMatchObject({ ...outcome, instanceId: "ws-1" })
    expect(new Date(String(body["receivedAt"])).toISOString()).toBe(body["receivedAt"])
    expect(body["durationMs"]).toBeTypeOf("number")
    expect(nudged).toEqual(["ws-1"])
    const line = logs.find(({ message }) => message === "workspace_webhook.handled")
    expect(line?.text).toContain("durationMs")
    expect(line?.text).toContain("workspace_orchestration")
  })

  it("is refused with 503 for every method when no secret is configured", async () => {
    const { url } = await started({ secrets: [] })
    expect((await webhook(url, event())).status).toBe(503)
    expect((await fetch(`${url}/webhooks/workspaces`)).status).toBe(503)
  })

  it("of another method is refused with 405 and Allow", async () => {
    const { url } = await started()
    for (const method of ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"]) {
      const response = await fetch(`${url}/webhooks/workspaces`, { method })
      expect([method, response.status, response.headers.get("allow")]).toEqual([method, 405, "POST"])
    }
  })

  it("that announces more than 64 KiB gets 413 before anybody asks who sends it", async () => {
    const { url } = await started()
    const response = await webhook(url, "x".repeat(70_000), { "content-type": "text/plain" })
    expect(response.status).toBe(413)
    expect(await code(response)).toBe("PAYLOAD_TOO_LARGE")
  })

  it("of exactly 64 KiB is read", async () => {
    const { url } = await started()
    const padding = 65_536 - event({ padding: "" }).length
    expect((await webhook(url, event({ padding: "x".repeat(padding) }))).status).toBe(200)
    expect((await webhook(url, event({ padding: "x".repeat(padding + 1) }))).status).toBe(413)
  })

  it("that sends 20 MB in chunks gets 413 without a reset, and its connection goes on", async () => {
    const { port, url } = await started()
    const answers: Array<number> = []
    const statusOf = await new Promise<number | undefined>((resolve, reject) => {
      const outgoing = request(
        {
          port,
          host: "127.0.0.1",
          path: "/webhooks/workspaces",
          method: "POST",
          headers: { "content-type": "application/json" }
        },
        (response) => {
          answers.push(response.statusCode ?? 0)
          response.resume().on("end", () => resolve(response.statusCode))
        }
      )
      outgoing.on("error", reject)
      const chunk = Buffer.alloc(1_000_000, "x")
      let sent = 0
      const send = () => {
        if (sent++ === 20) return void outgoing.end()
        outgoing.write(chunk, send)
      }
      send()
    })
    expect(statusOf).toBe(413)
    expect((await fetch(`${url}/health/live`)).status).toBe(200)
  })

  it.each([
    ["no content type", { "content-type": "" }],
    ["a form", { "content-type": "application/x-www-form-urlencoded" }],
    ["almost JSON", { "content-type": "application/jsonp" }],
    ["compressed JSON", { "content-type": "application/json", "content-encoding": "gzip" }]
  ])("with %s gets 415", async (_, headers) => {
    const { url } = await started()
    expect((await webhook(url, event(), headers)).status).toBe(415)
  })

  it("takes JSON with a charset, whatever the case", async () => {
    const { url } = await started()
    const headers = { "x-webhook-secret": SECRET, "content-type": "Application/JSON; charset=utf-8" }
    expect((await webhook(url, event(), headers)).status).toBe(200)
  })

  it("without valid authentication gets 401 before its body is looked at, and nudges nothing", async () => {
    const nudged: Array<string> = []
    const { logs, url } = await started({
      operations: { nudge: (id) => Effect.sync(() => (nudged.push(id), { status: "already_monitored" })) }
    })
    const now = new Date()
    const attempts: ReadonlyArray<Record<string, string>> = [
      {},
      { "x-webhook-secret": "" },
      { "x-webhook-secret": "wrong" },
      { "x-webhook-secret": `${SECRET}x` },
      { authorization: `Bearer ${SECRET}` },
      signed(event(), "msg_1", now, "another-secret"),
      signed(event({ instanceId: "ws-2" })),
      signed(event(), "msg_1", new Date(now.getTime() - 301_000)),
      signed(event(), "msg_1", new Date(now.getTime() + 302_000)),
      // No falling back to the plain secret where a signature is presented.
      { ...signed(event(), "msg_1", now, "another-secret"), "x-webhook-secret": SECRET },
      { "webhook-id": "msg_1", "x-webhook-secret": SECRET }
    ]
    for (const headers of attempts) {
      const response = await webhook(url, event(), headers)
      expect([JSON.stringify(headers), response.status]).toEqual([JSON.stringify(headers), 401])
      expect(response.headers.get("www-authenticate")).not.toBeNull()
    }
    expect((await webhook(url, "not json", {})).status).toBe(401)
    expect(nudged).toEqual([])
    expect(logs.map(({ text }) => text).join("")).not.toContain(SECRET)
  })

  it("with a valid signature passes, by either secret of a rotation", async () => {
    const { url } = await started({ secrets: ["new-secret", SECRET], requireSignature: true })
    expect((await webhook(url, event(), signed(event(), "a"))).status).toBe(200)
    expect((await webhook(url, event(), signed(event(), "b", new Date(), "new-secret"))).status).toBe(200)
    expect((await webhook(url, event())).status).toBe(401)
  })

  it("is handled once: a second delivery says duplicate, with the first answer's status", async () => {
    const nudged: Array<string> = []
    const { url } = await started({
      operations: {
        nudge: (id) => Effect.sync(() => (nudged.push(id), { status: "reconcile_queued", reason: "slow" }))
      }
    })
    expect((await webhook(url, event(), signed(event(), "one"))).status).toBe(202)
    const second = await webhook(url, event(), signed(event(), "one"))
    expect(second.status).toBe(200)
    expect(await bodyOf(second)).toMatchObject({ status: "duplicate", originalStatus: "reconcile_queued" })
    expect((await webhook(url, event(), signed(event(), "two"))).status).toBe(202)
    expect(nudged).toHaveLength(2)
  })

  it("delivered many times at once is handled once, and all answers share the outcome", async () => {
    let nudges = 0
    const { url } = await started({
      operations: {
        nudge: () =>
          Effect.sync(() => nudges++).pipe(
            Effect.delay("100 millis"),
            Effect.as({ status: "monitoring_started" } as const)
          )
      }
    })
    const headers = signed(event(), "same")
    const answers = await Promise.all(
      Array.from({ length: 20 }, async () => bodyOf(await webhook(url, event(), headers)))
    )
    const statuses = answers.map(({ originalStatus, status }) => [status, originalStatus])
    expect(statuses.filter(([status]) => status === "monitoring_started")).toHaveLength(1)
    expect(statuses.filter(([, original]) => original === "monitoring_started")).toHaveLength(19)
    expect(nudges).toBe(1)
  })

  it("whose sender hangs up does not take its duplicates with it", async () => {
    let nudges = 0
    const { url } = await started({
      operations: {
        nudge: () =>
          Effect.suspend(() =>
            nudges++ === 0 ? Effect.never : Effect.succeed({ status: "already_monitored" } as const)
          )
      }
    })
    const headers = signed(event(), "same")
    const abort = new AbortController()
    const first = fetch(`${url}/webhooks/workspaces`, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: event(),
      signal: abort.signal
    }).catch(() => "aborted")
    await eventually(() => nudges === 1)
    const second = webhook(url, event(), headers)
    abort.abort()
    expect(await first).toBe("aborted")
    expect(await bodyOf(await second)).toMatchObject({ status: "already_monitored" })
  })

  it.each<[string, string, RegExp]>([
    ["text", "hello", /not JSON/],
    ["half an object", '{"event":', /not JSON/],
    ["bytes that are not UTF-8", "\u00ff", /not JSON|must be/],
    ["an array", "[]", /the body must be a JSON object/],
    ["null", "null", /the body must be a JSON object/],
    ["no event", event({ event: undefined }), /event is missing/],
    [
      "an unknown event",
      event({ event: "workspace.renamed" }),
      /event must be workspace\.created or workspace\.deleted/
    ],
    ["no instanceId", event({ instanceId: undefined }), /instanceId is missing/],
    ["a path as id", event({ instanceId: "../../etc" }), /instanceId must be a workspace id/],
    ["an id too short", event({ instanceId: "ab" }), /instanceId must be/],
    ["a number as id", event({ instanceId: 7 }), /instanceId must be/],
    ["no userId", event({ userId: undefined }), /userId is missing/],
    ["an empty userId", event({ userId: "" }), /userId must be/],
    ["no timestamp", event({ timestamp: undefined }), /timestamp is missing/],
    [
      "a timestamp that is none",
      event({ timestamp: "yesterday-ish" }),
      /timestamp must be a time in ISO 8601/
    ]
  ])("with %s gets 400 that says which field and what belongs there", async (_, body, message) => {
    const { url } = await started()
    const response = await webhook(url, body)
    expect(response.status).toBe(400)
    const { error } = await bodyOf(response)
    expect((error as { message: string }).message).toMatch(message)
  })

  it("names every wrong field at once", async () => {
    const { url } = await started()
    const { error } = await bodyOf(await webhook(url, "{}"))
    const { message } = error as { message: string }
    for (const field of ["event", "instanceId", "userId", "timestamp"]) expect(message).toContain(field)
  })

  it("nested thousands deep gets 400", async () => {
    const { url } = await started()
    for (const body of [
      "[".repeat(3_000) + "]".repeat(3_000),
      '{"a":'.repeat(3_000) + "1" + "}".repeat(3_000)
    ]) {
      const response = await webhook(url, body)
      expect(response.status).toBe(400)
      expect(await response.text()).toContain("may nest 32 deep")
    }
  })

  it("with a bad field never sees it reflected", async () => {
    const { url } = await started()
    for (const length of [100, 60_000, 2_000_000]) {
      const response = await webhook(url, event({ instanceId: "<evil>".repeat(length / 6) }))
      expect([400, 413]).toContain(response.status)
      const text = await response.text()
      expect(text.length).toBeLessThan(1_000)
      expect(text).not.toContain("evil")
    }
  })

  it("past the burst gets 429 with Retry-After; one that is not authenticated takes nothing from the rate", async () => {
    const { url } = await started({ limits: { webhook: { count: 3, windowMs: 300_000 } } })
    for (let attempt = 0; attempt < 5; attempt++) expect((await webhook(url, event(), {})).status).toBe(401)
    for (let attempt = 0; attempt < 3; attempt++) expect((await webhook(url, event())).status).toBe(200)
    const response = await webhook(url, event())
    expect(response.status).toBe(429)
    expect(Number(response.headers.get("retry-after"))).toBeGreaterThan(90)
    expect(await bodyOf(response)).toMatchObject({ error: { code: "TOO_MANY_WEBHOOKS" } })
  })
})
