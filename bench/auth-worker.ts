/**
 * How the Auth Worker's list and changes feed cost with the size of the set: `npx tsx bench/auth-worker.ts [sizes…]`, by default
 * 1000 10000 100000. Creates that many workspaces in real workerd through the API, then times by pages, whole, unchanged, and
 * the feed of few and many changes.
 */
import * as Effect from "effect/Effect"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import path from "node:path"
import { makeAuthWorker } from "../src/dev/Workers.ts"

const bypassToken = "bench-bypass-token"
const sizes = process.argv.length > 2 ? process.argv.slice(2).map(Number) : [1_000, 10_000, 100_000]
const createConcurrency = 16
const repeats = 5
const users = 100

interface Body {
  readonly token: string
  readonly metadata: {
    readonly revision: string
    readonly nextCursor?: string
    readonly totalWorkspaces: number
  }
  readonly workspaces: ReadonlyArray<unknown>
  readonly changes: ReadonlyArray<unknown>
}
const parse: (text: string) => Body = JSON.parse

const call = async (
  url: string,
  method: string,
  token: string,
  body?: unknown,
  headers: Record<string, string> = {}
) => {
  const answer = await fetch(url, {
    method,
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json", ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) })
  })
  const text = await answer.text()
  return { status: answer.status, etag: answer.headers.get("etag") ?? "", text }
}

/** The median and the worst of some runs, in milliseconds. */
const timed = async (run: () => Promise<unknown>) => {
  const times: Array<number> = []
  for (let count = 0; count < repeats; count++) {
    const start = performance.now()
    await run()
    times.push(performance.now() - start)
  }
  times.sort((one, other) => one - other)
  return `median ${(times[Math.floor(repeats / 2)] ?? 0).toFixed(1)} ms, worst ${(times.at(-1) ?? 0).toFixed(1)} ms`
}

const fill = async (url: string, tokens: ReadonlyArray<string>, from: number, to: number) => {
  const times: Array<number> = []
  let next = from
  const one = async () => {
    while (next < to) {
      const number = next++
      const instanceId = `bench-${number}`
      const token = tokens[number % tokens.length] ?? ""
      const start = performance.now()
      const { status, text } = await call(`${url}/workspaces`, "POST", token, { instanceId, name: "Bench" })
      if (status !== 201) throw new Error(`create answered ${status}: ${text}`)
      times.push(performance.now() - start)
    }
  }
  const start = performance.now()
  await Promise.all(Array.from({ length: createConcurrency }, one))
  const seconds = (performance.now() - start) / 1_000
  times.sort((a, b) => a - b)
  const at = (share: number) => (times[Math.floor(times.length * share)] ?? 0).toFixed(1)
  return `${times.length} creates at ${(times.length / seconds).toFixed(0)}/s, p50 ${at(0.5)} ms, p95 ${at(0.95)} ms, p99 ${at(0.99)} ms`
}

const measure = async (url: string) => {
  const list = `${url}/internal/workspaces`
  const get = (target: string, headers?: Record<string, string>) =>
    call(target, "GET", bypassToken, undefined, headers)
  const first = await get(`${list}?limit=1`)
  const { revision, totalWorkspaces } = parse(first.text).metadata
  console.log(`${totalWorkspaces} workspaces, revision ${revision}`)
  console.log(
    `  by pages of 1000      ${await timed(async () => {
      let cursor: string | undefined
      let rows = 0
      do {
        const page = await get(
          `${list}?limit=1000${cursor === undefined ? "" : `&cursor=${encodeURIComponent(cursor)}`}`
        )
        const { metadata, workspaces } = parse(page.text)
        rows += workspaces.length
        cursor = metadata.nextCursor
      } while (cursor !== undefined)
      if (rows !== totalWorkspaces) throw new Error(`${rows} rows in pages`)
    })}`
  )
  console.log(
    `  whole                 ${await timed(async () => {
      const { text } = await get(list)
      if (parse(text).workspaces.length !== totalWorkspaces) throw new Error("the whole list is not whole")
    })}`
  )
  console.log(`  unchanged (304)       ${await timed(() => get(list, { "if-none-match": first.etag }))}`)
  for (const count of [0, 10, 1_000]) {
    const since = Number(revision) - count
    console.log(
      `  feed of ${String(count).padStart(4)} changes  ${await timed(() => get(`${list}/changes?since=${since}&limit=1000`))}`
    )
  }
}

await Effect.runPromise(
  Effect.gen(function* () {
    const dataPath = yield* Effect.acquireRelease(
      Effect.promise(() => mkdtemp(path.join(tmpdir(), "bench-auth-worker-"))),
      (folder) => Effect.promise(() => rm(folder, { recursive: true, force: true }))
    )
    const { url } = yield* makeAuthWorker({
      dataPath,
      port: 0,
      bindings: {
        JWT_SECRET: "a-secret-of-the-bench-with-enough-characters",
        SERVER_BYPASS_TOKEN: bypassToken,
        DEV_USERS_ENABLED: "true",
        MAX_INSTANCES_PER_USER: "1000000",
        API_RATE_PER_MINUTE: "1000000"
      }
    })
    yield* Effect.promise(async () => {
      const tokens: Array<string> = []
      for (let user = 0; user < users; user++) {
        const { text } = await call(`${url}/dev/token`, "POST", "", { userId: `bench-${user}` })
        tokens.push(parse(text).token)
      }
      let filled = 0
      for (const size of sizes) {
        console.log(await fill(url, tokens, filled, size))
        filled = size
        await measure(url)
      }
    })
  }).pipe(Effect.scoped)
)
