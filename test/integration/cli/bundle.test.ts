/** `wso bundle`: what is in the archive, and what never is. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs"
import { createServer, type Server } from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { gunzipSync } from "node:zlib"
import { extract } from "tar-stream"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { explanation } from "../http/administration.ts"
import { healthyBody, start, type Started, TOKEN } from "../http/server.ts"
import { begin } from "./wso.ts"

/** The archive's files by name, without their folder. */
const unpacked = (file: string): Promise<Map<string, string>> =>
  new Promise((resolve, reject) => {
    const files = new Map<string, string>()
    const tar = extract()
    tar.on("entry", ({ name }, stream, next) => {
      const chunks: Array<Buffer> = []
      stream.on("data", (chunk: Buffer) => chunks.push(chunk))
      stream.on("end", () => {
        files.set(name.slice(name.indexOf("/") + 1), Buffer.concat(chunks).toString("utf8"))
        next()
      })
    })
    tar.on("finish", () => resolve(files))
    tar.on("error", reject)
    tar.end(gunzipSync(readFileSync(file)))
  })

const JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1c2VyLTEifQ.c2lnbmF0dXJlLW9mLXRoZS10b2tlbg"
const secrets = {
  WEBHOOK_SECRET: "whsec_dGhlLXdlYmhvb2stc2VjcmV0LW9mLXRoZS10ZXN0,another-secret-beside-it",
  JWT_SECRET: "the-jwt-secret-of-the-workers",
  WSO_CANARY_PASSWORD: 'the "password"/of the canary'
}
const planted = [
  TOKEN,
  ...secrets.WEBHOOK_SECRET.split(","),
  secrets.JWT_SECRET,
  secrets.WSO_CANARY_PASSWORD,
  encodeURIComponent(secrets.WSO_CANARY_PASSWORD),
  JWT
]
/** An error message that carries everything that it should not. */
const leak = `it said ${planted.join(" and ")} at https://user:hunter2@host/x?access_token=hunter2 with Bearer ${JWT}`

let folder: string
let server: Started | undefined
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "wso-bundle-"))
})
afterEach(async () => {
  rmSync(folder, { recursive: true, force: true })
  await server?.stop()
  server = undefined
})

const leaky = () =>
  start({
    administration: {
      events: () =>
        Stream.concat(
          Stream.make({ id: 1, at: Date.now(), type: "failed", storeId: "ws-open", message: leak }),
          Stream.never
        ),
      recentErrors: Effect.succeed([
        {
          component: "source",
          code: "DirectoryRejected",
          count: 1,
          firstSeenAt: "2025-02-10T20:15:00.000Z",
          lastSeenAt: "2025-02-10T20:15:00.000Z",
          lastMessage: leak,
          lastStoreId: "ws-open"
        }
      ]),
      audit: () =>
        Effect.succeed([
          {
            seq: 1,
            at: Date.now(),
            actor: "ada@ops",
            address: "127.0.0.1",
            action: "workspace.paused",
            subject: "ws-paused",
            detail: leak,
            outcome: "succeeded",
            hash: "00"
          }
        ]),
      explain: () => Effect.succeed(explanation)
    },
    operations: {
      stores: () =>
        Effect.succeed({
          stores: [{ id: "ws-open", orchestrator: { status: "monitoring" }, lastError: `ws-open: ${leak}` }],
          nextCursor: null
        })
    }
  })

const run = (url: string, ...args: ReadonlyArray<string>) =>
  begin(["bundle", "-o", join(folder, "b.tgz"), ...args], {
    env: { WSO_URL: url, SERVER_BYPASS_TOKEN: TOKEN, ...secrets },
    secretVariables: ["SERVER_BYPASS_TOKEN", "WEBHOOK_SECRET"]
  }).finished

describe("wso bundle", () => {
  it("gathers every part, says what each is, and is for its owner only", async () => {
    server = await leaky()
    const { code, out, said } = await run(server.url)
    expect([code, said]).toEqual([0, ""])
    expect(out).toContain("b.tgz (")
    expect(statSync(join(folder, "b.tgz")).mode & 0o777).toBe(0o600)
    const files = await unpacked(join(folder, "b.tgz"))
    expect([...files.keys()].sort()).toEqual(
      [
        "README.md",
        "audit.json",
        "backups.json",
        "circuit-breakers.json",
        "configuration.json",
        "doctor.json",
        "errors.json",
        "events.ndjson",
        "health.json",
        "incidents.json",
        "limits.json",
        "messages-parked.json",
        "metrics.txt",
        "plan.json",
        "queue.json",
        "recent-errors.json",
        "report-daily.json",
        "secrets.json",
        "stores.json",
        "stuck.json"
      ].sort()
    )
    for (const name of files.keys())
      expect(files.get("README.md")).toContain(name === "README.md" ? "" : name)
    expect(files.get("errors.json")).toBe("[]\n")
    expect(files.get("metrics.txt")).toContain("# TYPE")
    expect(files.get("health.json")).toContain('"status": "healthy"')
    expect(files.get("events.ndjson")).toContain('"type":"failed"')
    expect(files.get("audit.json")).toContain("ada@ops")
  })

  it("has no secret in it, wherever one was carried into", async () => {
    server = await leaky()
    await run(server.url)
    for (const [name, text] of await unpacked(join(folder, "b.tgz"))) {
      for (const secret of [...planted, "hunter2"]) {
        const encoded = JSON.stringify(secret).slice(1, -1)
        expect([name, secret, text.includes(secret) || text.includes(encoded)]).toEqual([name, secret, false])
      }
    }
  })

  it("with --redact-ids names no workspace, and the same one the same everywhere", async () => {
    server = await leaky()
    await run(server.url, "--redact-ids")
    const files = await unpacked(join(folder, "b.tgz"))
    for (const [name, text] of files) {
      for (const id of ["ws-open", "ws-paused", "ws-missing", "ws-held", "ws-failing", "ws-orphaned"]) {
        expect([name, id, text.includes(id)]).toEqual([name, id, false])
      }
    }
    const event = /"storeId":"(id-[0-9a-f]{12})"/.exec(files.get("events.ndjson") ?? "")?.[1]
    expect(event).toBeDefined()
    expect(files.get("stores.json")).toContain(`"id": "${event ?? ""}"`)
    expect(files.get("health.json")).toContain(`"${event ?? ""}": 3`)
    // What is no id stays.
    expect(files.get("health.json")).toContain(`"status": "${healthyBody.status}"`)
  })

  it("overwrites nothing", async () => {
    server = await leaky()
    expect((await run(server.url)).code).toBe(0)
    const before = readFileSync(join(folder, "b.tgz"))
    const { code, said } = await run(server.url)
    expect([code, said]).toEqual([2, expect.stringContaining("cannot be written")])
    expect(readFileSync(join(folder, "b.tgz")).equals(before)).toBe(true)
  })
})

describe("wso bundle of a server that is ill", () => {
  let ill: Server
  let url: string
  beforeEach(async () => {
    // Answers /health, and nothing else as it should.
    ill = createServer((request, response) => {
      if (request.url === "/queue") return void response.socket?.destroy()
      const body = JSON.stringify({
        ...healthyBody,
        timestamp: "2025-02-10T20:15:00.000Z",
        uptime: 1,
        version: "0"
      })
      response.writeHead(request.url === "/health" ? 200 : 500, { "content-type": "application/json" })
      response.end(request.url === "/health" ? body : "<html>down</html>")
    })
    await new Promise<void>((resolve) => ill.listen(0, "127.0.0.1", resolve))
    const address = ill.address()
    url = `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`
  })
  afterEach(() => ill.close())

  it("has what it answered, and says what is missing with exit code 1", async () => {
    const { code, said } = await run(url)
    expect(code).toBe(1)
    expect(said).toMatch(/^\d+ parts missing/)
    const files = await unpacked(join(folder, "b.tgz"))
    expect([...files.keys()].sort()).toEqual(["README.md", "doctor.json", "errors.json", "health.json"])
    const errors = files.get("errors.json") ?? ""
    expect(errors).toContain('"file": "queue.json"')
    expect(errors).toContain('"file": "metrics.txt"')
  })

  it("that answers nothing at all is still an archive, of what could be seen from here", async () => {
    const { code } = await run("http://127.0.0.1:9")
    expect(code).toBe(1)
    const files = await unpacked(join(folder, "b.tgz"))
    expect([...files.keys()].sort()).toEqual(["README.md", "doctor.json", "errors.json"])
    expect(files.get("doctor.json")).toContain("No server answers")
  })
})
