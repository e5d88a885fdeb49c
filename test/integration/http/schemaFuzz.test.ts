/**
 * Every route, from its own schema, against the whole server in this process: its loop runs, with stores in memory.
 * `FUZZ_SEED` and `FUZZ_RUNS` repeat or extend a run; a failure prints its seed and the smallest request that fails.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as fc from "effect/FastCheck"
import * as Inspectable from "effect/Inspectable"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Scope from "effect/Scope"
import { mkdtemp, rm } from "node:fs/promises"
import { request } from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { loadConfig } from "../../../src/config.ts"
import { HttpServer } from "../../../src/http/HttpServer.ts"
import { WorkspaceReconciler } from "../../../src/orchestration/WorkspaceReconciler.ts"
import { layer } from "../../../src/server.ts"
import { type FuzzRequest, fuzzRoutes, MARK } from "../../support/SchemaFuzz.ts"

const SEED = Number(process.env["FUZZ_SEED"] ?? 20_250_210)
const RUNS = Number(process.env["FUZZ_RUNS"] ?? 30)
/** An answer that takes longer is none; a stream of events is cut after its headers. */
const ANSWER_WITHIN_MS = 10_000
const TIMEOUT_MS = 120_000

const TOKEN = "right-T0ken-of-the-fuzz-test-0123456789"
const SECRET = "right-S3cret-of-the-fuzz-test-012345678"
const WRONG = "wrong-Cr3dential-of-the-fuzz-test-98765"

const logs: Array<string> = []
const scope = Effect.runSync(Scope.make())
let folder = ""
let port = 0

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "wso-fuzz-"))
  const plenty = "1000000/1s"
  const config = await Effect.runPromise(
    loadConfig({
      NODE_ENV: "production",
      HOST: "127.0.0.1",
      PORT: "0",
      STORE_DRIVER: "memory",
      STORE_DATA_PATH: folder,
      STORE_IDS: "ws-one,ws-two",
      SERVER_BYPASS_TOKEN: TOKEN,
      WEBHOOK_SECRET: SECRET,
      WEBHOOK_WAIT_MS: "50",
      WEBHOOK_RATE_LIMIT: plenty,
      WEBHOOK_SOURCE_RATE_LIMIT: plenty,
      ADMIN_RATE_LIMIT: plenty,
      READ_RATE_LIMIT: plenty,
      AUTH_FAILURE_RATE_LIMIT: plenty
    })
  )
  const logger = Logger.make((entry) => {
    logs.push(Inspectable.toStringUnknown([entry.message, [...entry.annotations], entry.cause]))
  })
  const context = await Effect.runPromise(
    Layer.buildWithScope(Layer.provide(layer(config), Logger.replace(Logger.defaultLogger, logger)), scope)
  )
  port = Context.get(context, HttpServer).port
  await Effect.runPromise(Context.get(context, WorkspaceReconciler).start)
})
afterAll(async () => {
  await Effect.runPromise(Scope.close(scope, Exit.void))
  await rm(folder, { recursive: true, force: true })
})

interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | ReadonlyArray<string> | undefined>>
  readonly text: string
}

const credentialsOf = ({ credentials, path }: FuzzRequest): Record<string, string> => {
  if (credentials === "none") return {}
  const isWebhook = path.startsWith("/webhooks")
  const value = credentials === "wrong" ? WRONG : isWebhook ? SECRET : TOKEN
  return isWebhook ? { "x-webhook-secret": value } : { authorization: `Bearer ${value}` }
}

const send = (asked: FuzzRequest): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const outgoing = request(
      {
        host: "127.0.0.1",
        port,
        method: asked.method,
        path: asked.path,
        agent: false,
        headers: {
          ...credentialsOf(asked),
          ...(asked.contentType === null ? {} : { "content-type": asked.contentType }),
          ...(asked.body === null ? {} : { "content-length": String(asked.body.length) })
        },
        timeout: ANSWER_WITHIN_MS
      },
      (response) => {
        const { headers, statusCode = 0 } = response
        const chunks: Array<Buffer> = []
        const finish = () =>
          resolve({ status: statusCode, headers, text: Buffer.concat(chunks).toString("utf8") })
        response.on("data", (chunk: Buffer) => chunks.push(chunk))
        response.on("end", finish)
        response.on("error", reject)
        if (headers["content-type"]?.startsWith("text/event-stream") === true) {
          finish()
          response.removeListener("error", reject).on("error", () => undefined)
          outgoing.destroy()
        }
      }
    )
    outgoing.on("timeout", () => outgoing.destroy(new Error(`no answer within ${ANSWER_WITHIN_MS} ms`)))
    outgoing.on("error", reject)
    outgoing.end(asked.body ?? undefined)
  })

/** What one request has done must not change what the next one meets: nothing else would be asked any more. */
const unlock = (asked: FuzzRequest, answer: Answer): Promise<unknown> | undefined =>
  asked.path.startsWith("/admin/lockdown") && answer.status === 200
    ? send({
        method: "DELETE",
        path: "/admin/lockdown",
        contentType: "application/json",
        body: new TextEncoder().encode('{"reason":"fuzz"}'),
        credentials: "right"
      })
    : undefined

interface ErrorShape {
  readonly error?: { readonly code?: unknown; readonly message?: unknown; readonly requestId?: unknown }
  readonly check?: unknown
}
const parse: (text: string) => ErrorShape = JSON.parse

/** How often each status was answered: a fuzz that meets only refusals at the door has tried nothing. */
const seen = new Map<number, number>()

const examine = (asked: FuzzRequest, { headers, status, text }: Answer): void => {
  seen.set(status, (seen.get(status) ?? 0) + 1)
  const requestId = headers["x-request-id"]
  expect(requestId).toMatch(/^[\w.:-]{1,128}$/)
  expect(headers["x-content-type-options"]).toBe("nosniff")
  expect(headers["cache-control"]).toBe("no-store")
  expect(headers["access-control-allow-origin"]).toBeUndefined()
  expect(text).not.toContain(TOKEN)
  expect(text).not.toContain(SECRET)
  expect(text).not.toContain(WRONG)
  if (status < 400) return
  expect(text.length).toBeLessThan(4_000)
  expect(`${JSON.stringify(headers)}${text}`).not.toContain(MARK)
  if (asked.method === "HEAD") return
  const body = parse(text)
  if (status >= 500) {
    // What is not there to be asked says so by a code of its own; a probe that fails has a body of its own.
    expect(status).toBe(503)
    if (body.check !== undefined) return
    expect(body.error?.code).not.toBe("INTERNAL")
  }
  expect(body.error?.code).toMatch(/^[A-Z][A-Z0-9_]+$/)
  expect(body.error?.message).toMatch(/^[A-Z][^]+\.$|^[^]+\.$/)
  expect(body.error?.requestId).toBe(requestId)
}

describe("whatever is asked of", () => {
  for (const { hasBody, name, requests } of fuzzRoutes()) {
    it(
      `${name}, the answer is no failure, in our form, and repeats nothing`,
      async () => {
        await fc.assert(
          fc.asyncProperty(requests, async (asked) => {
            const answer = await send(asked)
            await unlock(asked, answer)
            examine(asked, answer)
          }),
          { seed: SEED, numRuns: hasBody ? 4 * RUNS : RUNS }
        )
      },
      TIMEOUT_MS
    )
  }

  it("all of it, every kind of answer was met", () => {
    for (const status of [200, 202, 400, 401, 404, 405, 409, 413, 415, 503]) {
      expect([...seen.keys()]).toContain(status)
    }
  })

  it("all of it, no secret and no wrong proof is in the log, and nothing died", () => {
    const text = logs.join("\n")
    for (const secret of [TOKEN, SECRET, WRONG]) expect(text).not.toContain(secret)
    expect(logs.filter((line) => line.includes("http.request_failed"))).toEqual([])
  })
})
