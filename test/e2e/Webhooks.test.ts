/** Law 1 from outside: a webhook says where to look, and never what to do. */
import { afterAll, beforeAll, expect, it } from "vitest"
import { eventually } from "../support/Eventually.ts"
import { temporaryFolder } from "../support/Program.ts"
import { startServer, type RunningServer } from "../support/RunningServer.ts"
import { startSickAuthWorker, workspaceIds, type SickAuthWorker } from "../support/SickAuthWorker.ts"

const ids = workspaceIds(5)
const FLOOD = 1_000
/** One refresh in flight, one trailing, and a few more while the last of the flood still arrive. */
const HANDFUL = 6
/** Nudges beyond a handful may cause one more list each of these (DesiredState). */
const STORM_MAX_MS = 1_500

let folder: Awaited<ReturnType<typeof temporaryFolder>>
let source: SickAuthWorker
let server: RunningServer

beforeAll(async () => {
  folder = await temporaryFolder()
  source = await startSickAuthWorker(ids)
  server = await startServer({
    AUTH_WORKER_INTERNAL_URL: source.url,
    SERVER_BYPASS_TOKEN: source.token,
    WEBHOOK_SECRET: "webhook-secret-of-the-test",
    STORE_DATA_PATH: folder.path,
    // No resync comes to the rescue.
    WORKSPACE_RECONCILE_INTERVAL_MS: "3600000"
  })
  await eventually("all are monitored", async () => (await server.client.monitored()).length === ids.length)
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await source[Symbol.asyncDispose]()
  await folder[Symbol.asyncDispose]()
})

it("answers a lie about a creation with the truth, and opens nothing", async () => {
  const { body, status } = await server.client.webhook("workspace.created", "never-existed")
  expect([status, body.status]).toEqual([200, "already_stopped"])
  expect(await server.client.monitored()).toEqual(ids)
})

it("answers a lie about a deletion with the truth, and closes nothing", async () => {
  const { body, status } = await server.client.webhook("workspace.deleted", "workspace-00002")
  expect([status, body.status]).toEqual([200, "already_monitored"])
  expect(await server.client.monitored()).toEqual(ids)
  expect((await server.client.health()).orchestrator.totalDeprovisioned).toBe(0)
})

it("acts on what the source says, even if the webhook says the contrary", async () => {
  source.workspaces.add("new-one")
  const created = await server.client.webhook("workspace.deleted", "new-one")
  expect([created.status, created.body.status]).toEqual([200, "monitoring_started"])
  expect(await server.client.monitored()).toContain("new-one")
  source.workspaces.delete("new-one")
  const deleted = await server.client.webhook("workspace.created", "new-one")
  expect([deleted.status, deleted.body.status]).toEqual([200, "monitoring_stopped"])
  expect(await server.client.monitored()).toEqual(ids)
})

it("asks the source a handful of times for a thousand webhooks at once", async () => {
  const before = source.calls()
  const startedAt = performance.now()
  const answers = await Promise.all(
    Array.from({ length: FLOOD }, (_, index) =>
      server.client.webhook(
        index % 2 === 0 ? "workspace.created" : "workspace.deleted",
        index % 3 === 0 ? `unknown-${index}` : `workspace-0000${index % ids.length}`
      )
    )
  )
  const statuses = new Set(answers.map(({ body, status }) => `${status} ${body.status ?? ""}`))
  for (const status of statuses) {
    expect(["200 already_stopped", "200 already_monitored", "202 reconcile_queued"]).toContain(status)
  }
  // On a busy machine a thousand requests do not arrive at once: what they spread over is paced (decision 8).
  const paced = Math.floor((performance.now() - startedAt) / STORM_MAX_MS)
  expect(source.calls() - before).toBeLessThanOrEqual(HANDFUL + paced)
  expect(await server.client.monitored()).toEqual(ids)
})

it("queues a webhook while the source is down, and catches up by itself", async () => {
  source.fallIll("answers 500")
  source.workspaces.add("born-in-the-dark")
  const { body, status } = await server.client.webhook("workspace.created", "born-in-the-dark")
  expect([status, body.status]).toEqual([202, "reconcile_queued"])
  expect(await server.client.monitored()).toEqual(ids)
  source.recover()
  await eventually("it is monitored", async () =>
    (await server.client.monitored()).includes("born-in-the-dark")
  )
})

it.each([
  ["an unknown event", "workspace.renamed", "some-workspace"],
  ["an id that cannot be one", "workspace.created", "../../etc/passwd"]
])("refuses %s with 400 and does not ask the source", async (_, event, instanceId) => {
  const before = source.calls()
  const { body, status } = await server.client.webhook(event, instanceId)
  expect(status).toBe(400)
  expect(JSON.stringify(body)).not.toContain("passwd")
  expect(source.calls()).toBe(before)
})
