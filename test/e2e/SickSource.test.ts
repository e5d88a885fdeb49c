/** Law 5 from outside: whatever the Auth Worker answers, no store stops, `/health` says so, and all is well afterwards. */
import { afterAll, beforeAll, expect, it } from "vitest"
import { eventually } from "../support/Eventually.ts"
import { temporaryFolder } from "../support/Program.ts"
import { startServer, type RunningServer } from "../support/RunningServer.ts"
import {
  sicknesses,
  startSickAuthWorker,
  workspaceIds,
  type SickAuthWorker,
  type Sickness
} from "../support/SickAuthWorker.ts"

const ids = workspaceIds(10)
/** More than the confirmations that an absence needs. */
const SICK_CALLS = 4

let folder: Awaited<ReturnType<typeof temporaryFolder>>
let source: SickAuthWorker
let server: RunningServer

const healthOnce = async (status: string) =>
  eventually(`/health says ${status}`, async () => {
    const health = await server.client.health()
    // At every look: the stores run on.
    expect(health.orchestrator.monitoredStoreIds).toEqual(ids)
    return health.status === status && health
  })

beforeAll(async () => {
  folder = await temporaryFolder()
  source = await startSickAuthWorker(ids)
  server = await startServer({
    AUTH_WORKER_INTERNAL_URL: source.url,
    SERVER_BYPASS_TOKEN: source.token,
    STORE_DATA_PATH: folder.path,
    WORKSPACE_RECONCILE_INTERVAL_MS: "200"
  })
  await eventually("all are monitored", async () => (await server.client.monitored()).length === ids.length)
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await source[Symbol.asyncDispose]()
  await folder[Symbol.asyncDispose]()
})

const isSickness = (name: string): name is Sickness => name in sicknesses

it.each(Object.keys(sicknesses).filter(isSickness))(
  "keeps every store while the source %s",
  async (sickness) => {
    await healthOnce("healthy")
    source.fallIll(sickness)
    await eventually(
      "the sickness has been met",
      // One call that hangs occupies the refresh until its timeout.
      () => source.sickCalls() >= (sickness === "hangs" ? 1 : SICK_CALLS)
    )
    await healthOnce("degraded")
    source.recover()
    const health = await healthOnce("healthy")
    expect(health.convergence).toMatchObject({ converged: true, driftCount: 0, held: [] })
    expect(health.orchestrator).toMatchObject({ totalProvisioned: ids.length, totalDeprovisioned: 0 })
  }
)
