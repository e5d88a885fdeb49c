/**
 * A message handler that is down for minutes: nothing is lost, nothing doubled, and the state stays healthy.
 *
 *   npx tsx bench/handler-outage.ts [minutes = 10] [workspaces = 20] [messages in all = 200] [down | 500 | hang]
 *
 * Live clients write to stores on a real Sync Worker while the handler is down (refuses connections; or answers 500, or
 * never answers); then it is up again. All the while `/health` and `wso status` are asked every five seconds. Prints what
 * they said, and what the histories say in the end; exits with 1 when an answer is missing or doubled, or when the state
 * was not healthy throughout. Needs `npm run build`.
 */
import { HandlerServer } from "../test/integration/messages/HandlerServer.ts"
import { Client } from "../test/integration/stores/LiveStoreHarness.ts"
import { bypassToken, SyncWorker } from "../test/integration/sync-worker/SyncWorkerHarness.ts"
import { eventually } from "../test/support/Eventually.ts"
import { isInOrder, makeWriter, observe } from "../test/support/Messages.ts"
import { temporaryFolder } from "../test/support/Program.ts"
import { startServer } from "../test/support/RunningServer.ts"
import { runWso } from "../test/support/Wso.ts"

const [minutes = 10, workspaces = 20, messages = 200] = process.argv.slice(2, 5).map(Number)
const kind = process.argv[5] ?? "down"
/** Between two looks at the server. */
const LOOK_EVERY_MS = 5_000
/** The handler's answers may wait for the longest backoff after the outage. */
const ANSWERED_WITHIN_MS = 900_000
const OBSERVED_WITHIN_MS = 20_000

process.env["NODE_ENV"] = "production"
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
const startedAt = performance.now()
const say = (text: string) =>
  console.log(`${((performance.now() - startedAt) / 1_000).toFixed(1).padStart(6)} s  ${text}`)

const ids = Array.from({ length: workspaces }, (_, index) => `outage-${index}`)
const perStore = Math.ceil(messages / workspaces)
const wanted = perStore * workspaces
const answer = (handler: HandlerServer) => {
  handler.answer = ({ body }) => ({ body: JSON.stringify({ content: `${body.length} characters` }) })
}

let handler = await HandlerServer.start()
const port = Number(new URL(handler.url).port)
const down = async () => {
  if (kind === "down") await handler.stop()
  else handler.answer = () => (kind === "hang" ? null : { status: Number(kind) })
}
const up = async () => {
  if (kind === "down") handler = await HandlerServer.start(port)
  answer(handler)
}

const sync = await SyncWorker.start()
await using folder = await temporaryFolder()
await down()
const server = await startServer({
  STORE_DRIVER: "livestore",
  NODE_ENV: "production",
  HOST: "127.0.0.1",
  STORE_IDS: ids.join(),
  WORKSPACE_RECONCILE_ENABLED: "false",
  STORE_DATA_PATH: folder.path,
  LIVESTORE_SYNC_URL: sync.wsUrl,
  SERVER_BYPASS_TOKEN: bypassToken,
  MESSAGE_HANDLER_URL: `http://127.0.0.1:${port}/messages`,
  MESSAGE_HANDLER_SECRET: "handler-secret-of-the-outage-0123456789"
})
const client = await Client.start({
  syncUrl: sync.wsUrl,
  clientId: "browser",
  storage: "in-memory",
  commitTimeoutMs: 30_000
})
const writers = ids.map((id) => makeWriter(client, id))

/** What was wrong while the handler was down that must not be, each once. */
const wrong = new Set<string>()
/** Distinct first lines about messages of `wso status`. */
const shown = new Set<string>()
const watch = { isOver: false }
const look = async () => {
  const [health, db, status] = await Promise.all([
    server.client.health(),
    fetch(`${server.client.url}/health/db`),
    runWso(["status"], { WSO_SERVER_URL: server.client.url, SERVER_BYPASS_TOKEN: bypassToken })
  ])
  if (health.status === "unhealthy") wrong.add("/health: unhealthy")
  if (db.status !== 200) wrong.add(`/health/db: ${db.status}`)
  const { parkedUserMessages, pendingUserMessages } = {
    parkedUserMessages: 0,
    ...health.liveStoreTotals
  }
  const lines = status.out.split("\n").filter((line) => /message|handler/i.test(line))
  for (const line of lines) shown.add(line.trim())
  if (pendingUserMessages > 0 && lines.length === 0) wrong.add("wso status does not show the backlog")
  return { pendingUserMessages, parkedUserMessages, lines }
}
const looking = (async () => {
  while (!watch.isOver) {
    const { lines, parkedUserMessages, pendingUserMessages } = await look()
    say(`pending ${pendingUserMessages}, parked ${parkedUserMessages}; status: ${lines[0]?.trim() ?? "-"}`)
    await sleep(LOOK_EVERY_MS)
  }
})()

try {
  await Promise.all(
    writers.map((writer, index) =>
      writer.write(
        Array.from({ length: perStore }, (_, number) => ({
          id: `${ids[index]}-${number}`,
          conversationId: `talk-${number % 2}`
        }))
      )
    )
  )
  say(`${wanted} messages are written; the handler stays ${kind} for ${minutes} min`)
  await sleep(minutes * 60_000)
  await up()
  const upAt = performance.now()
  say("the handler is up")
  await eventually(
    "every message is processed",
    async () => (await server.client.health()).liveStoreTotals.processedUserMessages >= wanted,
    ANSWERED_WITHIN_MS,
    500
  )
  say(`all are processed ${((performance.now() - upAt) / 1_000).toFixed(1)} s after the handler was up`)
  watch.isOver = true
  await looking

  const observer = await Client.start({ syncUrl: sync.wsUrl, clientId: "observer", storage: "in-memory" })
  let missing = 0
  let doubled = 0
  let outOfOrder = 0
  for (const id of ids) {
    const isWhole = (seen: Awaited<ReturnType<typeof observe>>) => seen.answers.size === perStore
    const seen = await observe(observer, id, isWhole, OBSERVED_WITHIN_MS)
    missing += perStore - seen.answers.size
    doubled += [...seen.answers.values()].filter((answers) => answers.size > 1).length + seen.repeatedEvents
    if (!isInOrder(seen)) outOfOrder += 1
  }
  await observer.stop()
  say(
    `answers: ${wanted - missing} of ${wanted}, missing ${missing}, doubled ${doubled}, out of order ${outOfOrder}`
  )
  say(`wrong meanwhile: ${wrong.size === 0 ? "nothing" : [...wrong].join("; ")}`)
  for (const line of shown) say(`wso status said: ${line}`)
  if (missing + doubled + outOfOrder + wrong.size > 0) process.exitCode = 1
} finally {
  watch.isOver = true
  await server[Symbol.asyncDispose]()
  await Promise.all(writers.map((writer) => writer.close()))
  await client.stop()
  await sync.stop()
  await handler.stop().catch(() => undefined)
}
// LiveStore's closed sockets linger.
process.exit()
