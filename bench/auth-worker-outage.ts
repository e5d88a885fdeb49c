/**
 * What users and the server notice when the server is away: `npx tsx bench/auth-worker-outage.ts [seconds]`, by default 60. Creates
 * workspaces all the while, refusing connections first and leaving them unanswered in the second half, with the defaults of the
 * outbox; then the server comes back, and what had exceeded its attempts is listed and retried by hand.
 */
import * as Effect from "effect/Effect"
import { mkdtemp, rm } from "node:fs/promises"
import { createServer } from "node:http"
import { tmpdir } from "node:os"
import path from "node:path"
import { makeAuthWorker } from "../src/dev/Workers.ts"

const seconds = Number(process.argv[2] ?? "60")
const bypassToken = "bench-bypass-token"

interface Body {
  readonly token: string
  readonly counts: Readonly<Record<string, number>>
  readonly retried: number
}
const parse: (text: string) => Body = JSON.parse
const parseEvent: (text: string) => { readonly instanceId: string } = JSON.parse

const heard = new Set<string>()
let hanging = false
const listener = createServer((request, response) => {
  let text = ""
  request.setEncoding("utf8").on("data", (chunk: string) => (text += chunk))
  request.on("end", () => {
    if (hanging) return
    heard.add(parseEvent(text).instanceId)
    response.end("{}")
  })
})
const listen = (port: number) =>
  new Promise<number>((resolve) => {
    listener.listen(port, "127.0.0.1", () => {
      const address = listener.address()
      resolve(typeof address === "object" && address !== null ? address.port : 0)
    })
  })
const close = () =>
  new Promise<void>((resolve) => {
    listener.close(() => resolve())
    listener.closeAllConnections()
  })
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

const summary = (times: ReadonlyArray<number>) => {
  const sorted = times.toSorted((one, other) => one - other)
  const at = (share: number) => (sorted[Math.floor((sorted.length - 1) * share)] ?? 0).toFixed(1)
  return `${sorted.length} creates: p50 ${at(0.5)} ms, p95 ${at(0.95)} ms, p99 ${at(0.99)} ms, worst ${at(1)} ms`
}

await Effect.runPromise(
  Effect.gen(function* () {
    const dataPath = yield* Effect.acquireRelease(
      Effect.promise(() => mkdtemp(path.join(tmpdir(), "bench-outage-"))),
      (folder) => Effect.promise(() => rm(folder, { recursive: true, force: true }))
    )
    const port = yield* Effect.promise(() => listen(0))
    yield* Effect.addFinalizer(() => Effect.promise(close))
    const { url } = yield* makeAuthWorker({
      dataPath,
      port: 0,
      bindings: {
        JWT_SECRET: "a-secret-of-the-bench-with-enough-characters",
        SERVER_BYPASS_TOKEN: bypassToken,
        SERVER_WEBHOOK_URL: `http://127.0.0.1:${port}/webhooks/workspaces`,
        WEBHOOK_SECRET: "bench-webhook-secret",
        DEV_USERS_ENABLED: "true",
        MAX_INSTANCES_PER_USER: "1000000",
        API_RATE_PER_MINUTE: "1000000"
      }
    })
    const call = async (method: string, target: string, token: string, body?: unknown) => {
      const answer = await fetch(url + target, {
        method,
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
        ...(body === undefined ? {} : { body: JSON.stringify(body) })
      })
      return { status: answer.status, body: parse(await answer.text()) }
    }
    yield* Effect.promise(async () => {
      const { token } = (await call("POST", "/dev/token", "", { userId: "bench" })).body
      const createFor = async (ms: number) => {
        const times: Array<number> = []
        for (const end = performance.now() + ms; performance.now() < end; await sleep(40)) {
          const start = performance.now()
          const { status } = await call("POST", "/workspaces", token, {})
          if (status !== 201) throw new Error(`create answered ${status}`)
          times.push(performance.now() - start)
        }
        return times
      }
      const webhooks = async () => (await call("GET", "/internal/webhooks", bypassToken)).body.counts
      console.log(`server up        ${summary(await createFor(3_000))}`)
      await close()
      console.log(`server down      ${summary(await createFor(seconds * 500))}`)
      hanging = true
      await listen(port)
      console.log(`server hanging   ${summary(await createFor(seconds * 500))}`)
      await close()
      hanging = false
      await listen(port)
      const back = performance.now()
      const before = heard.size
      let counts = await webhooks()
      console.log(`server back      ${JSON.stringify(counts)}`)
      while ((counts["pending"] ?? 0) > 0) {
        await sleep(100)
        counts = await webhooks()
      }
      console.log(
        `${heard.size - before} nudges came within ${((performance.now() - back) / 1_000).toFixed(1)} s; listed as given up: ${counts["failed"] ?? 0}`
      )
      const { retried } = (await call("POST", "/internal/webhooks/retry", bypassToken)).body
      const start = performance.now()
      while (((await webhooks())["delivered"] ?? 0) < heard.size || (await webhooks())["pending"] !== 0)
        await sleep(50)
      console.log(
        `retried by hand: ${retried}, all delivered after ${((performance.now() - start) / 1_000).toFixed(1)} s`
      )
    })
  }).pipe(Effect.scoped)
)
