/**
 * What remains of stores that have come and gone: open and close them, many times, on a real Sync Worker.
 *
 *   npx tsx --expose-gc bench/leaks.ts [cycles = 1000] [at once = 4]
 *
 * Prints, every tenth of the way and after garbage collection: resident memory, heap, external memory (each open store has a
 * wasm SQLite there), file descriptors, active handles by kind, and how many LiveStore `Store` objects are reachable. Exits
 * with 1 when more than the newest store (a last closure may still hold it) or descriptors remain, or when the second half
 * grew the heap by more than 1 KB a cycle. Needs `npm run build`.
 */
import { readdirSync } from "node:fs"
import { queryObjects } from "node:v8"
import { Store } from "@livestore/livestore"
import { Client } from "../test/integration/stores/LiveStoreHarness.ts"
import { SyncWorker } from "../test/integration/sync-worker/SyncWorkerHarness.ts"

const [cycles = 1_000, atOnce = 4] = process.argv.slice(2).map(Number)
/** A closed store's socket lingers for up to half a minute. */
const LINGER_MS = 35_000
const HEAP_GROWTH_PER_CYCLE = 1_024
/** Ids that are opened in turn: the same ones again and again, as a flapping workspace is. */
const IDS = 20

process.env["NODE_ENV"] = "production"
const sync = await SyncWorker.start()
const client = await Client.start({ syncUrl: sync.wsUrl, clientId: "leaks", storage: "filesystem" })

const figures = () => {
  const stores = queryObjects(Store, { format: "count" })
  global.gc?.()
  const { external, heapUsed, rss } = process.memoryUsage()
  const handles: Record<string, number> = {}
  for (const kind of process.getActiveResourcesInfo()) handles[kind] = (handles[kind] ?? 0) + 1
  const mb = (bytes: number) => Math.round((bytes / 2 ** 20) * 10) / 10
  return {
    stores,
    rssMb: mb(rss),
    heapMb: mb(heapUsed),
    externalMb: mb(external),
    descriptors: readdirSync("/proc/self/fd").length,
    sockets: handles["TCPSocketWrap"] ?? 0,
    timers: handles["Timeout"] ?? 0
  }
}

const rows: Array<ReturnType<typeof figures> & { readonly cycles: number }> = []
let done = 0
const note = () => {
  rows.push({ cycles: done, ...figures() })
  console.log(JSON.stringify(rows.at(-1)))
}

/** One after another; another hand has other ids. */
const hand = async (index: number) => {
  for (let turn = index; turn < cycles; turn += atOnce) {
    const opened = await client.open(`leak-${turn % (IDS - (IDS % atOnce))}`)
    await opened.close()
    done += 1
    if (done % Math.ceil(cycles / 10) === 0) note()
  }
}

note()
await Promise.all(Array.from({ length: atOnce }, (_, index) => hand(index)))
await new Promise((resolve) => setTimeout(resolve, LINGER_MS))
note()
console.table(rows)
const [first, middle, last] = [rows[0], rows[Math.floor(rows.length / 2)], rows.at(-1)]
if (first === undefined || middle === undefined || last === undefined) throw new Error("nothing was measured")
const growth = ((last.heapMb - middle.heapMb) * 2 ** 20) / (last.cycles - middle.cycles)
console.log(`heap of the second half: ${Math.round(growth)} bytes a cycle`)
await client.stop()
await sync.stop()
const isClean =
  last.stores <= 1 && last.descriptors <= first.descriptors + 4 && growth <= HEAP_GROWTH_PER_CYCLE
process.exit(isClean ? 0 : 1)
