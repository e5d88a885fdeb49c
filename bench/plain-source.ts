/**
 * Beside an Auth Worker with the plain list only, which takes 60 requests a minute and answers 429 beyond:
 * `npm run bench -- plain-source`, or with `instances` an Auth Worker that offers the look-up of one user's instances too.
 *
 * Creates, then deletes, one a second, each with its webhook, of one user each. Measured from the webhook until `/stores`
 * says so, seen by a poll; with how often the source was asked, and how often it refused.
 */
import { createServer } from "node:http"
import { eventually } from "../test/support/Eventually.ts"
import { temporaryFolder } from "../test/support/Program.ts"
import { percentile, report } from "./figures.ts"
import { startMeasuredServer } from "./MeasuredServer.ts"

const SECRET = "webhook-secret-of-the-benchmark"
const TOKEN = "bypass-token-of-the-benchmark"
const REQUESTS_PER_MINUTE = 60
const MINUTE_MS = 60_000
const EVERY_MS = 1_000
const AIM_MS = 1_200
const POLL_MS = 20
const WITHIN_MS = 120_000
/** So many exist, so that the removal guard has no reason to hold what is deleted. */
const EXISTING = 2_000

const [, , offered = "list", seconds = "120"] = process.argv
const EVENTS = Number(seconds)

const existing = new Map<string, string>()
const asked = { list: 0, instances: 0, refused: 0 }
let sent: Array<number> = []

const userOf = (id: string) => `user-of-${id}`

const source = createServer((request, response) => {
  const now = performance.now()
  sent = sent.filter((at) => at > now - MINUTE_MS)
  const answer = (status: number, body: unknown) => {
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body))
  }
  if (sent.length >= REQUESTS_PER_MINUTE) {
    asked.refused++
    answer(429, { error: "Too many requests" })
    return
  }
  sent.push(now)
  const user = /^\/internal\/users\/([^/]+)\/instances$/.exec(request.url ?? "")?.[1]
  if (user !== undefined && offered === "instances") {
    asked.instances++
    const instances = [...existing].filter(([, owner]) => owner === user)
    answer(200, { userId: user, instances: instances.map(([instanceId]) => ({ instanceId })) })
    return
  }
  if (request.url === "/internal/workspaces") {
    asked.list++
    answer(200, { workspaces: [...existing].map(([instanceId, userId]) => ({ instanceId, userId })) })
    return
  }
  answer(404, { error: "Not found" })
})

const run = async () => {
  for (let index = 0; index < EXISTING; index++) existing.set(`ws-${index}`, "somebody")
  await new Promise<void>((listening) => source.listen(0, "127.0.0.1", listening))
  const address = source.address()
  const port = typeof address === "object" && address !== null ? address.port : 0
  await using folder = await temporaryFolder()
  const server = await startMeasuredServer({
    STORE_DATA_PATH: folder.path,
    AUTH_WORKER_INTERNAL_URL: `http://127.0.0.1:${port}`,
    SERVER_BYPASS_TOKEN: TOKEN,
    WEBHOOK_SECRET: SECRET
  })
  const isMonitored = async (id: string): Promise<boolean> => {
    const answer = await fetch(`${server.url}/stores/${id}`, { headers: { "x-server-token": TOKEN } })
    const body = await answer.text()
    return answer.ok && body.includes('"monitored":true')
  }
  /** One event, and how long it takes until the server is as the source has it. */
  const measured = async (event: "created" | "deleted", id: string): Promise<number> => {
    if (event === "created") existing.set(id, userOf(id))
    else existing.delete(id)
    const at = performance.now()
    void fetch(`${server.url}/webhooks/workspaces`, {
      method: "POST",
      headers: { "content-type": "application/json", "x-webhook-secret": SECRET },
      body: JSON.stringify({
        event: `workspace.${event}`,
        instanceId: id,
        userId: userOf(id),
        timestamp: new Date().toISOString()
      })
    }).then((answer) => answer.arrayBuffer())
    await eventually(id, async () => (await isMonitored(id)) === (event === "created"), WITHIN_MS, POLL_MS)
    return performance.now() - at
  }
  const phase = async (event: "created" | "deleted") => {
    const before = { ...asked }
    const pending: Array<Promise<number>> = []
    for (let index = 0; index < EVENTS; index++) {
      pending.push(measured(event, `fresh-${index}`))
      await new Promise((next) => setTimeout(next, EVERY_MS))
    }
    const took = await Promise.all(pending)
    return {
      p50: percentile(took, 0.5),
      p95: percentile(took, 0.95),
      lists: asked.list - before.list,
      instances: asked.instances - before.instances,
      refused: asked.refused - before.refused
    }
  }
  const created = await phase("created")
  const deleted = await phase("deleted")
  await server.stop()
  source.closeAllConnections()
  source.close()
  for (const [what, figures] of Object.entries({ created, deleted })) {
    const group = `Beside a source with the plain list${offered === "instances" ? " and the look-up of a user's instances" : ""}, ${REQUESTS_PER_MINUTE} requests a minute`
    console.log(
      `${what}: ${figures.lists} lists, ${figures.instances} look-ups, ${figures.refused} refused (429)`
    )
    report(group, `${what}, p50 at one a second`, "ms", figures.p50)
    report(group, `${what}, p95 at one a second`, "ms", figures.p95, { aim: AIM_MS })
  }
}

await run()
