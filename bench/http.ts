/**
 * What reading the server costs with many workspaces: `/health`, `/stores` by pages and whole, `/metrics`, while the load
 * comes from this process and the server runs in another: `npm run bench -- http`.
 *
 * Each figure stands beside the longest pause of the server's event loop, which is what everybody else waits meanwhile.
 */
import { temporaryFolder } from "../test/support/Program.ts"
import { workspaceIds } from "../test/support/SickAuthWorker.ts"
import { startFeedAuthWorker } from "./FeedAuthWorker.ts"
import { report } from "./figures.ts"
import { type MeasuredServer, startMeasuredServer } from "./MeasuredServer.ts"

const size = Number(process.argv[2] ?? 10_000)
const REQUESTS = 20
const PAGE = 1_000
const WHOLE_PAGE = 10_000
const AIM_MS = 50

const group = `HTTP, ${size.toLocaleString("en")} workspaces`

const parsePage: (text: string) => { readonly nextCursor: string | null } = JSON.parse

const textOf = async (url: string): Promise<string> => {
  const response = await fetch(url)
  if (!response.ok) throw new Error(`${url} answers ${response.status}`)
  return await response.text()
}

/** All pages, one after the other; answers how many there were. */
const walk = async (url: string, limit: number): Promise<number> => {
  let cursor: string | null = ""
  let pages = 0
  while (cursor !== null) {
    const next = parsePage(await textOf(`${url}/stores?limit=${limit}&cursor=${cursor}`))
    cursor = next.nextCursor
    pages += 1
  }
  return pages
}

const measure = async (
  server: MeasuredServer,
  name: string,
  request: () => Promise<unknown>,
  rounds = REQUESTS
): Promise<void> => {
  await server.longestPause()
  const times: Array<number> = []
  for (let round = 0; round < rounds; round++) {
    const from = performance.now()
    await request()
    times.push(performance.now() - from)
  }
  const pause = await server.longestPause()
  report(group, name, "ms", times, { aim: AIM_MS })
  report(group, `${name}: longest pause`, "ms", pause, { aim: AIM_MS })
}

await using source = await startFeedAuthWorker(workspaceIds(size))
await using folder = await temporaryFolder()
const server = await startMeasuredServer({
  AUTH_WORKER_INTERNAL_URL: source.url,
  SERVER_BYPASS_TOKEN: source.token,
  STORE_DATA_PATH: folder.path,
  LOG_LEVEL: "warn"
})
report(group, "longest pause while all are opened", "ms", await server.longestPause(), { aim: AIM_MS })
await measure(server, "GET /health", () => textOf(`${server.url}/health`))
await measure(server, `GET /stores, a page of ${PAGE}`, () => textOf(`${server.url}/stores?limit=${PAGE}`))
await measure(server, "GET /stores, the whole set by pages", () => walk(server.url, WHOLE_PAGE), 3)
await measure(server, "GET /metrics", () => textOf(`${server.url}/metrics`))
await server.stop()
process.exit(0)
