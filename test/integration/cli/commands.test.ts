import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { createServer } from "node:http"
import { afterEach, describe, expect, it } from "vitest"
import { ConfigurationWrong } from "../../../src/cli/ServerConfiguration.ts"
import {
  type Blocker,
  type Explanation,
  PlanMismatch,
  UnknownBreaker,
  UnknownWorkspace
} from "../../../src/orchestration/Administration.ts"
import { type ManualRun, RunInFlight, RunTooSoon } from "../../../src/orchestration/Operations.ts"
import { breaker, converged, explanation, plan, T } from "../http/administration.ts"
import { healthyBody, SECRET, start, type Started, type StartOptions } from "../http/server.ts"
import { begin, wso } from "./wso.ts"

let server: Started | undefined
const started = async (options?: StartOptions): Promise<string> => (server = await start(options)).url
afterEach(() => server?.stop())

/** Vitest's matchers are of type any. */
const containing = (text: string): unknown => expect.stringContaining(text)
const matching = (pattern: RegExp): unknown => expect.stringMatching(pattern)

const NOWHERE = "http://127.0.0.1:9"

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

describe("every command", () => {
  it("says with exit code 3 that no server answers, and where it looked", async () => {
    for (const args of [
      ["status"],
      ["diff"],
      ["get"],
      ["events"],
      ["explain", "ws-1"],
      ["reconcile", "--watch"]
    ]) {
      const { code, said } = await wso(NOWHERE, ...args)
      expect([args, code]).toEqual([args, 3])
      expect(said).toContain(NOWHERE)
    }
    expect((await wso(NOWHERE, "status")).said).toMatch(/ECONNREFUSED: nothing listens there|EACCES|UNKNOWN/)
  })

  it("says with exit code 78 that a URL is none to which paths can be appended, and does not repeat it", async () => {
    for (const url of [
      "not a url",
      "ftp://127.0.0.1",
      "http://127.0.0.1?tenant=hunter2",
      "http://127.0.0.1/#hunter2",
      "http://user:hunter2@127.0.0.1"
    ]) {
      const { code, said } = await wso(url, "status")
      expect([url, code]).toEqual([url, 78])
      expect(said).toContain("WSO_URL takes a URL beginning with http:// or https://")
      expect(said).not.toContain("hunter2")
    }
  })

  it("says with exit code 4 that the token is missing or wrong, and never shows it", async () => {
    const url = await started({ isProduction: true })
    for (const args of [["get"], ["diff"], ["queue"], ["audit"], ["approve", "hash"], ["events"]]) {
      const none = await begin([...args, "--url", url]).finished
      const wrong = await begin([...args, "--url", url, "--token", "wrong-s3cret"]).finished
      expect([args, none.code, wrong.code]).toEqual([args, 4, 4])
      expect(`${wrong.out}${wrong.said}`).not.toContain("s3cret")
      expect(wrong.said).toContain("SERVER_BYPASS_TOKEN")
    }
  })

  it("sends the first of two tokens, and says who asks", async () => {
    const actors: Array<string> = []
    const url = await started({
      operations: { reconcile: (actor) => Effect.sync(() => (actors.push(actor.name), run)) }
    })
    const env = { SERVER_BYPASS_TOKEN: "admin-token, old-token" }
    expect((await begin(["reconcile", "--url", url], { env }).finished).code).toBe(0)
    expect(actors[0]).toMatch(/^.+@.+$/)
  })

  it("answers wrong usage with exit code 2, on stderr only", async () => {
    for (const args of [
      ["nonsense"],
      ["explain"],
      ["status", "--unknown"],
      ["get", "-o", "xml"],
      ["suspend"]
    ]) {
      const { code, out } = await wso(NOWHERE, ...args)
      expect([args, code, out]).toEqual([args, 2, ""])
    }
    const duration = await wso(NOWHERE, "suspend", "-r", "why", "--for", "soon")
    expect([duration.code, duration.said]).toEqual([
      2,
      "--for takes a duration such as 90s, 30m, 2h or 1d.\n"
    ])
  })

  it("takes its options before and after its arguments", async () => {
    const url = await started()
    expect((await begin(["explain", "ws-1", "--url", url, "-o", "json"]).finished).code).toBe(0)
    expect((await begin(["explain", "--url", url, "-o", "json", "ws-1"]).finished).code).toBe(0)
  })

  it("says so when what answers is not the server", async () => {
    const url = await started({ administration: { plan: Effect.dieMessage("broken") } })
    const broken = await wso(url, "diff")
    expect([broken.code, broken.said]).toMatchObject([2, containing("INTERNAL")])
    const page = createServer((_, response) => response.end("<h1>It works!</h1>"))
    await new Promise<void>((listening) => page.listen(0, "127.0.0.1", listening))
    try {
      const address = page.address()
      const port = typeof address === "object" && address !== null ? address.port : 0
      const other = await wso(`http://127.0.0.1:${port}`, "status")
      expect(other.code).toBe(2)
      expect(other.said).toContain("not of the form")
    } finally {
      page.close()
    }
  })

  it("lists the commands and the exit codes when asked for nothing or for help", async () => {
    for (const args of [[], ["--help"], ["-h"], ["help"]]) {
      const { code, out } = await wso(NOWHERE, ...args)
      expect(code).toBe(0)
      for (const word of ["status", "explain <id>", "completions", "EX_CONFIG", "SERVER_BYPASS_TOKEN"]) {
        expect(out).toContain(word)
      }
    }
  })
})

describe("wso status", () => {
  it("shows the health, with exit code 0 if it is healthy and 1 if not", async () => {
    const url = await started()
    const healthy = await wso(url, "status")
    expect(healthy.code).toBe(0)
    expect(healthy.out).toMatch(/^Status: +healthy$/m)
    expect(healthy.out).toMatch(/^Converged: +yes, 1 of 1 monitored$/m)
    expect(healthy.out).toMatch(/^Failing: +ws-failing \(no ws-failing\)$/m)
    expect(healthy.out).toMatch(/^Guard: +tripped/m)
    await server?.stop()
    const other = await started({
      operations: { health: Effect.succeed({ ...healthyBody, status: "degraded" }) }
    })
    expect((await wso(other, "status")).code).toBe(1)
  })

  it("prints the server's own answer as JSON", async () => {
    const url = await started()
    const { out } = await wso(url, "status", "-o", "json")
    expect(JSON.parse(out)).toMatchObject(healthyBody)
  })

  it("with -w shows it again and again, and survives a restart of the server", async () => {
    const { port, stop, url } = await start()
    const watching = begin(["status", "-w", "--url", url])
    await watching.until("Status:")
    await stop()
    await watching.until("No server answers")
    server = await start({
      port,
      operations: { health: Effect.succeed({ ...healthyBody, status: "degraded" }) }
    })
    await watching.until("degraded")
    expect((await watching.stop()).code).toBe(130)
  })
})

describe("wso get", () => {
  const row = (id: string) => ({
    id,
    status: "connected",
    connectedAt: T,
    lastActivity: null,
    errorCount: 0,
    reconnectAttempts: 2,
    networkStatus: null,
    processing: {},
    orchestrator: {
      storeId: id,
      status: "monitoring",
      firstMonitoredAt: T,
      lastEnsuredAt: T,
      lastStoppedAt: null,
      conditions: [],
      provisionDurationMs: 42
    }
  })
  const around = {
    orchestrator: healthyBody.orchestrator,
    reconciliation: { enabled: false, reason: "x" },
    manualReconcile: healthyBody.manualReconcile
  }

  it("lists all pages as one table, wider if asked, or as JSON", async () => {
    const url = await started({
      operations: {
        stores: ({ cursor }) =>
          Effect.succeed(
            cursor._tag === "None"
              ? { ...around, stores: [row("ws-1"), row("ws-2")], nextCursor: "ws-2" }
              : { ...around, stores: [row("ws-3")], nextCursor: null }
          )
      }
    })
    const { code, out } = await wso(url, "get")
    expect(code).toBe(0)
    expect(out.split("\n").map((line) => line.split(/\s+/)[0])).toEqual([
      "WORKSPACE",
      "ws-1",
      "ws-2",
      "ws-3",
      ""
    ])
    expect((await wso(url, "get", "-o", "wide")).out).toContain("42ms")
    expect((JSON.parse((await wso(url, "get", "-o", "json")).out) as Array<unknown>).length).toBe(3)
  })
})

describe("wso explain", () => {
  const blocked = (blocker: Partial<Blocker>, more: Partial<Explanation> = {}): Explanation => ({
    ...explanation,
    monitored: false,
    summary: "It is not monitored.",
    nextStep: blocker.nextStep ?? "Wait.",
    observed: {
      ...explanation.observed,
      state: "closed",
      status: null,
      isConnected: null,
      processing: false
    },
    blockedBy: [{ reason: "x", message: "m", until: null, nextStep: "", ...blocker }],
    ...more
  })
  const explained = async (why: Explanation) => {
    const url = await started({ administration: { explain: () => Effect.succeed(why) } })
    return wso(url, "explain", "ws-1")
  }

  it("says in sentences why a workspace is as it should be, with exit code 0", async () => {
    const { code, out } = await explained(explanation)
    expect(code).toBe(0)
    expect(out).toContain("ws-1: It is desired and monitored.")
    expect(out).toContain("1. It is desired, according to the Auth Worker, read 5ms ago.")
    expect(out).toMatch(/2\. Its store is open since .* ago: it is monitored\./)
    expect(out).toContain("Next step: Nothing needs to be done.")
  })

  it.each<[string, Explanation, ReadonlyArray<string>]>([
    [
      "backoff",
      blocked(
        { reason: "backoff", message: "It failed and is tried again", until: "2999-01-01T00:00:00.000Z" },
        {
          attempts: 3,
          lastError: { code: "StoreOpenError", message: "timeout", at: T },
          queue: { state: "waiting", priority: "drift", since: null, until: "2999-01-01T00:00:00.000Z" }
        }
      ),
      ["Blocked by backoff: It failed and is tried again", "its next turn is in"]
    ],
    [
      "an error",
      blocked(
        { reason: "flapping", message: "It keeps dying" },
        { attempts: 3, lastError: { code: "StoreOpenError", message: "timeout", at: T } }
      ),
      ["Its last 3 attempts failed", "StoreOpenError: timeout", "Blocked by flapping"]
    ],
    [
      "the grace",
      blocked(
        { reason: "grace", message: "The grace has not passed" },
        {
          monitored: true,
          desired: {
            ...explanation.desired,
            state: "absent",
            absence: { kind: "deleted", confirmations: 1, confirmationsNeeded: 2, since: T, graceUntil: T }
          }
        }
      ),
      ["desired no more", "which is evidence enough", "Blocked by grace"]
    ],
    [
      "missing evidence",
      blocked(
        { reason: "evidence", message: "One list more is needed" },
        {
          desired: {
            ...explanation.desired,
            state: "absent",
            absence: { kind: "absent", confirmations: 1, confirmationsNeeded: 2, since: T, graceUntil: null }
          }
        }
      ),
      ["missing from 1 complete list in a row", "2 are needed"]
    ],
    [
      "the guard",
      blocked({ reason: "guard", message: "Too many", nextStep: "wso approve abc" }),
      ["wso approve abc"]
    ],
    ["a pause", blocked({ reason: "paused", message: "ann: deploy" }), ["Blocked by paused: ann: deploy"]],
    [
      "an open breaker",
      blocked(
        { reason: "breaker", message: "The source is not asked" },
        { desired: { ...explanation.desired, fresh: false } }
      ),
      ["Blocked by breaker", "which is stale"]
    ],
    [
      "nobody desiring it",
      {
        ...explanation,
        monitored: true,
        desired: { ...explanation.desired, state: "unknown", source: "snapshot" },
        observed: { ...explanation.observed, isConnected: false, processing: false }
      },
      [
        "the list does not have it",
        "the last snapshot",
        "does not hear its backend",
        "its messages are not processed"
      ]
    ]
  ])("names %s as the reason, with exit code 1", async (_, why, sentences) => {
    const { code, out } = await explained(why)
    expect(code).toBe(1)
    for (const sentence of sentences) expect(out).toContain(sentence)
  })

  it("says of an unknown id that nobody knows it, and what to do", async () => {
    const url = await started({ administration: { explain: (storeId) => new UnknownWorkspace({ storeId }) } })
    for (const command of ["explain", "describe"]) {
      const { code, out } = await wso(url, command, "ws-nobody")
      expect(code).toBe(1)
      expect(out).toContain("ws-nobody: This server does not know this workspace")
      expect(out).toContain("wso reconcile ws-nobody")
    }
  })

  it("is described in full by describe", async () => {
    const url = await started({
      administration: {
        explain: () =>
          Effect.succeed({
            ...explanation,
            conditions: [
              { ...(explanation.conditions[0] ?? never()), lastTransitionTime: DateTime.unsafeMake(T) }
            ]
          })
      }
    })
    const { code, out } = await wso(url, "describe", "ws-1")
    expect(code).toBe(0)
    expect(out).toMatch(/Monitored +True +StoreOpen/)
    expect(out).toMatch(/monitoring_started +Opened in 12 ms/)
  })
})

const never = (): never => {
  throw new Error("the fixture has a condition")
}

describe("wso diff and approve", () => {
  it("shows the plan like a diff: exit code 0 for none, 1 for some", async () => {
    const url = await started({ administration: { plan: Effect.succeed(converged) } })
    expect(await wso(url, "diff")).toMatchObject({ code: 0, out: containing("No difference") })
    await server?.stop()
    const other = await started({ administration: { plan: Effect.succeed(plan) } })
    const { code, out } = await wso(other, "diff")
    expect(code).toBe(1)
    expect(out).toContain("+ ws-add  desired")
    expect(out).toContain("! ws-held-1  held: guard")
    expect(out).toContain("wso approve 0123456789abcdef")
  })

  it("approves exactly the plan that was shown, and says with exit code 5 that it has changed", async () => {
    const url = await started({
      administration: {
        approve: (planHash) =>
          planHash === "right"
            ? Effect.succeed({ planHash, storeIds: ["ws-1", "ws-2"] })
            : new PlanMismatch({ currentHash: null })
      }
    })
    expect(await wso(url, "approve", "right")).toMatchObject({
      code: 0,
      out: "Approved: 2 removals.\n- ws-1\n- ws-2\n"
    })
    expect(await wso(url, "approve", "wrong")).toMatchObject({ code: 5, out: "" })
  })
})

describe("wso reconcile", () => {
  it("runs everything and says what it did", async () => {
    const url = await started({ operations: { reconcile: () => Effect.succeed(run) } })
    expect(await wso(url, "reconcile")).toMatchObject({
      code: 0,
      out: "completed in 1s: 1 opened, 0 stopped, 0 held, 0 failed\n"
    })
  })

  it("has exit code 1 for what is held or failed, and 5 for not now", async () => {
    const partial: ManualRun = {
      ...run,
      status: "partial",
      result: {
        ...run.result,
        failedAdds: [{ storeId: "ws-2", error: "timeout" }],
        held: [{ storeId: "ws-3", reason: "guard" }]
      }
    }
    const answers: ReadonlyArray<Effect.Effect<ManualRun, RunInFlight | RunTooSoon>> = [
      Effect.succeed(partial),
      new RunInFlight({ startedAt: T }),
      new RunTooSoon({ retryAfterMs: 5_000 })
    ]
    let next = 0
    const url = await started({
      operations: { reconcile: () => Effect.suspend(() => answers[next++] ?? Effect.dieMessage("no more")) }
    })
    const first = await wso(url, "reconcile")
    expect(first.code).toBe(1)
    expect(first.out).toContain("failed ws-2: timeout")
    expect(first.out).toContain("held ws-3: guard")
    expect((await wso(url, "reconcile")).code).toBe(5)
    expect((await wso(url, "reconcile")).code).toBe(5)
  })

  it("of one workspace says what became of it", async () => {
    const url = await started({
      administration: {
        reconcileOne: (storeId) =>
          Effect.succeed(
            storeId === "ws-1"
              ? { status: "monitoring_started" as const }
              : { status: "reconcile_queued" as const, reason: "guard" }
          )
      }
    })
    expect(await wso(url, "reconcile", "ws-1")).toMatchObject({ code: 0, out: "ws-1: monitoring_started\n" })
    expect(await wso(url, "reconcile", "ws-2")).toMatchObject({
      code: 1,
      out: "ws-2: reconcile_queued (guard)\n"
    })
  })

  it("with --watch says each transition while the run lasts", async () => {
    let watching = false
    const url = await started({
      operations: {
        reconcile: () =>
          Effect.succeed(run).pipe(Effect.delay("50 millis"), Effect.repeat({ until: () => watching }))
      },
      administration: {
        events: () =>
          Stream.concat(
            Stream.fromEffect(
              Effect.sync(() => {
                watching = true
                return {
                  id: 1,
                  at: 8_000_000_000_000,
                  type: "monitoring_started",
                  storeId: "ws-1",
                  message: "Opened"
                }
              })
            ),
            Stream.never
          )
      }
    })
    const { code, out, said } = await wso(url, "reconcile", "--watch")
    expect(code).toBe(0)
    expect(said).toContain("monitoring_started  ws-1  Opened")
    expect(out).toContain("completed")
  })
})

describe("wso suspend and resume", () => {
  it("pauses the loop or one workspace, with reason and duration", async () => {
    const seen: Array<unknown> = []
    const url = await started({
      administration: {
        pause: (request) =>
          Effect.sync(() => {
            seen.push(request)
            return { storeId: request.storeId, reason: request.reason, actor: "a", since: T, expiresAt: null }
          }),
        resume: (storeId) => Effect.succeed(storeId === null)
      }
    })
    expect(await wso(url, "suspend", "-r", "deploy", "--for", "1h30m")).toMatchObject({ code: 0 })
    expect((await wso(url, "suspend", "ws-1", "--reason", "look")).out).toContain(
      "ws-1 is paused until it is resumed"
    )
    expect(seen).toEqual([
      { storeId: null, reason: "deploy", expiresInMs: 5_400_000 },
      { storeId: "ws-1", reason: "look", expiresInMs: null }
    ])
    expect((await wso(url, "resume")).out).toContain("The whole loop is resumed")
    expect((await wso(url, "resume", "ws-1")).out).toContain("ws-1 was not paused")
  })
})

describe("the machinery", () => {
  it("is shown by queue, stuck and circuits, with exit codes for what is wrong", async () => {
    const asked: Array<number> = []
    const url = await started({
      administration: {
        breakers: Effect.succeed([breaker]),
        stuck: (olderThanMs) =>
          Effect.sync(() => {
            asked.push(olderThanMs)
            return olderThanMs > 100_000
              ? []
              : [
                  {
                    storeId: "ws-1",
                    kind: "missing" as const,
                    since: T,
                    forMs: 90_000,
                    reason: "backoff",
                    message: "no"
                  }
                ]
          }),
        resetBreaker: (name) =>
          name === "auth-worker"
            ? Effect.succeed({ ...breaker, state: "half-open" as const })
            : new UnknownBreaker({ known: ["auth-worker"] })
      }
    })
    const queue = await wso(url, "queue")
    expect(queue.code).toBe(0)
    expect(queue.out).toMatch(/ws-wait +waiting +drift/)
    expect(await wso(url, "stuck")).toMatchObject({ code: 1, out: containing("1m30s") })
    expect(await wso(url, "stuck", "--older-than", "5m")).toMatchObject({ code: 0 })
    expect(asked).toEqual([60_000, 300_000])
    expect(await wso(url, "circuits")).toMatchObject({
      code: 1,
      out: matching(/auth-worker +open +5/)
    })
    expect(await wso(url, "circuits", "reset", "auth-worker")).toMatchObject({
      code: 0,
      out: "auth-worker is half-open.\n"
    })
    expect(await wso(url, "circuits", "reset", "other")).toMatchObject({
      code: 2,
      said: containing("auth-worker")
    })
  })

  it("lists the messages that were given up, and decides on them", async () => {
    const decided: Array<ReadonlyArray<string>> = []
    const url = await started({
      messages: {
        parked: ({ storeId }) =>
          Effect.succeed(
            storeId === "ws-2"
              ? []
              : [
                  {
                    storeId: "ws-1",
                    messageId: "m/1",
                    conversationId: "talk",
                    attempts: 5,
                    failures: 5,
                    lastError: "failed: the handler answered 500",
                    parkedAt: T
                  }
                ]
          ),
        decide: (decision, storeId, messageId) =>
          Effect.sync(() => void decided.push([decision, storeId, messageId]))
      }
    })
    expect(await wso(url, "messages")).toMatchObject({
      code: 1,
      out: matching(/ws-1 +m\/1 +talk +5 .* failed: the handler answered 500/)
    })
    expect(await wso(url, "messages", "-w", "ws-2")).toMatchObject({
      code: 0,
      out: "No message is parked.\n"
    })
    expect(await wso(url, "messages", "retry", "ws-1", "m/1")).toMatchObject({
      code: 0,
      out: "m/1 is handled again.\n"
    })
    expect((await wso(url, "messages", "drop", "ws-1", "m2")).code).toBe(0)
    expect(decided).toEqual([
      ["retry", "ws-1", "m/1"],
      ["drop", "ws-1", "m2"]
    ])
  })

  it("is quiet when nothing is wrong", async () => {
    const url = await started()
    expect((await wso(url, "messages")).code).toBe(0)
    expect((await wso(url, "stuck")).code).toBe(0)
    expect((await wso(url, "circuits")).code).toBe(0)
  })
})

describe("wso events", () => {
  const event = (id: number) => ({
    id,
    at: Date.parse(T),
    type: "died",
    storeId: "ws-1",
    message: `event\n${id}`
  })

  it("prints what is kept and ends, or goes on with -f", async () => {
    const url = await started({
      administration: { events: () => Stream.concat(Stream.make(event(1), event(2)), Stream.never) }
    })
    const kept = await wso(url, "events")
    expect(kept).toMatchObject({ code: 0, out: `${T}  died  ws-1  event\\n1\n${T}  died  ws-1  event\\n2\n` })
    const json = await wso(url, "events", "-o", "json")
    expect(
      json.out
        .trim()
        .split("\n")
        .map((line) => (JSON.parse(line) as { id: number }).id)
    ).toEqual([1, 2])
    const following = begin(["events", "-f", "--url", url])
    await following.until("event\\n2")
    await following.stop()
  })
})

describe("wso audit", () => {
  it("lists the records, and verifies the chain with exit code 1 for a broken one", async () => {
    const record = {
      seq: 1,
      at: Date.parse(T),
      actor: "ann",
      address: "::1",
      action: "loop.paused",
      subject: "",
      detail: "two words",
      outcome: "succeeded" as const,
      hash: "h"
    }
    let intact = true
    const url = await started({
      administration: {
        audit: () => Effect.succeed([record]),
        verifyAudit: Effect.sync(() => ({ intact, records: 1, firstBrokenSeq: intact ? null : 1 }))
      }
    })
    expect((await wso(url, "audit")).out).toMatch(
      /1 +2025-02-10T20:15:00.000Z +ann +::1 +loop.paused +- +succeeded +two words/
    )
    expect(await wso(url, "audit", "verify")).toMatchObject({
      code: 0,
      out: containing("Intact: 1")
    })
    intact = false
    expect(await wso(url, "audit", "verify")).toMatchObject({
      code: 1,
      out: containing("BROKEN at record 1")
    })
  })
})

describe("wso doctor", () => {
  const doctor = (url: string, env: Readonly<Record<string, string>>) =>
    begin(["doctor", "--url", url], { env }).finished

  it("finds everything in order", async () => {
    const url = await started()
    const { code, out } = await doctor(url, { SERVER_BYPASS_TOKEN: "admin-token", WEBHOOK_SECRET: SECRET })
    expect([code, out.match(/ ok /g)?.length]).toEqual([0, 10])
    expect(out).not.toContain(SECRET)
  })

  it("finds a wrong token, a wrong webhook secret and a dependency that is down", async () => {
    const nudged: Array<string> = []
    const url = await started({
      operations: { nudge: (id) => Effect.sync(() => (nudged.push(id), { status: "already_monitored" })) },
      administration: {
        probe: (check) => Effect.succeed({ healthy: check === "db", detail: { lastError: "x" } })
      }
    })
    const { code, out } = await doctor(url, { SERVER_BYPASS_TOKEN: "wrong", WEBHOOK_SECRET: "wrong" })
    expect(code).toBe(1)
    expect(out).toMatch(/admin token +failed/)
    expect(out).toMatch(/webhook secret +failed/)
    expect(out).toMatch(/Auth Worker +failed +lastError x/)
    expect(out).toMatch(/state database +ok/)
    expect(nudged).toEqual([])
  })

  it("warns of a store that opened and did not connect, and finds one that cannot be opened", async () => {
    const env = { SERVER_BYPASS_TOKEN: "admin-token" }
    const offline = await started({
      administration: {
        selfTest: Effect.succeed({
          healthy: true,
          detail: { driver: "livestore", openMs: 151, connected: false }
        })
      }
    })
    const warned = await doctor(offline, env)
    expect([warned.code, warned.out]).toEqual([
      0,
      expect.stringMatching(/store self-test +warning +the livestore driver opened a store in 151 ?ms, but/)
    ])
    const broken = await started({
      administration: {
        selfTest: Effect.succeed({ healthy: false, detail: { driver: "livestore", error: "no wasm" } })
      }
    })
    const failed = await doctor(broken, env)
    expect([failed.code, failed.out]).toEqual([1, expect.stringMatching(/store self-test +failed +no wasm/)])
  })

  it("says what it cannot check, and fails where no server answers", async () => {
    const url = await started()
    expect((await doctor(url, { SERVER_BYPASS_TOKEN: "admin-token" })).out).toMatch(/webhook secret +skipped/)
    expect((await doctor(NOWHERE, {})).code).toBe(1)
  })
})

describe("wso config validate", () => {
  it("says that the environment is right, or what is wrong with it, with exit code 78", async () => {
    expect((await begin(["config", "validate"]).finished).code).toBe(0)
    const wrong = await begin(["config", "validate"], {
      configuration: new ConfigurationWrong({ message: "PORT got x" })
    }).finished
    expect(wrong).toMatchObject({ code: 78, said: "PORT got x\n" })
  })
})
