/**
 * What one member with one socket can do to the others: pulls of a log of 1,000 events, all at once, on the real Sync
 * Worker, and how long another workspace waits for its own pull meanwhile. Every page is acknowledged, so that each pull
 * that the Worker takes on costs what it can.
 */
import WebSocket from "ws"
import { bypassToken, SyncWorker } from "../test/integration/sync-worker/SyncWorkerHarness.ts"
import { percentile, report } from "./figures.ts"

const EVENTS = 1_000
const FLOODS = [100, 1_000] as const
const BATCH = 100
const SAMPLES = 20
/** The most that a probe is waited for. */
const PATIENCE_MS = 300_000

const payloadOf = (storeId: string) => ({ serverBypass: bypassToken, instanceId: storeId })

const open = (worker: SyncWorker, storeId: string): Promise<WebSocket> => {
  const url = new URL(worker.wsUrl)
  url.searchParams.set("storeId", storeId)
  url.searchParams.set("transport", "ws")
  url.searchParams.set("payload", encodeURIComponent(JSON.stringify(payloadOf(storeId))))
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url.href, { perMessageDeflate: false })
    socket.on("open", () => resolve(socket))
    socket.on("error", reject)
  })
}

const request = (id: number, tag: string, storeId: string, more: object): string =>
  JSON.stringify({
    _tag: "Request",
    id: String(id),
    tag: `SyncWsRpc.${tag}`,
    payload: { storeId, payload: payloadOf(storeId), ...more },
    headers: []
  })
const pull = (id: number, storeId: string): string =>
  request(id, "Pull", storeId, { live: true, cursor: { _tag: "None" } })

/** Resolves with the first frame that has all the words. */
const frameWith = (socket: WebSocket, ...words: ReadonlyArray<string>): Promise<void> =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no ${words.join()} within patience`)), PATIENCE_MS)
    const hear = (data: Buffer) => {
      const text = data.toString()
      if (!words.every((word) => text.includes(word))) return
      clearTimeout(timer)
      socket.off("message", hear)
      resolve()
    }
    socket.on("message", hear)
  })

const fill = async (worker: SyncWorker, storeId: string): Promise<void> => {
  const socket = await open(worker, storeId)
  for (let first = 1; first <= EVENTS; first += BATCH) {
    const answered = frameWith(socket, "Exit")
    const batch = Array.from({ length: BATCH }, (_, index) => ({
      name: "v1.ConversationCreated",
      args: {
        id: `c${first + index}`,
        title: "a title of a conversation",
        createdAt: new Date(0).toISOString()
      },
      seqNum: first + index,
      parentSeqNum: first + index - 1,
      clientId: "bench",
      sessionId: "bench"
    }))
    socket.send(request(first, "Push", storeId, { backendId: { _tag: "None" }, batch }))
    await answered
  }
  socket.close()
}

/** How long another workspace waits for a connection and the first answer on it, in milliseconds. */
const probe = async (worker: SyncWorker): Promise<number> => {
  const begun = performance.now()
  const socket = await open(worker, "ws-neighbour")
  const answered = frameWith(socket, "NoMore")
  socket.send(pull(1, "ws-neighbour"))
  await answered
  socket.close()
  return performance.now() - begun
}

const probes = async (worker: SyncWorker, count: number): Promise<ReadonlyArray<number>> => {
  const durations: Array<number> = []
  for (let index = 0; index < count; index += 1) durations.push(await probe(worker))
  return durations
}

const flood = async (worker: SyncWorker, pulls: number): Promise<void> => {
  const socket = await open(worker, "ws-flooded")
  let closedWith = "open"
  let refused = 0
  socket.on("close", (code) => {
    closedWith = String(code)
  })
  socket.on("message", (data: Buffer) => {
    const text = data.toString()
    for (const [, id] of text.matchAll(/"_tag":"Chunk","requestId":"(\d+)"/g)) {
      if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ _tag: "Ack", requestId: id }))
    }
    if (text.includes('"Exit"')) refused += 1
  })
  const before = await probes(worker, SAMPLES)
  for (let id = 1; id <= pulls; id += 1) socket.send(pull(id, "ws-flooded"))
  const during = await probes(worker, SAMPLES)
  socket.terminate()
  const median = percentile(before, 0.5)
  report("pull flood", `another workspace's pull beside ${pulls} at once`, "ms", during, {
    beside: { name: "before", value: median }
  })
  console.log(
    `  before ${median.toFixed(0)} ms; ${refused} pulls refused; the flooding socket: ${closedWith}`
  )
}

const worker = await SyncWorker.start()
try {
  await fill(worker, "ws-flooded")
  await probes(worker, SAMPLES)
  for (const pulls of FLOODS) await flood(worker, pulls)
} finally {
  await worker.stop()
}
