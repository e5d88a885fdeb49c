/** Laws 7 and 12 from outside: a server that is killed while its source is down, and a source that loses most of its list. */
import { expect, it } from "vitest"
import { eventually } from "../support/Eventually.ts"
import { temporaryFolder } from "../support/Program.ts"
import { startServer } from "../support/RunningServer.ts"
import type { ServerClient } from "../support/ServerClient.ts"
import { startSickAuthWorker, workspaceIds, type SickAuthWorker } from "../support/SickAuthWorker.ts"

/** The last snapshot is monitored again within this time of the start (requirements, issue B). */
const AGAIN_WITHIN_MS = 10_000

const environment = (source: SickAuthWorker, dataPath: string) => ({
  AUTH_WORKER_INTERNAL_URL: source.url,
  SERVER_BYPASS_TOKEN: source.token,
  STORE_DATA_PATH: dataPath
})

interface Guard {
  readonly tripped: boolean
  readonly planHash: string | null
  readonly storeIds: ReadonlyArray<string>
}
interface HeldPlan {
  readonly hash: string
  readonly storeIds: ReadonlyArray<string>
}

const parsePlan: (text: string) => { readonly guard: Guard } = JSON.parse
const parseHealth: (text: string) => { readonly removalGuard: { readonly plan: HeldPlan | null } } =
  JSON.parse

/** What an administrator asks of the server beyond the shared client. */
const administrator = (client: ServerClient, token: string) => {
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" }
  return {
    guard: async () => parsePlan(await (await fetch(`${client.url}/admin/plan`, { headers })).text()).guard,
    heldPlan: async () => parseHealth(await (await fetch(`${client.url}/health`)).text()).removalGuard.plan,
    approve: async (planHash: string) => {
      const body = JSON.stringify({ planHash })
      const response = await fetch(`${client.url}/admin/removals/approve`, { method: "POST", headers, body })
      return { status: response.status, text: await response.text() }
    }
  }
}

it("monitors the last snapshot again after a kill -9 while the Auth Worker is down", async () => {
  const ids = workspaceIds(40)
  await using folder = await temporaryFolder()
  let afterwards: ReturnType<typeof environment>
  {
    await using source = await startSickAuthWorker(ids)
    afterwards = environment(source, folder.path)
    await using server = await startServer(afterwards)
    await eventually("all are monitored", async () => (await server.client.monitored()).length === 40)
    await source[Symbol.asyncDispose]()
    // What runs keeps running.
    expect((await server.client.reconcile(source.token)).status).toBe(500)
    expect(await server.client.monitored()).toEqual(ids)
    server.program.kill("SIGKILL")
    expect(await server.program.ended).toBe("SIGKILL")
  }
  const startedAt = performance.now()
  await using again = await startServer(afterwards)
  const { client } = again
  await eventually(
    "the last snapshot is monitored",
    async () => (await client.monitored()).join() === ids.join(),
    AGAIN_WITHIN_MS - (performance.now() - startedAt)
  )
  const health = await client.health()
  expect(health.status).toBe("degraded")
  expect(health.convergence).toMatchObject({
    desiredCount: 40,
    monitoredCount: 40,
    driftCount: 0,
    desired: { source: "snapshot" }
  })
})

it("stops none of thirty of forty that vanish, until exactly their plan is approved", async () => {
  const ids = workspaceIds(40)
  const vanished = ids.slice(0, 30)
  await using source = await startSickAuthWorker(ids)
  await using folder = await temporaryFolder()
  const serverEnvironment = {
    ...environment(source, folder.path),
    WORKSPACE_RECONCILE_INTERVAL_MS: "200"
  }
  {
    await using server = await startServer(serverEnvironment)
    const { client } = server
    const admin = administrator(client, source.token)
    await eventually("all are monitored", async () => (await client.monitored()).length === 40)
    for (const id of vanished) source.workspaces.delete(id)
    const plan = await eventually("/health shows the plan", async () => {
      const health = await client.health()
      // At every look: none stops.
      expect(health.orchestrator.monitoredStoreIds).toEqual(ids)
      return health.removalGuard.tripped && ((await admin.heldPlan()) ?? undefined)
    })
    expect(plan.storeIds).toEqual(vanished)
    expect((await client.health()).status).toBe("degraded")

    source.workspaces.add("added-one")
    await eventually("adds go on", async () => (await client.monitored()).includes("added-one"))

    const wrong = await admin.approve("0".repeat(plan.hash.length))
    expect([wrong.status, wrong.text]).toEqual([409, expect.stringContaining(plan.hash)])
    expect(await client.monitored()).toHaveLength(41)
    server.program.kill("SIGKILL")
    expect(await server.program.ended).toBe("SIGKILL")
  }
  // A restart is no way around the guard.
  await using server = await startServer(serverEnvironment)
  const { client } = server
  const admin = administrator(client, source.token)
  await eventually("all are monitored again", async () => (await client.monitored()).length === 41)
  const guard = await eventually("the guard holds", async () => {
    const held = await admin.guard()
    return held.tripped && held
  })
  expect(guard.storeIds).toEqual(vanished)
  expect((await admin.approve(guard.planHash ?? "")).status).toBe(200)
  const left = ["added-one", ...ids.slice(30)]
  await eventually("exactly those are stopped", async () => (await client.monitored()).join() === left.join())
  const health = await eventually("all is well", async () => {
    const seen = await client.health()
    return seen.status === "healthy" && seen
  })
  expect(health.orchestrator.totalDeprovisioned).toBe(30)
  expect((await admin.approve(guard.planHash ?? "")).status).toBe(409)
})
