import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import { generateKeyPairSync, type KeyObject, sign } from "node:crypto"
import { afterEach, describe, expect, it } from "vitest"
import { PlanMismatch, UnknownWorkspace } from "../../../src/orchestration/Administration.ts"
import { type ManualRun, RunTooSoon } from "../../../src/orchestration/Operations.ts"
import { eventually } from "../../support/Eventually.ts"
import { startReceiver } from "../../support/Receiver.ts"
import { wso } from "../cli/wso.ts"
import { breaker, explanation, plan, T } from "./administration.ts"
import { discordPrivateKey, start, type Started, type StartOptions } from "./server.ts"

const CHANNEL = "111111111111111111"
const ADA = "222222222222222222"
const BOB = "333333333333333333"

let server: Started | undefined
afterEach(async () => {
  await server?.stop()
  server = undefined
})
const serve = async (options: StartOptions = {}) => {
  const { chatOps, ...rest } = options
  server = await start({ ...rest, chatOps: { channels: [CHANNEL], admins: [ADA], ...chatOps } })
  return server
}

interface Sending {
  readonly key?: KeyObject
  readonly ageSeconds?: number
  /** When it is signed, in seconds since the epoch. */
  readonly at?: number
  readonly headers?: Readonly<Record<string, string>>
}

/** Signs and sends as Discord does. */
const send = async (url: string, body: string, { ageSeconds = 0, at, headers, key }: Sending = {}) => {
  const timestamp = String((at ?? Math.floor(Date.now() / 1_000)) - ageSeconds)
  const signature = sign(null, Buffer.from(timestamp + body), key ?? discordPrivateKey).toString("hex")
  const response = await fetch(`${url}/chatops/discord`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      "x-signature-ed25519": signature,
      "x-signature-timestamp": timestamp,
      ...headers
    },
    body
  })
  return { status: response.status, text: await response.text() }
}

let interactions = 0
interface From {
  readonly user?: string
  readonly channel?: string
}
const TOKEN_OF_INTERACTION = "aW50ZXJhY3Rpb246c2VjcmV0.x-y_z"

/** The body of `/ws <verb> <argument>`. */
const command = (verb: string, argument?: readonly [string, unknown], from: From = {}): string =>
  JSON.stringify({
    id: String(++interactions),
    application_id: "444444444444444444",
    type: 2,
    token: TOKEN_OF_INTERACTION,
    channel_id: from.channel ?? CHANNEL,
    member: { user: { id: from.user ?? ADA, username: "someone" }, permissions: "0" },
    data: {
      id: "5",
      name: "ws",
      type: 1,
      options: [
        {
          name: verb,
          type: 1,
          options: argument === undefined ? [] : [{ name: argument[0], type: 3, value: argument[1] }]
        }
      ]
    },
    version: 1
  })

interface Message {
  readonly type: number
  readonly data: {
    readonly content: string
    readonly flags: number
    readonly allowed_mentions: { readonly parse: ReadonlyArray<string> }
  }
}

/** The text that is answered, after what is true of every answer. */
const contentOf = ({ status, text }: { readonly status: number; readonly text: string }): string => {
  expect([status, text]).toMatchObject([200, expect.any(String)])
  const { data, type } = JSON.parse(text) as Message
  expect([type, data.flags, data.allowed_mentions]).toEqual([4, 64, { parse: [] }])
  expect(data.content.length).toBeLessThanOrEqual(2_000)
  return data.content
}

const run: ManualRun = {
  status: "completed",
  durationMs: 1_200,
  driftCount: 1,
  result: {
    added: ["ws-1"],
    removed: [],
    failedAdds: [],
    failedRemovals: [],
    held: [],
    authoritativeCount: 1,
    monitoredCount: 1,
    driftCount: 0
  },
  incidentDashboardUrl: null,
  triggeredAt: T
}

const ping = () => JSON.stringify({ id: String(++interactions), type: 1, version: 1 })

describe("an interaction", () => {
  it("is answered when Discord has signed it: a ping with a pong", async () => {
    const { url } = await serve()
    expect(await send(url, ping())).toEqual({ status: 200, text: '{"type":1}' })
  })

  it("is refused with 401 and one answer for all when it is not signed by Discord, or not now", async () => {
    const { audit, url } = await serve()
    const replay = command("status")
    const at = Math.floor(Date.now() / 1_000)
    contentOf(await send(url, replay, { at }))
    const bad: Readonly<Record<string, Sending & { readonly body?: string }>> = {
      "another key": { key: generateKeyPairSync("ed25519").privateKey },
      "an old timestamp": { ageSeconds: 301 },
      "a timestamp of the future": { ageSeconds: -302 },
      "a replay": { body: replay, at },
      "no signature": { headers: { "x-signature-ed25519": "" } },
      "no timestamp": { headers: { "x-signature-timestamp": "" } },
      "another timestamp": { headers: { "x-signature-timestamp": String(at - 7) } },
      "no hex": { headers: { "x-signature-ed25519": "z".repeat(128) } },
      "a short signature": { headers: { "x-signature-ed25519": "ab" } },
      "a timestamp that is no number": { headers: { "x-signature-timestamp": "now" } }
    }
    const answers = new Set<string>()
    for (const [name, { body, ...sending }] of Object.entries(bad)) {
      const { status, text } = await send(url, body ?? command("pause", ["reason", "x"]), sending)
      expect([name, status]).toEqual([name, 401])
      answers.add(text.replace(/"requestId":"[^"]*"/, ""))
    }
    expect(answers.size).toBe(1)
    const commands = (await audit()).filter(({ action }) => action === "chatops.command")
    expect(commands).toHaveLength(1)
    const metrics = await (await fetch(`${url}/metrics`)).text()
    for (const reason of ["missing", "malformed", "signature", "stale", "replayed"]) {
      expect(metrics).toMatch(
        new RegExp(`wso_auth_failures_total\\{endpoint="chatops",reason="${reason}"\\} [1-9]`)
      )
    }
  })

  it("is refused before its signature is looked at when it is too large or of another kind", async () => {
    const { url } = await serve()
    expect((await send(url, "x".repeat(70_000))).status).toBe(413)
    expect((await send(url, ping(), { headers: { "content-type": "text/plain" } })).status).toBe(415)
    expect((await fetch(`${url}/chatops/discord`)).status).toBe(405)
  })

  it("is refused with 400 when it is signed and makes no sense, without a word of it", async () => {
    const { url } = await serve()
    const mark = "reflect.me"
    for (const body of [
      "no json",
      "[".repeat(5_000),
      JSON.stringify({ type: 9, data: mark }),
      JSON.stringify({ type: 2, data: { name: mark } }),
      command("status", undefined, { channel: mark }),
      command("status", undefined, { user: mark }),
      command("status").replace(TOKEN_OF_INTERACTION, "../../webhooks/evil"),
      command("explain", ["id", mark.repeat(5_000)])
    ]) {
      const { status, text } = await send(url, body)
      expect([body.slice(0, 60), status]).toEqual([body.slice(0, 60), 400])
      expect(text).not.toContain(mark)
      expect(text.length).toBeLessThan(1_500)
    }
  })

  it("is answered with 503, whatever it is, where no key is configured", async () => {
    const { url } = await serve({ hasDiscordKey: false })
    const { status, text } = await send(url, ping())
    expect([status, text]).toMatchObject([503, expect.stringContaining("CHATOPS_NOT_CONFIGURED")])
    expect((await fetch(`${url}/chatops/discord`)).status).toBe(503)
  })
})

describe("a command that reads", () => {
  it("is taken from anybody in an allowed channel, and is in the audit trail", async () => {
    const { audit, url } = await serve({
      administration: {
        plan: Effect.succeed({
          ...plan,
          paused: [
            { storeId: null, reason: "ping @everyone `x` **b**", actor: "bob", since: T, expiresAt: null }
          ]
        }),
        breakers: Effect.succeed([breaker])
      }
    })
    const content = contentOf(await send(url, command("status", undefined, { user: BOB })))
    expect(content).toContain("The server is **healthy**.")
    expect(content).toContain("Converged: 1 of 1 monitored.")
    expect(content).toContain("/ws approve 0123456789abcdef")
    expect(content).toContain("`ping @everyone 'x' **b**`")
    expect(content).toContain("`auth-worker` is open")
    expect(content).toContain("No incident is open.")
    expect(await audit()).toMatchObject([
      { actor: `discord:${BOB}`, action: "chatops.command", subject: "status", outcome: "succeeded" }
    ])
  })

  it("says of everything that there is none, where there is none", async () => {
    const { url } = await serve()
    expect(contentOf(await send(url, command("stuck")))).toBe("Nothing has been out of place for a minute.")
    expect(contentOf(await send(url, command("diagnose")))).toContain("Nothing is to be done")
    const last = contentOf(await send(url, command("last")))
    expect(last).toContain("Last successful run never.")
    expect(last).toContain("There were no errors of late.")
  })

  it("explains a workspace, however hostile its errors are, in at most 2,000 characters", async () => {
    const hostile = `@here <@&1> \u202e\n# ${"`".repeat(10)}${"😀".repeat(3_000)}`
    const { url } = await serve({
      administration: {
        explain: (storeId) =>
          storeId === "ws-unknown"
            ? new UnknownWorkspace({ storeId })
            : Effect.succeed({
                ...explanation,
                storeId,
                monitored: false,
                summary: hostile,
                blockedBy: Array.from({ length: 30 }, () => ({
                  reason: hostile,
                  message: hostile,
                  until: null,
                  nextStep: hostile
                })),
                lastError: { code: "X", message: hostile, at: T }
              })
      }
    })
    const content = contentOf(await send(url, command("explain", ["id", "ws-1"])))
    expect(content).toContain("`ws-1` is **not monitored**.")
    expect(content).toContain("more lines: wso shows all.")
    // Every foreign word is within code, where it mentions nobody.
    expect(content.replace(/`[^`\n]*`/g, "")).not.toMatch(/[@<#😀\u202e]/u)
    expect(contentOf(await send(url, command("explain", ["id", "ws-unknown"])))).toContain(
      "does not know this workspace"
    )
  })

  it("refuses an id that is none, giant or not, without repeating it", async () => {
    const { audit, url } = await serve()
    for (const id of ["../x", "@everyone", "a".repeat(65), "a".repeat(6_000), 42, true]) {
      const content = contentOf(await send(url, command("explain", ["id", id])))
      expect(content).toBe("explain takes the id of a workspace, of at most 64 characters.")
    }
    expect(contentOf(await send(url, command("explain")))).toContain("explain takes")
    expect(await audit()).toHaveLength(7)
  })

  it("is unknown: says which there are, and is counted under no name of its own", async () => {
    const { audit, url } = await serve()
    for (const body of [command("@everyone"), command("__proto__"), command("constructor")]) {
      expect(contentOf(await send(url, body))).toMatch(/^There is no such command; there are: status, /)
    }
    expect(await audit()).toMatchObject([{ subject: "" }, { subject: "" }, { subject: "" }])
    const metrics = await (await fetch(`${url}/metrics`)).text()
    expect(metrics).toMatch(/wso_chatops_commands_total\{command="unknown",result="refused"\} [1-9]/)
  })

  it("is denied in any other channel, to administrators too", async () => {
    const { audit, url } = await serve()
    for (const verb of ["status", "nonsense"]) {
      const content = contentOf(await send(url, command(verb, undefined, { channel: BOB })))
      expect(content).toContain(`\`${BOB}\` is not in CHATOPS_CHANNELS`)
    }
    expect(await audit()).toMatchObject([{ outcome: "refused" }, { outcome: "refused" }])
  })
})

describe("a command that changes something", () => {
  const writes = [
    command("reconcile", undefined, { user: BOB }),
    command("pause", ["reason", "because"], { user: BOB }),
    command("resume", undefined, { user: BOB }),
    command("approve", ["hash", "0123456789abcdef"], { user: BOB })
  ]

  it("is denied to who is no administrator, and nothing is changed", async () => {
    const never = () => Effect.dieMessage("it was carried out")
    const { audit, url } = await serve({
      administration: { pause: never, resume: never, approve: never },
      operations: { reconcile: never }
    })
    for (const body of writes) {
      expect(contentOf(await send(url, body))).toContain(`\`${BOB}\` is not in CHATOPS_ADMINS`)
    }
    expect((await audit()).map(({ actor, outcome }) => [actor, outcome])).toEqual(
      writes.map(() => [`discord:${BOB}`, "refused"])
    )
  })

  it("is refused while the server is locked down, and reading is not", async () => {
    const never = () => Effect.dieMessage("it was carried out")
    const { url } = await serve({
      administration: {
        pause: never,
        resume: never,
        approve: never,
        lockdown: () => ({ reason: "a leaked token", actor: "bob", since: T })
      },
      operations: { reconcile: never }
    })
    for (const verb of ["reconcile", "resume"]) {
      expect(contentOf(await send(url, command(verb)))).toContain("The server is locked down")
    }
    expect(contentOf(await send(url, command("stuck")))).toContain("Nothing has been out of place")
  })

  it("is carried out for an administrator, as whom the chat knows", async () => {
    const done: Array<ReadonlyArray<unknown>> = []
    const { audit, url } = await serve({
      administration: {
        pause: (request, actor) => {
          done.push(["pause", request, actor.name])
          return Effect.succeed({ ...request, actor: actor.name, since: T, expiresAt: null })
        },
        resume: (storeId, actor) => {
          done.push(["resume", storeId, actor.name])
          return Effect.succeed(true)
        },
        approve: (planHash, actor) => {
          done.push(["approve", planHash, actor.name])
          return planHash === "0123456789abcdef"
            ? Effect.succeed({ planHash, storeIds: ["ws-1"] })
            : new PlanMismatch({ currentHash: "0123456789abcdef" })
        }
      },
      operations: { reconcile: () => Effect.succeed(run) }
    })
    const say = async (...words: Parameters<typeof command>) => contentOf(await send(url, command(...words)))
    expect(await say("pause", ["reason", "migrating @everyone"])).toContain("The whole loop is paused")
    expect(await say("resume")).toContain("resumed")
    expect(await say("approve", ["hash", "0123456789abcdef"])).toContain("Approved: 1 removal.")
    expect(await say("approve", ["hash", "fedcba9876543210"])).toContain(
      "another one now, `0123456789abcdef`"
    )
    expect(await say("reconcile")).toContain("The run is **completed** after 1200 ms: 1 opened")
    const ada = `discord:${ADA}`
    expect(done).toEqual([
      ["pause", { storeId: null, reason: "migrating @everyone", expiresInMs: null }, ada],
      ["resume", null, ada],
      ["approve", "0123456789abcdef", ada],
      ["approve", "fedcba9876543210", ada]
    ])
    expect(
      (await audit()).map(({ actor, detail, outcome, subject }) => [actor, subject, detail, outcome])
    ).toEqual([
      [ada, "pause", "migrating @everyone", "succeeded"],
      [ada, "resume", "", "succeeded"],
      [ada, "approve", "0123456789abcdef", "succeeded"],
      [ada, "approve", "fedcba9876543210", "refused"],
      [ada, "reconcile", "", "succeeded"]
    ])
  })

  it("says why the loop refused it", async () => {
    const { url } = await serve({ operations: { reconcile: () => new RunTooSoon({ retryAfterMs: 4_200 }) } })
    expect(contentOf(await send(url, command("reconcile")))).toBe(
      "The last run by hand is too recent: again in 5 s."
    )
  })

  it("says that it failed, and no more, when it dies of a defect", async () => {
    const { logs, url } = await serve({ operations: { reconcile: () => Effect.dieMessage("secret detail") } })
    expect(contentOf(await send(url, command("reconcile")))).toBe(
      "The server failed to answer; its log has the reason."
    )
    expect(logs.some(({ message }) => message === "chatops.command_failed")).toBe(true)
  })

  it("that takes long is answered at once, and its end follows through the interaction's webhook", async () => {
    await using discord = await startReceiver()
    const finished = Effect.runSync(Deferred.make<ManualRun>())
    const { logs, url } = await serve({
      chatOps: { apiUrl: `${discord.url}/api` },
      operations: { reconcile: () => Deferred.await(finished) }
    })
    expect(contentOf(await send(url, command("reconcile")))).toBe("Started reconcile; the answer follows.")
    discord.answerWith(500)
    Effect.runSync(Deferred.succeed(finished, run))
    await eventually("an attempt", () => discord.received.length > 0)
    discord.answerWith(204)
    await eventually("the follow-up arrives", () => discord.received.length > 1)
    const follow = discord.received.at(-1)
    expect(follow?.path).toBe(`/api/webhooks/444444444444444444/${TOKEN_OF_INTERACTION}`)
    expect(JSON.parse(follow?.body ?? "")).toMatchObject({
      content: expect.stringContaining("The run is **completed**") as unknown,
      flags: 64,
      allowed_mentions: { parse: [] }
    })
    expect(logs.map(({ text }) => text).join()).not.toContain(TOKEN_OF_INTERACTION)
  })
})

describe("a flood of commands", () => {
  it("is told to wait, and does not fill the audit trail", async () => {
    const { audit, url } = await serve()
    const answers: Array<string> = []
    for (let sent = 0; sent < 30; sent++) answers.push(contentOf(await send(url, command("stuck"))))
    expect(answers.at(-1)).toBe("Too many commands: try again in a few seconds.")
    expect((await audit()).length).toBeLessThan(30)
  })
})

describe("wso chatops commands", () => {
  it("prints what Discord is to be told: every verb is a subcommand of /ws", async () => {
    const { code, out } = await wso("http://127.0.0.1:9", "chatops", "commands")
    expect(code).toBe(0)
    expect(JSON.parse(out)).toMatchObject([
      {
        name: "ws",
        type: 1,
        contexts: [0],
        options: [
          "status",
          "diagnose",
          "stuck",
          "explain",
          "last",
          "reconcile",
          "pause",
          "resume",
          "approve"
        ].map((name) => ({ type: 1, name }))
      }
    ])
    // Discord's own bounds.
    for (const { description } of (
      JSON.parse(out) as ReadonlyArray<{ options: ReadonlyArray<{ description: string }> }>
    )[0]?.options ?? []) {
      expect(description.length).toBeLessThanOrEqual(100)
    }
  })
})
