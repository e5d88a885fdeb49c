/**
 * How long after a sick source's recovery `/health` says so again, for each sickness, with a resync every 200 ms:
 * `node --import tsx bench/sick-source.ts` after `npm run build`.
 */
import { eventually } from "../test/support/Eventually.ts"
import { temporaryFolder } from "../test/support/Program.ts"
import { startServer } from "../test/support/RunningServer.ts"
import {
  sicknesses,
  startSickAuthWorker,
  workspaceIds,
  type Sickness
} from "../test/support/SickAuthWorker.ts"
import { row } from "./figures.ts"

const WORKSPACES = 100
const INTERVAL_MS = "200"

await using source = await startSickAuthWorker(workspaceIds(WORKSPACES))
await using folder = await temporaryFolder()
await using server = await startServer({
  AUTH_WORKER_INTERNAL_URL: source.url,
  SERVER_BYPASS_TOKEN: source.token,
  STORE_DATA_PATH: folder.path,
  WORKSPACE_RECONCILE_INTERVAL_MS: INTERVAL_MS
})
/** Milliseconds until `/health` says so. */
const until = async (status: "healthy" | "degraded"): Promise<number> => {
  const from = performance.now()
  await eventually(status, async () => (await server.client.health()).status === status, 30_000)
  return performance.now() - from
}
const isSickness = (name: string): name is Sickness => name in sicknesses

await until("healthy")
row("the source", "noticed", "recovered", "stopped")
for (const sickness of Object.keys(sicknesses).filter(isSickness)) {
  source.fallIll(sickness)
  const noticedMs = await until("degraded")
  source.recover()
  const recoveredMs = await until("healthy")
  const { orchestrator } = await server.client.health()
  row(sickness, noticedMs, recoveredMs, orchestrator.totalDeprovisioned)
}
