/** What a nudge's news change about how the source is read, and what they never change. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as TestClock from "effect/TestClock"
import * as CircuitBreaker from "../../../src/controller/CircuitBreaker.ts"
import * as Budget from "../../../src/workspaces/Budget.ts"
import * as DesiredState from "../../../src/workspaces/DesiredState.ts"
import * as SnapshotStore from "../../../src/workspaces/SnapshotStore.ts"
import { unavailable } from "../../support/FakeDirectory.ts"
import { changed, listed, makeScriptedDirectory, notModified } from "../../support/ScriptedDirectory.ts"

const start = (given: Partial<DesiredState.Options> = {}) =>
  Effect.gen(function* () {
    const directory = makeScriptedDirectory()
    const lookups = yield* CircuitBreaker.make({ name: "lookups" })
    const desired = yield* DesiredState.make({
      staticOnly: false,
      removalConfirmations: 2,
      pinned: [],
      breaker: yield* CircuitBreaker.make({ name: "auth-worker" }),
      lookups,
      ...given
    }).pipe(Effect.provide(Layer.merge(directory.layer, SnapshotStore.layerMemory)))
    return { directory, desired, lookups }
  })

const withFeed = { revision: "10", features: ["revision", "changes", "get"] } as const
const created = { claim: "created", userId: "user-1" } as const
const deleted = { claim: "deleted", userId: "user-1" } as const

describe("a validator is believed for a while, and not by everybody", () => {
  it.scoped("is not sent for a run by hand, nor for each sixth resync", () =>
    Effect.gen(function* () {
      const { desired, directory } = yield* start()
      directory.lists(["ws-a"], { revision: "10" })
      yield* desired.refresh("resync")
      yield* desired.refresh("manual")
      for (let resync = 2; resync <= 12; resync++) yield* desired.refresh("resync")
      const unconditional = directory.calls.list.map((known) => known.unconditional === true)
      expect(unconditional[1]).toBe(true)
      expect(unconditional.filter(Boolean)).toHaveLength(3)
    })
  )

  it.scoped("gives way where a webhook says created and the feed knows nothing of it", () =>
    Effect.gen(function* () {
      const { desired, directory } = yield* start()
      directory.lists(["ws-a"], withFeed)
      yield* desired.refresh("resync")
      directory.script.changes = () => changed("10")
      directory.script.exists = () => Effect.succeed(true)
      directory.script.list = ({ unconditional }) =>
        unconditional === true ? listed(["ws-a", "ws-b"], withFeed) : notModified
      yield* desired.consult("ws-b", created)
      expect(desired.get("ws-b")._tag).toBe("Present")
    })
  )

  it.scoped("gives way where a webhook says deleted and a 304 says that nothing has changed", () =>
    Effect.gen(function* () {
      const { desired, directory } = yield* start()
      directory.lists(["ws-a", "ws-b"], { revision: "10" })
      yield* desired.refresh("resync")
      directory.script.list = ({ unconditional }) =>
        unconditional === true ? listed(["ws-a"], { revision: "10" }) : notModified
      yield* desired.consult("ws-b", deleted)
      expect(desired.get("ws-b")._tag).toBe("Absent")
    })
  )

  it.scoped("stays where the source, asked by id, says what is believed: no list is read", () =>
    Effect.gen(function* () {
      const { desired, directory } = yield* start()
      directory.lists(["ws-a"], withFeed)
      yield* desired.refresh("resync")
      directory.script.changes = () => changed("10")
      directory.script.exists = () => Effect.succeed(false)
      yield* desired.consult("ws-b", created)
      expect(directory.calls.exists).toEqual(["ws-b"])
      expect(directory.calls.list).toHaveLength(1)
      expect(desired.get("ws-b")._tag).toBe("Unknown")
    })
  )

  it.scoped("hides no other set of the same revision: another lineage is a whole list", () =>
    Effect.gen(function* () {
      const { desired, directory } = yield* start()
      const old = { ...withFeed, lineage: "of-before" }
      directory.script.list = () => listed(["ws-a", "ws-old"], old)
      yield* desired.refresh("resync")
      directory.script.changes = (_since, lineage) =>
        lineage === "of-before" ? Effect.succeedNone : changed("10")
      directory.script.list = () => listed(["ws-a", "ws-new"], { ...withFeed, lineage: "of-after" })
      yield* desired.refresh("nudge")
      expect([...desired.ids()].sort()).toEqual(["ws-a", "ws-new", "ws-old"])
      expect(desired.get("ws-old")._tag).toBe("Absent")
    })
  )

  it.scoped("is not built on by the feed of another environment", () =>
    Effect.gen(function* () {
      const { desired, directory } = yield* start()
      directory.lists(["ws-a"], { ...withFeed, environmentId: "ours" })
      yield* desired.refresh("resync")
      directory.script.changes = () =>
        Effect.map(
          changed("11", "-ws-a"),
          Option.map((feed) => ({ ...feed, environmentId: "theirs" }))
        )
      yield* desired.refresh("nudge")
      expect(desired.get("ws-a")._tag).toBe("Present")
    })
  )
})

describe("evidence that nudges bring", () => {
  it.scoped("is a webhook that says deleted beside one complete list without the workspace", () =>
    Effect.gen(function* () {
      const { desired, directory } = yield* start()
      directory.lists(["ws-a", "ws-b", "ws-c"])
      yield* desired.refresh("resync")
      directory.lists(["ws-a"])
      yield* desired.consult("ws-b", deleted)
      const absences = desired.absences()
      expect(absences.get("ws-b")).toMatchObject({ kind: "absent", confirmations: 2 })
      expect(absences.get("ws-c")).toMatchObject({ kind: "absent", confirmations: 1 })
    })
  )

  it.scoped("is none while the list still has it, and none a minute later", () =>
    Effect.gen(function* () {
      const { desired, directory } = yield* start()
      directory.lists(["ws-a", "ws-b"])
      yield* desired.refresh("resync")
      yield* desired.consult("ws-b", deleted)
      expect(desired.get("ws-b")._tag).toBe("Present")
      yield* TestClock.adjust("61 seconds")
      directory.lists(["ws-a"])
      yield* desired.refresh("resync")
      expect(desired.absences().get("ws-b")).toMatchObject({ confirmations: 1 })
    })
  )

  it.scoped("confirms the absence of others at most once an interval", () =>
    Effect.gen(function* () {
      const { desired, directory } = yield* start({ removalConfirmations: 5, intervalMs: 300_000 })
      directory.lists(["ws-a", "ws-b"])
      yield* desired.refresh("resync")
      directory.lists(["ws-a"])
      for (let nudge = 0; nudge < 10; nudge++) {
        yield* Effect.fork(desired.consult(`ws-new-${nudge}`, created))
        yield* TestClock.adjust("3 seconds")
      }
      expect(directory.calls.list.length).toBeGreaterThan(5)
      expect(desired.absences().get("ws-b")).toMatchObject({ confirmations: 1 })
      yield* desired.refresh("resync")
      expect(desired.absences().get("ws-b")).toMatchObject({ confirmations: 2 })
      // A nudge about itself asks for evidence.
      yield* Effect.fork(desired.refresh("confirm", "ws-b"))
      yield* TestClock.adjust("3 seconds")
      expect(desired.absences().get("ws-b")).toMatchObject({ confirmations: 3 })
    })
  )
})

describe("one small read", () => {
  it.scoped("shows a created workspace among its user's instances, and no list is read", () =>
    Effect.gen(function* () {
      const { desired, directory } = yield* start()
      directory.lists(["ws-a"])
      yield* desired.refresh("resync")
      directory.script.instancesOf = () => Effect.succeedSome(new Set(["ws-b"]))
      yield* desired.consult("ws-b", created)
      expect(desired.get("ws-b")._tag).toBe("Present")
      expect(directory.calls.list).toHaveLength(1)
    })
  )

  it.scoped("that does not show it, fails, or is not offered leaves the answer to the list", () =>
    Effect.gen(function* () {
      const { desired, directory } = yield* start()
      directory.lists(["ws-a"])
      yield* desired.refresh("resync")
      directory.lists(["ws-a", "ws-b", "ws-c", "ws-d", "ws-e"])
      directory.script.instancesOf = () => Effect.succeedSome(new Set<string>())
      yield* desired.consult("ws-b", created)
      directory.script.instancesOf = () => Effect.fail(unavailable)
      yield* desired.consult("ws-c", created)
      directory.script.instancesOf = () => Effect.succeedNone
      directory.lists(["ws-a", "ws-f"])
      yield* desired.consult("ws-f", created)
      yield* desired.consult("ws-g", created)
      expect(desired.get("ws-f")._tag).toBe("Present")
      expect(directory.calls.instancesOf).toHaveLength(2)
    })
  )

  it.scoped("has a breaker of its own: the list is read while it is open", () =>
    Effect.gen(function* () {
      const { desired, directory, lookups } = yield* start()
      directory.lists(["ws-a"], withFeed)
      yield* desired.refresh("resync")
      directory.script.exists = () => Effect.fail(unavailable)
      for (let ask = 0; ask < 10; ask++) yield* Effect.either(desired.existsById("ws-a"))
      expect((yield* lookups.status).state).toBe("open")
      yield* desired.refresh("resync")
      expect(desired.view().lastError).toBeNull()
    })
  )
})

describe("the source's budget", () => {
  const limits = (headers: Record<string, string>) => Budget.toldBy(headers, 1_700_000_000_000)
  it("is read from whatever form of header a source has", () => {
    const told = { limit: 100, remaining: 7, resetMs: 30_000 }
    expect(
      limits({ "ratelimit-limit": "100", "ratelimit-remaining": "7", "ratelimit-reset": "30" })
    ).toMatchObject(told)
    expect(
      limits({ "x-ratelimit-limit": "100", "x-ratelimit-remaining": "7", "x-ratelimit-reset": "1700000030" })
    ).toMatchObject(told)
    expect(limits({ ratelimit: "limit=100, remaining=7, reset=30" })).toMatchObject(told)
    expect(
      limits({ ratelimit: `"default";r=7;t=30`, "ratelimit-policy": `"default";q=100;w=60` })
    ).toMatchObject(told)
    expect(limits({ "ratelimit-limit": "soon", "x-ratelimit-reset": "-1" })).toEqual({
      limit: undefined,
      remaining: undefined,
      resetMs: undefined,
      windowMs: undefined
    })
  })

  it("of a plain list is never overspent, whatever the demand, and a lone nudge waits for nothing", () => {
    const budget = Budget.make()
    expect(budget.waitMs(0, "plain-list")).toBe(0)
    const sent: Array<number> = []
    let now = 0
    while (now < 300_000) {
      now += budget.waitMs(now, "plain-list")
      budget.spend(now)
      sent.push(now)
      now += 20
    }
    for (const at of sent) {
      expect(sent.filter((other) => other > at - 60_000 && other <= at).length).toBeLessThanOrEqual(58)
    }
    // Nearly all of it is spent.
    expect(sent.filter((at) => at > 120_000 && at <= 240_000).length).toBeGreaterThan(110)
  })

  it("gives one request a second nearly one a second, in steps that stay small", () => {
    const budget = Budget.make()
    let longest = 0
    let due = 0
    for (let now = 0; now < 240_000; now += 1_000) {
      if (now < due) continue
      const waitMs = budget.waitMs(now, "plain-list")
      longest = Math.max(longest, waitMs)
      due = now + waitMs
      budget.spend(due)
    }
    expect(longest).toBeLessThanOrEqual(1_200)
  })

  it("is learned from a 429, and closes for as long as the source says", () => {
    const budget = Budget.make()
    for (let request = 0; request < 20; request++) budget.spend(request)
    budget.learn({ status: 429, headers: {} }, 20, 0)
    expect(budget.waitMs(20, "none")).toBeGreaterThanOrEqual(5_000)
    const told = Budget.make()
    told.learn({ status: 429, headers: { "ratelimit-reset": "7" } }, 0, 0)
    expect(told.waitMs(0, "none")).toBe(7_000)
    expect(Budget.make().waitMs(0, "none")).toBe(0)
  })
})
