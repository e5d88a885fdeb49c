/** `POST /admin/reconcile` from outside: every status of the contract. */
import { expect, it } from "vitest"
import { eventually } from "../support/Eventually.ts"
import { temporaryFolder } from "../support/Program.ts"
import { startServer } from "../support/RunningServer.ts"
import { startSickAuthWorker, workspaceIds } from "../support/SickAuthWorker.ts"

/** So long that only the first run, and those by hand, take place. */
const HOUR = "3600000"

const environment = (source: { readonly url: string; readonly token: string }, dataPath: string) => ({
  AUTH_WORKER_INTERNAL_URL: source.url,
  SERVER_BYPASS_TOKEN: source.token,
  STORE_DATA_PATH: dataPath,
  WORKSPACE_RECONCILE_INTERVAL_MS: HOUR
})

it("answers 401, 500, 200 and 429, in the order of the contract", async () => {
  await using source = await startSickAuthWorker(workspaceIds(2))
  await using folder = await temporaryFolder()
  await using server = await startServer(environment(source, folder.path))
  const { client } = server
  await eventually("both are monitored", async () => (await client.monitored()).length === 2)

  for (const token of [undefined, "", "wrong", `${source.token}x`]) {
    const refused = await client.reconcile(token)
    expect(refused.status).toBe(401)
    expect(refused.body.error).toMatchObject({ requestId: refused.headers.get("x-request-id") })
  }

  source.fallIll("has one malformed row")
  const failed = await client.reconcile(source.token)
  expect(failed.status).toBe(500)
  expect(failed.body).toMatchObject({ status: "failed", error: { code: "DirectoryMalformed" } })
  source.recover()

  // A failed run does not use up the allowance.
  source.workspaces.add("third-one")
  const completed = await client.reconcile(source.token)
  expect(completed.status).toBe(200)
  expect(completed.body).toMatchObject({
    status: "completed",
    driftCount: 1,
    result: { added: ["third-one"], authoritativeCount: 3, monitoredCount: 3, driftCount: 1, held: [] }
  })
  expect(await client.monitored()).toContain("third-one")

  const calls = source.calls()
  const tooSoon = await client.reconcile(source.token)
  expect(tooSoon.status).toBe(429)
  const retryAfter = tooSoon.headers.get("retry-after") ?? ""
  expect(retryAfter).toMatch(/^\d+$/)
  expect(Number(retryAfter)).toBe(Math.ceil((tooSoon.body.retryAfterMs ?? 0) / 1_000))
  expect(source.calls()).toBe(calls)
  expect((await client.reconcile("wrong")).status).toBe(401)
})

it("answers 409 while a run is in flight, scheduled or by hand", async () => {
  await using source = await startSickAuthWorker()
  await using folder = await temporaryFolder()
  await using server = await startServer({
    ...environment(source, folder.path),
    MEMORY_DRIVER_OPEN_MS: "1500",
    MANUAL_RECONCILE_MIN_INTERVAL_MS: "0"
  })
  const { client } = server
  await eventually("the first run is over", async () => (await fetch(`${client.url}/health/ready`)).ok)
  source.workspaces.add("slow-one")
  const run = client.reconcile(source.token)
  await eventually("it is in flight", async () => (await client.health()).stores.length === 1)
  const conflict = await client.reconcile(source.token)
  expect([conflict.status, conflict.body.error?.code]).toEqual([409, "RECONCILE_IN_FLIGHT"])
  expect((await client.reconcile()).status).toBe(401)
  const completed = await run
  expect([completed.status, completed.body.result?.added]).toEqual([200, ["slow-one"]])
})

it("answers 409 before 429: a conflict passes by itself", async () => {
  await using source = await startSickAuthWorker()
  await using folder = await temporaryFolder()
  await using server = await startServer({
    ...environment(source, folder.path),
    MEMORY_DRIVER_OPEN_MS: "1500",
    WORKSPACE_RECONCILE_INTERVAL_MS: "500"
  })
  const { client } = server
  await eventually("a run by hand", async () => (await client.reconcile(source.token)).status === 200)
  expect((await client.reconcile(source.token)).status).toBe(429)
  source.workspaces.add("slow-one")
  await eventually(
    "a scheduled run is in the way",
    async () => (await client.reconcile(source.token)).status === 409
  )
})

it.each([
  ["no Auth Worker is configured", {}],
  ["reconciliation is switched off", { WORKSPACE_RECONCILE_ENABLED: "false" }]
])("answers 503 with the reason where %s, and monitors STORE_IDS", async (_, override) => {
  await using source = await startSickAuthWorker(["listed-one"])
  await using folder = await temporaryFolder()
  const { AUTH_WORKER_INTERNAL_URL, ...others } = environment(source, folder.path)
  await using server = await startServer({
    ...others,
    ...("WORKSPACE_RECONCILE_ENABLED" in override ? { AUTH_WORKER_INTERNAL_URL } : {}),
    ...override,
    STORE_IDS: "legacy-one"
  })
  await eventually("it is monitored", async () => (await server.client.monitored()).join() === "legacy-one")
  const { body, status } = await server.client.reconcile(source.token)
  expect(status).toBe(503)
  expect(body.reason).toMatch(/AUTH_WORKER_INTERNAL_URL|WORKSPACE_RECONCILE_ENABLED/)
  expect(source.calls()).toBe(0)
})
