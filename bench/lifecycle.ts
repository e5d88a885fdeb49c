/**
 * How long the server's process takes to start and to stop with so many workspaces, state in SQLite and the log as in
 * production: `npm run bench -- lifecycle`. The second start has the snapshot that the first one left.
 */
import { temporaryFolder } from "../test/support/Program.ts"
import { workspaceIds } from "../test/support/SickAuthWorker.ts"
import { startFeedAuthWorker } from "./FeedAuthWorker.ts"
import { report } from "./figures.ts"
import { startMeasuredServer } from "./MeasuredServer.ts"

const size = Number(process.argv[2] ?? 1_000)
const rounds = Number(process.argv[3] ?? 3)
const group = `process, ${size.toLocaleString("en")} workspaces`

await using source = await startFeedAuthWorker(workspaceIds(size))
const lives = { liveMs: [0], firstMs: [0], againMs: [0], stopMs: [0] }
for (const times of Object.values(lives)) times.length = 0
for (let round = 0; round < rounds; round++) {
  await using folder = await temporaryFolder()
  const environment = {
    AUTH_WORKER_INTERNAL_URL: source.url,
    SERVER_BYPASS_TOKEN: source.token,
    STORE_DATA_PATH: folder.path
  }
  const first = await startMeasuredServer(environment)
  lives.liveMs.push(first.liveMs)
  lives.firstMs.push(first.readyMs)
  lives.stopMs.push(await first.stop())
  const second = await startMeasuredServer(environment)
  lives.againMs.push(second.readyMs)
  lives.stopMs.push(await second.stop())
}
report(group, "start until it answers", "ms", lives.liveMs)
report(group, "first start until all are monitored", "ms", lives.firstMs)
report(group, "next start until all are monitored", "ms", lives.againMs)
report(group, "SIGTERM until it has ended", "ms", lives.stopMs)
process.exit(0)
