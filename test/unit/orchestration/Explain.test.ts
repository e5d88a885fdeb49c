import { describe, expect, it } from "vitest"
import { blockers, summarize, type Situation } from "../../../src/orchestration/Explain.ts"

const now = Date.parse("2026-01-01T12:00:00.000Z")
const seconds = (count: number): number => now + count * 1_000

/** Monitored, desired, and nothing in the way. */
const fine: Situation = {
  storeId: "ws-a",
  monitored: true,
  desired: "present",
  owned: true,
  pause: null,
  absence: null,
  guardPlan: null,
  waiting: null,
  sourceDisagrees: false,
  lastError: null,
  attempts: 0,
  queue: "none",
  breaker: null,
  fresh: true,
  everListed: true,
  server: { locked: false, reconcilerOff: null, sourceDown: null, backendDown: null },
  messages: { pending: 0, parked: 0 },
  observed: "open",
  isConnected: true,
  now
}
const missing: Situation = { ...fine, monitored: false, observed: "closed", isConnected: null }
const gone: Situation = {
  ...fine,
  desired: "absent",
  absence: { kind: "absent", confirmations: 2, confirmationsNeeded: 2, graceUntil: null }
}
const pause = { whole: false, reason: "debugging", actor: "ada", until: null }
const breaker = { name: "auth-worker", until: seconds(30), lastError: "The directory answers 500" }
const guardPlan = {
  hash: "0123456789abcdef",
  count: 30,
  why: "30 removals exceed the 8 that a window allows"
}

const answer = (situation: Situation) => summarize(situation, blockers(situation))

describe("a blocker says what it is, until when, and what to do", () => {
  it.each<readonly [string, Situation, ReturnType<typeof blockers>[number]]>([
    [
      "the pause of one workspace",
      { ...missing, pause },
      {
        reason: "paused",
        message: "This workspace is paused by ada (debugging) until somebody resumes it.",
        until: null,
        nextStep: "wso resume ws-a"
      }
    ],
    [
      "the pause of the whole loop, which expires",
      { ...missing, pause: { whole: true, reason: "maintenance", actor: "bob", until: seconds(600) } },
      {
        reason: "paused",
        message: "The whole loop is paused by bob (maintenance) for now; it ends in 10 min.",
        until: "2026-01-01T12:10:00.000Z",
        nextStep: "wso resume"
      }
    ],
    [
      "another owner",
      { ...missing, owned: false },
      {
        reason: "not-owner",
        message: "Another replica is responsible for this workspace.",
        until: null,
        nextStep: "Ask the replica that owns it."
      }
    ],
    [
      "too little evidence",
      { ...gone, absence: { kind: "absent", confirmations: 1, confirmationsNeeded: 2, graceUntil: null } },
      {
        reason: "evidence",
        message:
          "It is missing from the directory's list, in 1 of the 2 complete lists that are needed before it is stopped.",
        until: null,
        nextStep: "Nothing, the next resync looks again; to look now: wso reconcile ws-a"
      }
    ],
    [
      "the grace",
      {
        ...gone,
        absence: { kind: "deleted", confirmations: 0, confirmationsNeeded: 2, graceUntil: seconds(10_800) }
      },
      {
        reason: "grace",
        message: "It is gone from the directory and stays monitored for the grace period, which ends in 3 h.",
        until: "2026-01-01T15:00:00.000Z",
        nextStep:
          "Nothing. If it should stay, bring it back in the Auth Worker: reappearing cancels the removal."
      }
    ],
    [
      "the guard",
      { ...gone, guardPlan },
      {
        reason: "guard",
        message:
          "It is missing from the directory's lists. The removal guard holds it together with 29 others, because 30 removals exceed the 8 that a window allows.",
        until: null,
        nextStep:
          "If they are really gone: wso approve 0123456789abcdef; to keep them: wso reject 0123456789abcdef. It is held until then, or until it comes back; time alone ends nothing."
      }
    ],
    [
      "the guard, when it holds this one alone",
      { ...gone, guardPlan: { ...guardPlan, count: 1, why: "nothing would be left" } },
      {
        reason: "guard",
        message:
          "It is missing from the directory's lists. The removal guard holds it, because nothing would be left.",
        until: null,
        nextStep:
          "If it is really gone: wso approve 0123456789abcdef; to keep it: wso reject 0123456789abcdef. It is held until then, or until it comes back; time alone ends nothing."
      }
    ],
    [
      "the guard, when it holds two",
      { ...gone, guardPlan: { ...guardPlan, count: 2, why: "nothing would be left" } },
      {
        reason: "guard",
        message:
          "It is missing from the directory's lists. The removal guard holds it together with 1 other, because nothing would be left.",
        until: null,
        nextStep:
          "If they are really gone: wso approve 0123456789abcdef; to keep them: wso reject 0123456789abcdef. It is held until then, or until it comes back; time alone ends nothing."
      }
    ],
    [
      "a source that contradicts itself",
      { ...gone, sourceDisagrees: true },
      {
        reason: "source-disagrees",
        message:
          "The directory's list does not have it, but the directory says that it exists when asked for it by id.",
        until: null,
        nextStep: "Look at the Auth Worker: its list and its records contradict each other."
      }
    ],
    [
      "the backoff, with what the store says",
      {
        ...missing,
        attempts: 3,
        lastError: { code: "StoreOpen_rejected", message: "the backend rejects the token" },
        waiting: { reason: "backoff", until: seconds(8) },
        queue: "waiting"
      },
      {
        reason: "backoff",
        message: "The last 3 attempts failed (the backend rejects the token); the next is in 8 s.",
        until: "2026-01-01T12:00:08.000Z",
        nextStep: "To try now: wso reconcile ws-a"
      }
    ],
    [
      "the backoff after one failure that nobody has described, just before it ends",
      { ...missing, attempts: 1, waiting: { reason: "backoff", until: now + 400 }, queue: "waiting" },
      {
        reason: "backoff",
        message: "The last attempt failed; the next is in less than a second.",
        until: "2026-01-01T12:00:00.400Z",
        nextStep: "To try now: wso reconcile ws-a"
      }
    ],
    [
      "a store that keeps dying",
      { ...missing, waiting: { reason: "flapping", until: seconds(64) }, queue: "waiting", observed: "dead" },
      {
        reason: "flapping",
        message: "Its store keeps dying soon after it was opened; it is opened again in 64 s.",
        until: "2026-01-01T12:01:04.000Z",
        nextStep: "See why it dies: wso describe ws-a; to try now: wso reconcile ws-a"
      }
    ],
    [
      "the breaker",
      { ...missing, desired: "unknown", everListed: false, fresh: false, breaker },
      {
        reason: "breaker",
        message:
          "The directory cannot be asked: its circuit breaker is open (The directory answers 500), so what is known may be old.",
        until: "2026-01-01T12:00:30.000Z",
        nextStep: "See wso circuits; once the Auth Worker answers again: wso circuits reset auth-worker"
      }
    ]
  ])("%s", (_, situation, expected) => {
    expect(blockers(situation)).toEqual([expected])
    const { nextStep, summary } = answer(situation)
    // The summary carries the reason, and the step that goes with it.
    expect(summary).toContain(expected.message)
    expect(nextStep).toBe(expected.nextStep)
    expect(summary).toMatch(
      situation.monitored
        ? /^It is gone from the directory and still monitored\. /
        : /^It is not monitored\. /
    )
  })

  it("puts first what weighs most", () => {
    const all: Situation = {
      ...gone,
      monitored: false,
      owned: false,
      pause,
      guardPlan,
      waiting: { reason: "backoff", until: seconds(8) },
      breaker
    }
    expect(blockers(all).map(({ reason }) => reason)).toEqual([
      "not-owner",
      "paused",
      "guard",
      "backoff",
      "breaker"
    ])
    expect(answer(all).nextStep).toBe("Ask the replica that owns it.")
  })

  it("names of a removal only what holds it now: evidence before grace, grace before guard", () => {
    const young = {
      kind: "absent",
      confirmations: 1,
      confirmationsNeeded: 2,
      graceUntil: seconds(9)
    } as const
    const reasonsOf = (situation: Situation) => blockers(situation).map(({ reason }) => reason)
    expect(reasonsOf({ ...gone, absence: young, guardPlan })).toEqual(["evidence"])
    expect(reasonsOf({ ...gone, absence: { ...young, confirmations: 2 }, guardPlan })).toEqual(["grace"])
    expect(reasonsOf({ ...gone, absence: { ...young, graceUntil: now }, guardPlan })).toEqual(["evidence"])
    expect(
      reasonsOf({ ...gone, absence: { ...young, confirmations: 2, graceUntil: now }, guardPlan })
    ).toEqual(["guard"])
    expect(reasonsOf(gone)).toEqual([])
  })

  it("does not repeat a pause or a grace as waiting", () => {
    for (const reason of ["paused", "grace"] as const) {
      expect(blockers({ ...missing, waiting: { reason, until: seconds(5) } })).toEqual([])
    }
  })
})

describe("the summary where nothing blocks", () => {
  it.each<readonly [string, Situation, string, string]>([
    ["monitored", fine, "It is monitored: its store is open and its event processor runs.", "Nothing to do."],
    [
      "monitored, but deaf",
      { ...fine, isConnected: false },
      "It is monitored, but its store does not hear the sync backend at the moment.",
      "Nothing: it connects again by itself, and is opened afresh after two minutes; see wso describe ws-a"
    ],
    [
      "monitored while the directory cannot be asked: what runs keeps running",
      { ...fine, breaker },
      "It is monitored: its store is open and its event processor runs.",
      "Nothing to do."
    ],
    ["about to be stopped", gone, "It is gone from the directory and still monitored.", "Nothing to do."],
    [
      "stopped",
      { ...missing, desired: "unknown" },
      "It is not monitored, because it is not desired: the directory does not have it any more, and it was stopped.",
      "If it should exist, look for it in the Auth Worker."
    ],
    [
      "stopped, though the directory cannot be asked now",
      { ...missing, desired: "unknown", breaker },
      "It is not monitored, because it is not desired: the directory does not have it any more, and it was stopped.",
      "If it should exist, look for it in the Auth Worker."
    ],
    [
      "unknown",
      { ...missing, desired: "unknown", everListed: false },
      "It is not monitored: the newest list that the directory gave does not have it, and it has never been monitored here.",
      "Check the id, and look for it in the Auth Worker; if it has just been created: wso reconcile ws-a"
    ],
    [
      "being opened",
      { ...missing, queue: "running", observed: "opening" },
      "It is being opened right now.",
      "Watch it: wso reconcile --watch ws-a"
    ],
    ["queued", { ...missing, queue: "ready" }, "It waits for a free worker.", "See the queue: wso queue"],
    ["not begun", missing, "It is not monitored yet.", "wso reconcile ws-a"],
    [
      "failed",
      { ...missing, lastError: { code: "Defect", message: "A defect of this program" } },
      "It is not monitored: A defect of this program",
      "wso reconcile ws-a"
    ]
  ])("%s", (_, situation, summary, nextStep) => {
    expect(answer(situation)).toEqual({ summary, nextStep })
  })

  it("says of a monitored workspace that is paused that it is", () => {
    expect(answer({ ...fine, pause })).toEqual({
      summary:
        "It is monitored: its store is open and its event processor runs. This workspace is paused by ada (debugging) until somebody resumes it.",
      nextStep: "wso resume ws-a"
    })
  })
})

describe("the step while the server as a whole is in trouble", () => {
  const outage = "mend the Auth Worker"
  const down = { ...fine.server, sourceDown: outage }

  it("is no run by hand, which would fail, while the source cannot be asked", () => {
    const waiting = { reason: "backoff", until: seconds(10) } as const
    const absence = { kind: "absent", confirmations: 1, confirmationsNeeded: 2, graceUntil: null } as const
    const situations: ReadonlyArray<Situation> = [
      missing,
      { ...missing, queue: "waiting", waiting },
      { ...missing, queue: "waiting", waiting: { ...waiting, reason: "flapping" } },
      { ...missing, desired: "unknown", everListed: false },
      { ...missing, lastError: { code: "X", message: "y" } },
      { ...gone, absence }
    ]
    for (const situation of situations) {
      expect(answer(situation).nextStep).toContain("wso reconcile ws-a")
      const { nextStep } = answer({ ...situation, server: down, breaker })
      expect(nextStep).not.toContain("wso reconcile")
      expect(nextStep).toContain(outage)
    }
  })

  it("is no run by hand, which is refused, while the reconciler is off", () => {
    const server = { ...fine.server, reconcilerOff: "set SERVER_BYPASS_TOKEN" }
    expect(answer({ ...missing, server }).nextStep).toBe("set SERVER_BYPASS_TOKEN")
  })

  it("begins with lifting the lockdown, under which changes are refused", () => {
    const server = { ...fine.server, locked: true }
    for (const situation of [missing, { ...missing, pause }, { ...gone, guardPlan }]) {
      expect(answer({ ...situation, server }).nextStep).toContain("wso lockdown lift -r <reason>, then")
    }
    expect(answer({ ...fine, server }).nextStep).toBe("Nothing to do.")
  })

  it("is that of the sync backend while no store hears it, and never nothing", () => {
    const server = { ...fine.server, backendDown: { found: "no store hears it", nextStep: "start it" } }
    const deaf = { ...fine, isConnected: false, server }
    expect(answer(deaf)).toEqual({
      summary:
        "It is monitored, but its store does not hear the sync backend at the moment. Its messages neither arrive nor leave: no store hears it.",
      nextStep: "start it"
    })
    expect(answer({ ...missing, server }).nextStep).toBe("start it")
  })

  it("leads to the messages that were given up", () => {
    expect(answer({ ...fine, messages: { pending: 0, parked: 2 } }).nextStep).toContain("wso messages")
  })

  it("never says of a workspace that was stopped that it was never known", () => {
    const stopped = answer({ ...missing, desired: "unknown", server: down, breaker })
    expect(stopped.summary).toContain("does not have it any more")
    expect(stopped.summary).not.toContain("never")
  })
})
