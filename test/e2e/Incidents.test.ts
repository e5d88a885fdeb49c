/** People hear of what is wrong once when it begins and once when it is over, over a crash of the server. */
import { afterAll, beforeAll, expect, it } from "vitest"
import { Webhook } from "standardwebhooks"
import { eventually } from "../support/Eventually.ts"
import { temporaryFolder } from "../support/Program.ts"
import { headerOf, type Received, type Receiver, startReceiver } from "../support/Receiver.ts"
import { startServer, type RunningServer } from "../support/RunningServer.ts"
import { startSickAuthWorker, workspaceIds, type SickAuthWorker } from "../support/SickAuthWorker.ts"

const secret = `whsec_${Buffer.from("notifications-of-the-test-32-byt").toString("base64")}`
const ids = workspaceIds(10)
/** Half of them: more than the guard lets pass. */
const gone = ids.slice(0, 5)

interface Payload {
  readonly type: string
  readonly data: {
    readonly id: string
    readonly kind: string
    readonly severity: string
    readonly summary: string
    readonly storeIds: ReadonlyArray<string>
    readonly counts: Readonly<Record<string, number>>
    readonly runbook: string
    readonly incidentDashboardUrl: string | null
    readonly resolvedAt: string | null
  }
}

/** What a receiver knows once it has checked the signature. */
const verified = (received: Received): Payload =>
  new Webhook(secret).verify(received.body, {
    "webhook-id": headerOf(received, "webhook-id"),
    "webhook-timestamp": headerOf(received, "webhook-timestamp"),
    "webhook-signature": headerOf(received, "webhook-signature")
  }) as Payload

let folder: Awaited<ReturnType<typeof temporaryFolder>>
let source: SickAuthWorker
let receiver: Receiver
let server: RunningServer

const start = () =>
  startServer({
    AUTH_WORKER_INTERNAL_URL: source.url,
    SERVER_BYPASS_TOKEN: source.token,
    STORE_DATA_PATH: folder.path,
    WORKSPACE_RECONCILE_INTERVAL_MS: "200",
    NOTIFY_WEBHOOK_URL: receiver.url,
    NOTIFY_WEBHOOK_SECRET: secret,
    NOTIFY_MIN_INTERVAL_MS: "200",
    ORCHESTRATION_INCIDENT_DASHBOARD_URL: "https://dashboard.example.com/"
  })

const ask = async (path: string, init: RequestInit = {}): Promise<unknown> => {
  const headers = { authorization: `Bearer ${source.token}`, "content-type": "application/json" }
  return (await fetch(`${server.client.url}${path}`, { headers, ...init })).json()
}

/** Those about the guard, each once. */
const aboutGuard = () => {
  const byId = new Map(receiver.received.map((one) => [headerOf(one, "webhook-id"), verified(one)]))
  return [...byId.values()].filter(({ data }) => data.kind === "removal-guard")
}

beforeAll(async () => {
  folder = await temporaryFolder()
  source = await startSickAuthWorker(ids)
  receiver = await startReceiver()
  server = await start()
  await eventually("all are monitored", async () => (await server.client.monitored()).length === ids.length)
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await receiver[Symbol.asyncDispose]()
  await source[Symbol.asyncDispose]()
  await folder[Symbol.asyncDispose]()
})

it("tells of a tripped removal guard, signed, once the receiver takes it, with the same id on every attempt", async () => {
  receiver.answerWith(500)
  for (const id of gone) source.workspaces.delete(id)
  await eventually("an attempt has failed", () => receiver.received.length > 0)
  receiver.answerWith(204)
  await eventually("the next one arrives", () => receiver.received.length > 1)
  const [first, second] = receiver.received
  if (first === undefined || second === undefined) throw new Error("nothing was received")
  expect(headerOf(second, "webhook-id")).toBe(headerOf(first, "webhook-id"))
  expect(second.body).toBe(first.body)
  expect(verified(second)).toMatchObject({
    type: "incident.opened",
    data: {
      kind: "removal-guard",
      severity: "high",
      counts: { held: gone.length },
      storeIds: gone,
      runbook: "docs/runbook.md#wsoremovalguardtripped",
      incidentDashboardUrl: "https://dashboard.example.com/",
      resolvedAt: null
    }
  })
  expect(receiver.received.map(({ body }) => body).join()).not.toContain(source.token)
  expect(server.program.log.filter(({ msg }) => msg === "state.write_failed")).toEqual([])
})

it("does not tell of it again after a crash, and lists it", async () => {
  server.program.kill("SIGKILL")
  await server.program.ended
  server = await start()
  await eventually(
    "the guard holds the same again",
    async () => (await server.client.health()).removalGuard.tripped
  )
  expect(await ask("/incidents")).toMatchObject({
    incidents: [{ kind: "removal-guard", state: "open" }],
    notifications: { configured: true }
  })
})

it("says that it is over once the removals are approved, and nothing else about it", async () => {
  const { guard } = (await ask("/admin/plan")) as { readonly guard: { readonly planHash: string } }
  expect(
    await ask("/admin/removals/approve", {
      method: "POST",
      body: JSON.stringify({ planHash: guard.planHash })
    })
  ).toMatchObject({
    status: "approved"
  })
  await eventually("it is over", () => aboutGuard().some(({ type }) => type === "incident.resolved"))
  const told = aboutGuard()
  expect(told.map(({ type }) => type)).toEqual(["incident.opened", "incident.resolved"])
  expect(new Set(told.map(({ data }) => data.id)).size).toBe(1)
  expect(told[1]?.data.resolvedAt).not.toBeNull()
  expect(await ask("/incidents")).toMatchObject({
    incidents: [{ kind: "removal-guard", state: "resolved" }],
    notifications: { pending: 0 }
  })
})

it("sends a test when an administrator asks, and says what came back", async () => {
  const test = () => ask("/admin/notifications/test", { method: "POST" })
  expect(await test()).toMatchObject({ status: "delivered", httpStatus: 204 })
  const last = receiver.received.at(-1)
  expect(last === undefined ? undefined : verified(last).type).toBe("notification.test")
  receiver.answerWith(403)
  expect(await test()).toMatchObject({ error: { code: "NOTIFICATION_NOT_DELIVERED" }, httpStatus: 403 })
  const metrics = await (await fetch(`${server.client.url}/metrics`)).text()
  expect(metrics).toContain('wso_incidents_open{kind="removal-guard"} 0')
  expect(metrics).toContain('wso_notifications_total{result="test_failed"} 1')
})
