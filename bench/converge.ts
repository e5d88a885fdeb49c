/**
 * From the start of the server's process to a converged set, with stores in memory that take 100 ms to open and 32 hands
 * (the defaults): `node --import tsx bench/converge.ts [rounds]` after `npm run build`.
 *
 * The bound below which no schedule can get is (workspaces / 32) * 100 ms.
 */
import { eventually } from "../test/support/Eventually.ts"
import { temporaryFolder } from "../test/support/Program.ts"
import { startServer } from "../test/support/RunningServer.ts"
import { startSickAuthWorker, workspaceIds } from "../test/support/SickAuthWorker.ts"
import { percentile, row } from "./figures.ts"

const SIZES = [500, 1_000, 10_000]
const OPEN_MS = 100
const HANDS = 32
const POLL_MS = 20
const WITHIN_MS = 120_000
const DEFAULT_ROUNDS = 3

const converge = async (size: number): Promise<number> => {
  await using source = await startSickAuthWorker(workspaceIds(size))
  await using folder = await temporaryFolder()
  const startedAt = performance.now()
  await using server = await startServer({
    AUTH_WORKER_INTERNAL_URL: source.url,
    SERVER_BYPASS_TOKEN: source.token,
    STORE_DATA_PATH: folder.path,
    MEMORY_DRIVER_OPEN_MS: String(OPEN_MS),
    LOG_LEVEL: "info"
  })
  await eventually(
    `${size} converged`,
    async () => {
      const { convergence } = await server.client.health()
      return convergence.converged && convergence.monitoredCount === size
    },
    WITHIN_MS,
    POLL_MS
  )
  return performance.now() - startedAt
}

const rounds = Number(process.argv[2] ?? DEFAULT_ROUNDS)
row("process start -> converged, ms", "median", "worst", "bound")
for (const size of SIZES) {
  const times: Array<number> = []
  for (let round = 0; round < rounds; round++) times.push(await converge(size))
  row(`${size} workspaces`, percentile(times, 0.5), percentile(times, 1), Math.ceil(size / HANDS) * OPEN_MS)
}
