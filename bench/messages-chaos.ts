/**
 * Every user message is answered, once, whatever crashes.
 *
 *   npx tsx bench/messages-chaos.ts [stores = 20] [messages = 200] [server kills = 10] [Sync Worker kills = 2]
 *
 * Live clients write to stores on a real Sync Worker while the built server answers through the http handler, and the
 * server and the Sync Worker are killed by -9 at random moments. Prints what the histories say in the end; exits with 1
 * when an answer is missing or doubled. Needs `npm run build`.
 */
import { HandlerServer } from "../test/integration/messages/HandlerServer.ts"
import { Client } from "../test/integration/stores/LiveStoreHarness.ts"
import { bypassToken, SyncWorker } from "../test/integration/sync-worker/SyncWorkerHarness.ts"
import { eventually } from "../test/support/Eventually.ts"
import { isInOrder, makeWriter, observe } from "../test/support/Messages.ts"
import { temporaryFolder } from "../test/support/Program.ts"
import { startServer, type RunningServer } from "../test/support/RunningServer.ts"

const [stores = 20, messages = 200, serverKills = 10, syncKills = 2] = process.argv.slice(2).map(Number)
const CONVERSATIONS = 5
/** Between two messages of one client, at most. */
const PAUSE_MS = 100
const HANDLER_MS = 50
const WRITTEN_WITHIN_MS = 3_600_000
/** How long the Sync Worker stays away, at most. */
const SYNC_DOWN_MS = 3_000
/** How long everything may take to be answered after the last message was written. */
const ANSWERED_WITHIN_MS = 600_000
/** An observer that has just opened may still be catching up. */
const OBSERVED_WITHIN_MS = 20_000

process.env["NODE_ENV"] = "production"
const random = (from: number, to: number) => from + Math.random() * (to - from)
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
const startedAt = performance.now()
const say = (text: string) =>
  console.log(`${((performance.now() - startedAt) / 1_000).toFixed(1).padStart(6)} s  ${text}`)

const ids = Array.from({ length: stores }, (_, index) => `chaos-${index}`)
const handler = await HandlerServer.start()
const keys = new Map<string, number>()
handler.answer = async ({ body, headers }) => {
  const key = String(headers["idempotency-key"])
  keys.set(key, (keys.get(key) ?? 0) + 1)
  await sleep(random(0, HANDLER_MS))
  // One in fifty attempts fails, for whatever reason handlers have.
  if (Math.random() < 0.02) return { status: 500 }
  return { body: JSON.stringify({ content: `answer to ${body.length} characters` }) }
}
const sync = await SyncWorker.start()
await using folder = await temporaryFolder()
const serverEnvironment = {
  STORE_DRIVER: "livestore",
  NODE_ENV: "production",
  HOST: "127.0.0.1",
  STORE_IDS: ids.join(),
  STORE_DATA_PATH: folder.path,
  LIVESTORE_SYNC_URL: sync.wsUrl,
  SERVER_BYPASS_TOKEN: bypassToken,
  MESSAGE_HANDLER_URL: handler.url,
  MESSAGE_HANDLER_SECRET: "handler-secret-of-the-chaos-0123456789",
  MESSAGE_MAX_ATTEMPTS: "20",
  MESSAGE_RETRY_BASE_MS: "100",
  LOG_LEVEL: "warn"
}
const restart = async (): Promise<RunningServer> => startServer({ ...serverEnvironment, LOG_LEVEL: "info" })
let server = await restart()
let isOver = false

const client = await Client.start({
  syncUrl: sync.wsUrl,
  clientId: "browser",
  storage: "in-memory",
  commitTimeoutMs: 5_000
})
let written = 0
const writers = ids.map((id) => makeWriter(client, id))
const writing = Promise.all(
  writers.map((writer, index) =>
    writer.write(
      Array.from({ length: messages }, (_, number) => ({
        id: `${ids[index]}-${number}`,
        conversationId: `talk-${number % CONVERSATIONS}`
      })),
      () => random(0, PAUSE_MS),
      () => (written += 1)
    )
  )
).then(() => say("every message is written and confirmed"))

/** Waits, that many times, for a random moment of the writing. */
const atRandomMoments = async (times: number, act: (time: number) => Promise<void>) => {
  const moments = Array.from({ length: times }, () => random(0.02, 0.98) * stores * messages)
  for (const [index, moment] of moments.sort((one, other) => one - other).entries()) {
    await eventually(`message ${moment} is written`, () => written >= moment, WRITTEN_WITHIN_MS)
    await act(index + 1)
  }
}
const killServers = atRandomMoments(serverKills, async (time) => {
  server.program.kill("SIGKILL")
  await server.program.ended
  say(`server killed (${time})`)
  server = await restart()
})
const killSyncWorkers = atRandomMoments(syncKills, async (time) => {
  await sync.kill()
  say(`Sync Worker killed (${time})`)
  await sleep(random(0, SYNC_DOWN_MS))
  await sync.boot()
})

try {
  await Promise.all([writing, killServers, killSyncWorkers])
  say(`clients had to open ${writers.reduce((sum, writer) => sum + writer.reopened(), 0)} stores afresh`)
  const wanted = stores * messages
  const processed = await eventually(
    "every message is processed",
    async () => {
      const { liveStoreTotals } = await server.client.health()
      if (!isOver) say(JSON.stringify(liveStoreTotals))
      return liveStoreTotals.processedUserMessages >= wanted && liveStoreTotals
    },
    ANSWERED_WITHIN_MS,
    5_000
  )
  isOver = true
  say(`the server says: ${JSON.stringify(processed)}`)

  const observer = await Client.start({ syncUrl: sync.wsUrl, clientId: "observer", storage: "in-memory" })
  let found = 0
  let missing = 0
  let doubled = 0
  let repeatedEvents = 0
  let outOfOrder = 0
  for (const id of ids) {
    const seen = await observe(
      observer,
      id,
      ({ answers, messages: written }) => written.size === messages && answers.size === messages,
      OBSERVED_WITHIN_MS
    )
    const lost = [...seen.messages].filter((message) => !seen.answers.has(message))
    if (lost.length > 0) say(`${id} lacks the answers to ${lost.join(", ")}`)
    found += [...seen.answers.keys()].filter((replyTo) => seen.messages.has(replyTo)).length
    missing += messages - seen.answers.size
    doubled += [...seen.answers.values()].filter((answers) => answers.size > 1).length
    repeatedEvents += seen.repeatedEvents
    if (!isInOrder(seen)) outOfOrder += 1
  }
  await observer.stop()
  const calls = [...keys.values()].reduce((sum, count) => sum + count, 0)
  say(`${stores} stores, ${messages} messages each; server killed ${serverKills}x, Sync Worker ${syncKills}x`)
  say(`answers: ${found} of ${wanted}, missing ${missing}, doubled ${doubled}`)
  say(
    `events that repeat an answer (no effect): ${repeatedEvents}; stores answered out of order: ${outOfOrder}`
  )
  say(`handler calls: ${calls} with ${keys.size} idempotency keys`)
  if (missing > 0 || doubled > 0 || found !== wanted) process.exitCode = 1
} finally {
  await server[Symbol.asyncDispose]()
  await Promise.all(writers.map((writer) => writer.close()))
  await client.stop()
  await sync.stop()
  await handler.stop()
}
// LiveStore's closed sockets linger.
process.exit()
