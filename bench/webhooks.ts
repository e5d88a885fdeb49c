/**
 * Webhooks by the second over real connections, with their latencies; the load comes from this process and the server
 * runs in another: `npm run bench -- webhooks`. Each is answered once its workspace is settled as the source of truth has
 * it, which the server reads from a changes feed.
 */
import { Agent, request } from "node:http"
import { temporaryFolder } from "../test/support/Program.ts"
import { workspaceIds } from "../test/support/SickAuthWorker.ts"
import { startFeedAuthWorker } from "./FeedAuthWorker.ts"
import { percentile, report } from "./figures.ts"
import { startMeasuredServer } from "./MeasuredServer.ts"

const WORKSPACES = 1_000
const CONNECTIONS = 32
const WEBHOOKS = Number(process.argv[2] ?? 5_000)
/** What is measured is the server, and not its patience. */
const UNLIMITED = "1000000/1s"
const SECRET = "webhook-secret-of-the-benchmark"

await using source = await startFeedAuthWorker(workspaceIds(WORKSPACES))
await using folder = await temporaryFolder()
const server = await startMeasuredServer({
  AUTH_WORKER_INTERNAL_URL: source.url,
  SERVER_BYPASS_TOKEN: source.token,
  STORE_DATA_PATH: folder.path,
  WEBHOOK_SECRET: SECRET,
  WEBHOOK_RATE_LIMIT: UNLIMITED,
  WEBHOOK_SOURCE_RATE_LIMIT: UNLIMITED,
  LOG_LEVEL: "warn"
})
const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS })

/** Sends one webhook; answers its status and how long that took, in milliseconds. */
const send = (instanceId: string): Promise<{ readonly status: number; readonly ms: number }> =>
  new Promise((resolve, reject) => {
    const body = JSON.stringify({
      event: "workspace.created",
      instanceId,
      userId: "user-1",
      timestamp: new Date().toISOString()
    })
    const from = performance.now()
    const sent = request(
      `${server.url}/webhooks/workspaces`,
      {
        method: "POST",
        agent,
        headers: {
          "content-type": "application/json",
          "content-length": Buffer.byteLength(body),
          "x-webhook-secret": SECRET
        }
      },
      (response) => {
        response.resume()
        response.once("end", () =>
          resolve({ status: response.statusCode ?? 0, ms: performance.now() - from })
        )
      }
    )
    sent.once("error", reject)
    sent.end(body)
  })

const measure = async (name: string, ids: ReadonlyArray<string>, before: (id: string) => void) => {
  const left = ids.values()
  const times: Array<number> = []
  const refused = new Map<number, number>()
  await server.longestPause()
  const from = performance.now()
  await Promise.all(
    Array.from({ length: CONNECTIONS }, async () => {
      for (const id of left) {
        before(id)
        const { ms, status } = await send(id)
        times.push(ms)
        if (status !== 200) refused.set(status, (refused.get(status) ?? 0) + 1)
      }
    })
  )
  const seconds = (performance.now() - from) / 1_000
  for (const [status, count] of refused) console.log(`${name}: ${count} answered ${status}`)
  const group = `webhooks, ${CONNECTIONS} connections`
  report(group, name, "/s", ids.length / seconds)
  for (const part of [0.5, 0.95, 0.99]) {
    report(group, `${name}: latency, p${part * 100}`, "ms", percentile(times, part))
  }
  report(group, `${name}: longest pause`, "ms", await server.longestPause())
}

const known = workspaceIds(WORKSPACES)
const about = (count: number) => Array.from({ length: count }, (_, index) => known[index % WORKSPACES] ?? "")
// Connections, and code that is run for the first time, are paid for here.
await Promise.all(about(CONNECTIONS).map(send))
await measure("about workspaces that are as they should be", about(WEBHOOKS), () => undefined)
await measure("about new workspaces", workspaceIds(WEBHOOKS, "created"), source.create)
await server.stop()
process.exit(0)
