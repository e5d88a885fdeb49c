import * as Arbitrary from "effect/Arbitrary"
import * as fc from "effect/FastCheck"
import { sign } from "node:crypto"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { Api } from "../../../src/http/Api.ts"
import { WorkspaceEvent } from "../../../src/http/api/WebhooksApi.ts"
import { discordPrivateKey, raw, start, type Started, TOKEN, webhook } from "./server.ts"

let server: Started
beforeAll(async () => void (server = await start({ chatOps: { channels: [command.channel_id] } })))
afterAll(() => server.stop())

const RUNS = 300
/** Not of the form of an id, which an answer may repeat. */
const MARK = "reflect.me"

/** A valid event, then one of the things that happen to events. */
const mutated = Arbitrary.makeLazy(WorkspaceEvent)(fc).chain((event) => {
  const value = fc.oneof(
    fc.anything({ maxDepth: 4 }),
    fc.constantFrom(null, "", MARK, MARK.repeat(1_000), -1, {}, [], [[[[MARK]]]], { [MARK]: MARK })
  )
  const field = fc.constantFrom(
    "event",
    "instanceId",
    "userId",
    "timestamp",
    "__proto__",
    "constructor",
    MARK
  )
  return fc.oneof(
    fc.constant(JSON.stringify(event)),
    fc.tuple(field, value).map(([name, replacement]) => JSON.stringify({ ...event, [name]: replacement })),
    fc.nat().map((at) => JSON.stringify(event).slice(0, at % 200)),
    fc.tuple(fc.nat(), fc.string()).map(([at, junk]) => {
      const text = JSON.stringify(event)
      return text.slice(0, at % text.length) + MARK + junk + text.slice(at % text.length)
    }),
    fc.json(),
    fc.nat(5_000).map((depth) => '{"a":['.repeat(depth))
  )
})

describe("whatever a webhook's body is", () => {
  it("the answer is 200 or 400, small, and does not reflect it", async () => {
    await fc.assert(
      fc.asyncProperty(mutated, async (body) => {
        const response = await webhook(server.url, body)
        const text = await response.text()
        expect([200, 400]).toContain(response.status)
        expect(text.length).toBeLessThan(1_500)
        expect(text).not.toContain(MARK)
      }),
      { numRuns: RUNS }
    )
  })
})

/** A command of Discord's, then one of the things that whoever has its key could make of it. */
const command = {
  type: 2,
  application_id: "444444444444444444",
  token: "token",
  channel_id: "111111111111111111",
  member: { user: { id: "222222222222222222" } },
  data: { name: "ws", options: [{ name: "explain", options: [{ name: "id", value: "ws-1" }] }] }
}
const interaction = fc.oneof(
  fc
    .tuple(
      fc.constantFrom(...Object.keys(command), "__proto__", MARK),
      fc.oneof(
        fc.anything({ maxDepth: 3 }),
        fc.constantFrom(
          null,
          "",
          MARK,
          7,
          [MARK],
          { name: MARK, options: [{ name: MARK, value: MARK }] },
          {
            name: "ws",
            options: [{ name: "explain", options: [{ name: "id", value: MARK.repeat(500) }] }]
          }
        )
      )
    )
    .map(([name, value]) => JSON.stringify({ ...command, [name]: value })),
  fc.json(),
  fc.nat(5_000).map((depth) => '{"data":['.repeat(depth))
)

describe("whatever a signed interaction is", () => {
  it("the answer is 200 or 400, small, and does not reflect it", async () => {
    await fc.assert(
      fc.asyncProperty(interaction, fc.nat(250), async (body, ageSeconds) => {
        const timestamp = String(Math.floor(Date.now() / 1_000) - ageSeconds)
        const signature = sign(null, Buffer.from(timestamp + body), discordPrivateKey).toString("hex")
        const response = await fetch(`${server.url}/chatops/discord`, {
          method: "POST",
          headers: {
            "content-type": "application/json",
            "x-signature-timestamp": timestamp,
            "x-signature-ed25519": signature
          },
          body
        })
        const text = await response.text()
        // 401: the same body at the same time again is a replay.
        expect([200, 400, 401]).toContain(response.status)
        expect(text.length).toBeLessThan(2_500)
        expect(text).not.toContain(MARK)
      }),
      { numRuns: RUNS, endOnFailure: true }
    )
  })
})

describe("whatever the request is", () => {
  it("the answer is not a 5xx, and does not reflect it", async () => {
    const paths = Object.values(Api.groups).flatMap((group) =>
      Object.values(group.endpoints).map((endpoint: { readonly path: string }) => endpoint.path)
    )
    const path = fc.oneof(
      fc.constantFrom(...paths),
      fc.webPath(),
      fc.constantFrom("/%", "/../..", "/stores/%00")
    )
    const query = fc.oneof(
      fc.constant(""),
      fc.webQueryParameters().map((text) => `?${text}`),
      fc
        .tuple(
          fc.constantFrom("limit", "cursor", "status", "strict", "storeId", "dryRun"),
          fc.constantFrom(MARK, "", "-1", "%00", "%E0%A4")
        )
        .map(([name, value]) => `?${name}=${value}`)
    )
    const method = fc.constantFrom("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS")
    const header = fc.constantFrom(
      "",
      `authorization: ${MARK}\r\n`,
      `x-server-token: ${MARK}\r\n`,
      `content-type: ${MARK}\r\n`,
      "content-length: 0\r\n",
      "expect: 100-continue\r\n",
      `accept: ${MARK}\r\n`
    )
    await fc.assert(
      fc.asyncProperty(method, path, query, header, async (verb, target, search, extra) => {
        const credentials = target.startsWith("/admin") ? "" : `x-actor: ${TOKEN}\r\n`
        const answer = await raw(
          server.port,
          `${verb} ${target}${search} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n${credentials}${extra}\r\n`,
          5_000
        )
        expect(answer).toMatch(/^HTTP\/1\.1 [1-4]/)
        expect(answer).toContain("x-request-id: ")
        expect(answer).not.toContain(MARK)
      }),
      { numRuns: RUNS }
    )
  })
})
