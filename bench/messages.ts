/**
 * What handling messages promises between workspaces, and after a frozen Sync Worker.
 *
 *   npx tsx bench/messages.ts [fairness] [failing] [frozen]     (all without an argument; frozen needs `npm run build`)
 *
 * fairness: 1,000 messages for one workspace and 1 for another at the same moment: the one's position among the handled.
 * failing:  latency of nineteen workspaces, alone and while the handler fails, or hangs, for a twentieth.
 * frozen:   a Sync Worker stopped for 20 s and thawed: how long until the server hears each of twenty stores again.
 */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as CircuitBreaker from "../src/controller/CircuitBreaker.ts"
import * as HttpMessageHandler from "../src/stores/messages/HttpMessageHandler.ts"
import { HandlerServer } from "../test/integration/messages/HandlerServer.ts"
import { Client, commit } from "../test/integration/stores/LiveStoreHarness.ts"
import { bypassToken, SyncWorker } from "../test/integration/sync-worker/SyncWorkerHarness.ts"
import { eventually } from "../test/support/Eventually.ts"
import { answered, begin, makeDurable, say, shout, type Handle } from "../test/support/MessageWorld.ts"
import { temporaryFolder } from "../test/support/Program.ts"
import { startServer } from "../test/support/RunningServer.ts"
import { percentile, row } from "./figures.ts"

process.env["NODE_ENV"] = "production"
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

const measureFairness = () =>
  Effect.gen(function* () {
    const durable = yield* makeDurable
    const order: Array<string> = []
    const handle: Handle = (request) => {
      order.push(request.storeId)
      return Effect.delay(shout(request), 5)
    }
    const life = yield* begin(durable, handle)
    yield* life.monitor("noisy")
    yield* life.monitor("quiet")
    say(
      durable,
      "noisy",
      ...Array.from({ length: 1_000 }, (_, index) => ({
        id: `m${index}`,
        conversationId: `talk-${index % 100}`
      }))
    )
    say(durable, "quiet", { id: "one" })
    yield* Effect.promise(() =>
      eventually("all are answered", () => answered(durable, "noisy").length === 1_000, 120_000)
    )
    row("position of the one among 1,001 handled", `${order.indexOf("quiet") + 1}`)
  })

const OTHERS = 19
const ROUNDS = 40
const ROUND_MS = 100
const HANDLER_MS = 10

/** Latencies of the others in milliseconds, while `sick` messages of one workspace come beside theirs. */
const latencies = (server: HandlerServer, sick: boolean) =>
  Effect.gen(function* () {
    const durable = yield* makeDurable
    const breaker = yield* CircuitBreaker.make({ name: "message-handler" })
    const handle = HttpMessageHandler.make({ url: server.url, secrets: [Redacted.make("bench")], breaker })
    const life = yield* begin(durable, handle, { handlerTimeoutMs: 2_000 })
    const others = Array.from({ length: OTHERS }, (_, index) => `well-${index}`)
    yield* Effect.forEach([...others, "sick"], life.monitor, { discard: true })
    const sentAt = new Map<string, number>()
    const taken: Array<number> = []
    yield* life.manager.subscribe((signal) => {
      if (signal._tag !== "News") return
      const last = durable.backend.history(signal.storeId).at(-1)
      const replyTo = answered(durable, signal.storeId).at(-1)
      const sent = sentAt.get(`${signal.storeId}/${replyTo}`)
      if (last === undefined || sent === undefined) return
      taken.push(performance.now() - sent)
      sentAt.delete(`${signal.storeId}/${replyTo}`)
    })
    for (let round = 0; round < ROUNDS; round++) {
      if (sick) {
        for (let index = 0; index < 10; index++) {
          say(durable, "sick", { id: `m${round}-${index}`, conversationId: `talk-${round}-${index}` })
        }
      }
      for (const storeId of others) {
        sentAt.set(`${storeId}/m${round}`, performance.now())
        say(durable, storeId, { id: `m${round}` })
      }
      yield* Effect.promise(() => sleep(ROUND_MS))
    }
    yield* Effect.promise(() =>
      eventually("the others are answered", () => taken.length === OTHERS * ROUNDS, 60_000)
    )
    return taken
  })

const measureFailing = () =>
  Effect.gen(function* () {
    const server = yield* Effect.promise(() => HandlerServer.start())
    let mode: "500" | "503" | "hang" = "500"
    server.answer = async ({ body }) => {
      await sleep(HANDLER_MS)
      if (!body.includes('"storeId":"sick"')) return { body: '{"content":"yes"}' }
      return mode === "hang" ? null : { status: Number(mode) }
    }
    row("latency of the others", "p50 ms", "p95 ms", "ratio p50", "ratio p95")
    yield* latencies(server, false)
    const alone = yield* latencies(server, false)
    const [p50, p95] = [percentile(alone, 0.5), percentile(alone, 0.95)]
    row("nobody fails", p50.toFixed(1), p95.toFixed(1))
    for (mode of ["500", "503", "hang"] as const) {
      const beside = yield* latencies(server, true)
      const [now50, now95] = [percentile(beside, 0.5), percentile(beside, 0.95)]
      row(
        `the handler ${mode === "hang" ? "hangs" : `answers ${mode}`} for one of ${OTHERS + 1}`,
        now50.toFixed(1),
        now95.toFixed(1),
        (now50 / p50).toFixed(2),
        (now95 / p95).toFixed(2)
      )
    }
    yield* Effect.promise(() => server.stop())
  })

const FROZEN_STORES = 20
const FROZEN_MS = 20_000

const measureFrozen = async () => {
  const sync = await SyncWorker.start()
  const handler = await HandlerServer.start()
  await using folder = await temporaryFolder()
  const ids = Array.from({ length: FROZEN_STORES }, (_, index) => `frozen-${index}`)
  await using server = await startServer({
    STORE_DRIVER: "livestore",
    HOST: "127.0.0.1",
    STORE_IDS: ids.join(),
    STORE_DATA_PATH: folder.path,
    LIVESTORE_SYNC_URL: sync.wsUrl,
    SERVER_BYPASS_TOKEN: bypassToken,
    MESSAGE_HANDLER_URL: handler.url,
    MESSAGE_HANDLER_SECRET: "bench"
  })
  const client = await Client.start({
    syncUrl: sync.wsUrl,
    clientId: "browser",
    storage: "in-memory",
    commitTimeoutMs: 60_000
  })
  try {
    await eventually("every store is connected", async () => {
      const { stores } = await server.client.health()
      return stores.length === ids.length && stores.every(({ networkStatus }) => networkStatus.isConnected)
    })
    const opened = await Promise.all(ids.map((id) => client.open(id)))
    sync.freeze()
    await sleep(FROZEN_MS)
    sync.thaw()
    const thawedAt = performance.now()
    const heardAt: Array<number> = []
    handler.answer = () => {
      heardAt.push(performance.now() - thawedAt)
      return { body: '{"content":"yes"}' }
    }
    await Promise.all(opened.map(({ store }, index) => commit(store, `after-${index}`)))
    await eventually("every store was heard", () => heardAt.length >= ids.length, 120_000)
    row(`${FROZEN_STORES} stores, frozen for ${FROZEN_MS / 1_000} s: heard after`, "first ms", "last ms")
    row("", Math.min(...heardAt), Math.max(...heardAt))
  } finally {
    await client.stop()
    sync.thaw()
    await sync.stop()
    await handler.stop()
  }
}

const asked = new Set(process.argv.slice(2))
const isAsked = (name: string) => asked.size === 0 || asked.has(name)
if (isAsked("fairness")) await Effect.runPromise(Effect.scoped(measureFairness()))
if (isAsked("failing")) await Effect.runPromise(Effect.scoped(measureFailing()))
if (isAsked("frozen")) await measureFrozen()
// LiveStore's closed sockets linger.
process.exit()
