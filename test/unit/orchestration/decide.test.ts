import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { decide, type Action, type Facts, type Policy } from "../../../src/orchestration/decide.ts"
import { StoreDied } from "../../../src/stores/StoreDriver.ts"
import type { Observed } from "../../../src/stores/StoreManager.ts"
import type { Desired } from "../../../src/workspaces/DesiredState.ts"

// Small numbers, so that instants and bounds coincide often: most faults of such code live at `>` or `>=`.
const instant = fc.nat(40)

const policies: fc.Arbitrary<Policy> = fc.record({
  removalConfirmations: fc.integer({ min: 1, max: 4 }),
  removalGraceMs: fc.nat(20),
  disconnectedLimitMs: fc.integer({ min: 1, max: 20 }),
  flappingBaseMs: fc.integer({ min: 1, max: 5 }),
  flappingMaxMs: fc.integer({ min: 1, max: 30 })
})

const present: fc.Arbitrary<Desired> = fc.record({ _tag: fc.constant("Present"), pinned: fc.boolean() })
const absent = fc.record({
  _tag: fc.constant("Absent"),
  absence: fc.record({
    kind: fc.constantFrom("deleted", "absent"),
    confirmations: fc.nat(5),
    since: instant
  })
})
const unknown: fc.Arbitrary<Desired> = fc.constant({ _tag: "Unknown" })
const desired: fc.Arbitrary<Desired> = fc.oneof(present, absent, unknown)

const death = new StoreDied({ storeId: "ws-a", reason: "shutdown", message: "LiveStore shut itself down" })
const closed: fc.Arbitrary<Observed> = fc.constant({ _tag: "Closed" })
const open = fc.record({
  _tag: fc.constant("Open"),
  since: instant,
  connectivity: fc.record({ isConnected: fc.boolean(), since: instant })
})
const dead = fc.record({
  _tag: fc.constant("Dead"),
  death: fc.constant(death),
  deaths: fc.oneof(fc.nat(8), fc.constantFrom(50, 1_100)),
  at: instant
})
const observed: fc.Arbitrary<Observed> = fc.oneof(
  closed,
  fc.record({ _tag: fc.constant("Opening"), since: instant }),
  open,
  dead
)

const notPaused = fc.constant(null)
const paused = fc.record({ until: fc.option(instant) })

const factsWith = (fixed: Partial<{ [K in keyof Facts]: fc.Arbitrary<Facts[K]> }> = {}) =>
  fc.record<Facts>({
    desired,
    observed,
    processing: fc.boolean(),
    owned: fc.oneof(
      { weight: 4, arbitrary: fc.constant(true) },
      { weight: 1, arbitrary: fc.constant(false) }
    ),
    paused: fc.oneof({ weight: 4, arbitrary: notPaused }, { weight: 1, arbitrary: paused }),
    guard: fc.constantFrom("admits", "holds"),
    byId: fc.constantFrom("not-offered", "not-asked", "gone", "exists"),
    now: instant,
    ...fixed
  })

const always = fc.constant<true>(true)
const never = fc.constant<false>(false)

/** Checks that `claim` holds of every decision about such facts. */
const forAll = (facts: fc.Arbitrary<Facts>, claim: (facts: Facts, policy: Policy, action: Action) => void) =>
  fc.assert(
    fc.property(facts, policies, (given, policy) => {
      claim(given, policy, decide(given, policy))
    }),
    { numRuns: 2_000 }
  )

/**
 * What the architecture says, written as tables of (condition, action) read from the top: independent of the code in
 * shape, so that the two do not share their mistakes.
 */
const specified = (facts: Facts, policy: Policy): Action => {
  const { desired: wanted, observed: seen, now } = facts
  const first = (...rows: ReadonlyArray<readonly [boolean, Action]>): Action | undefined =>
    rows.find(([applies]) => applies)?.[1]

  const quarantine = (deaths: number): number => {
    let delay = deaths < 2 ? 0 : policy.flappingBaseMs
    for (let n = 2; n < deaths && delay < policy.flappingMaxMs; n++) delay += delay
    return Math.min(delay, policy.flappingMaxMs)
  }
  // What lies ahead of now was noted before the clock was set back, and holds nothing up.
  const mayReopenAt = seen._tag === "Dead" && seen.at <= now ? seen.at + quarantine(seen.deaths) : now
  const deafSince =
    seen._tag === "Open" && !seen.connectivity.isConnected
      ? Math.max(-Infinity, ...[seen.since, seen.connectivity.since].filter((since) => since <= now))
      : Number.POSITIVE_INFINITY
  const repair = first(
    [mayReopenAt > now, { _tag: "Wait", reason: "flapping", afterMs: mayReopenAt - now }],
    [seen._tag === "Dead", { _tag: "EnsureMonitored", because: "died" }],
    [seen._tag !== "Open", { _tag: "EnsureMonitored", because: "desired" }],
    [!facts.processing, { _tag: "EnsureMonitored", because: "processor" }],
    [now >= deafSince + policy.disconnectedLimitMs, { _tag: "EnsureMonitored", because: "disconnected" }]
  )

  const nothing: Action = { _tag: "Nothing" }
  const isClosed = seen._tag === "Closed"
  const outer = first(
    [!facts.owned && isClosed, nothing],
    [!facts.owned, { _tag: "StopMonitoring", because: "not-owner" }],
    [facts.paused?.until === null, { _tag: "Hold", reason: "paused" }],
    [
      facts.paused !== null,
      { _tag: "Wait", reason: "paused", afterMs: Math.max(1, (facts.paused?.until ?? 0) - now) }
    ],
    [wanted._tag === "Unknown" && isClosed, nothing],
    [wanted._tag === "Unknown", { _tag: "Hold", reason: "no-evidence" }]
  )
  if (outer !== undefined) return outer
  if (wanted._tag !== "Absent") return repair ?? nothing

  const { kind, confirmations, since } = wanted.absence
  // An absence that was noted in the future is long past: the clock was set back.
  const graceEnds = since > now ? -Infinity : since + policy.removalGraceMs
  const mayAsk = kind === "absent"
  const obstacle = first(
    [kind === "absent" && confirmations < policy.removalConfirmations, { _tag: "Hold", reason: "evidence" }],
    [graceEnds > now, { _tag: "Wait", reason: "grace", afterMs: graceEnds - now }],
    [facts.guard === "holds", { _tag: "Hold", reason: "guard" }],
    [mayAsk && facts.byId === "not-asked", { _tag: "AskById" }],
    [mayAsk && facts.byId === "exists", { _tag: "Hold", reason: "source-disagrees" }]
  )
  if (obstacle === undefined) return { _tag: "StopMonitoring", because: kind }
  return obstacle._tag === "AskById" ? obstacle : (repair ?? obstacle)
}

const isProven = (facts: Facts, policy: Policy): boolean =>
  facts.desired._tag === "Absent" &&
  (facts.desired.absence.kind === "deleted" ||
    facts.desired.absence.confirmations >= policy.removalConfirmations)

describe("decide", () => {
  it("decides as the architecture says, for every combination of facts", () => {
    fc.assert(
      fc.property(factsWith(), policies, (facts, policy) => {
        expect(decide(facts, policy)).toEqual(specified(facts, policy))
      }),
      { numRuns: 20_000 }
    )
  })

  it("has an action for every input, and a wait is always finite and to come", () => {
    const extreme = fc.constantFrom(0, -1, 1, 2 ** 31, Number.MAX_SAFE_INTEGER)
    fc.assert(
      fc.property(factsWith({ now: extreme }), policies, (facts, policy) => {
        const action = decide(facts, policy)
        expect(["Nothing", "EnsureMonitored", "StopMonitoring", "AskById", "Wait", "Hold"]).toContain(
          action._tag
        )
        if (action._tag === "Wait") {
          expect(action.afterMs).toBeGreaterThan(0)
          expect(action.afterMs).toBeLessThan(Number.POSITIVE_INFINITY)
        }
      })
    )
  })

  it("changes nothing that it is given, and decides the same of the same", () => {
    forAll(factsWith(), (facts, policy, action) => {
      const before = structuredClone({ ...facts, observed: facts.observed._tag })
      expect(decide(facts, policy)).toEqual(action)
      expect({ ...facts, observed: facts.observed._tag }).toEqual(before)
    })
  })

  describe("stopping (laws 6 and 7)", () => {
    it("never stops an owned workspace without complete evidence", () => {
      forAll(factsWith({ owned: always }), (facts, policy, action) => {
        if (action._tag === "StopMonitoring") expect(isProven(facts, policy)).toBe(true)
      })
    })

    it("never stops a workspace that is present, reappeared or pinned, whatever else is true of it", () => {
      forAll(factsWith({ desired: present, owned: always }), (_facts, _policy, action) => {
        expect(["StopMonitoring", "AskById"]).not.toContain(action._tag)
      })
    })

    it("never stops a workspace of which nobody has ever spoken, and opens none", () => {
      forAll(factsWith({ desired: unknown, owned: always, paused: notPaused }), (facts, _policy, action) => {
        expect(action).toEqual(
          facts.observed._tag === "Closed" ? { _tag: "Nothing" } : { _tag: "Hold", reason: "no-evidence" }
        )
      })
    })

    it("never stops while the guard holds, not even what was deleted explicitly", () => {
      const held = factsWith({ desired: absent, owned: always, guard: fc.constant("holds") })
      forAll(held, (_facts, _policy, action) => expect(action._tag).not.toBe("StopMonitoring"))
    })

    it("never stops before the grace is over, and then does not wait for it any more", () => {
      forAll(factsWith({ desired: absent, owned: always }), (facts, policy, action) => {
        if (facts.desired._tag !== "Absent") return
        const { since } = facts.desired.absence
        const graceEnds = since > facts.now ? -Infinity : since + policy.removalGraceMs
        if (facts.now < graceEnds) expect(action._tag).not.toBe("StopMonitoring")
        else expect(action).not.toMatchObject({ _tag: "Wait", reason: "grace" })
      })
    })

    it("never stops what the directory, asked for this one id, says exists", () => {
      const disagreeing = factsWith({
        desired: absent.map((it) => ({ ...it, absence: { ...it.absence, kind: "absent" as const } })),
        owned: always,
        byId: fc.constant("exists")
      })
      forAll(disagreeing, (_facts, _policy, action) => expect(action._tag).not.toBe("StopMonitoring"))
    })

    it("asks the directory for the one id before it believes an absence, and needs no asking for a deletion", () => {
      forAll(factsWith({ owned: always, byId: fc.constant("not-asked") }), (_facts, _policy, action) => {
        if (action._tag === "StopMonitoring") expect(action.because).toBe("deleted")
      })
      forAll(
        factsWith({ byId: fc.constantFrom("not-offered", "gone", "exists") }),
        (_facts, _policy, action) => expect(action._tag).not.toBe("AskById")
      )
    })

    it("stops once evidence, grace and guard allow it, open or not, so that it can be forgotten", () => {
      const due = factsWith({
        desired: fc.constant({ _tag: "Absent", absence: { kind: "deleted", confirmations: 0, since: 0 } }),
        owned: always,
        paused: notPaused,
        guard: fc.constant("admits"),
        now: fc.constant(1_000)
      })
      forAll(due, (_facts, _policy, action) =>
        expect(action).toEqual({ _tag: "StopMonitoring", because: "deleted" })
      )
    })
  })

  it("does nothing to an owned workspace while it is paused, and looks again when the pause ends", () => {
    forAll(factsWith({ owned: always, paused }), (facts, _policy, action) => {
      expect(action).toMatchObject({ _tag: facts.paused?.until === null ? "Hold" : "Wait", reason: "paused" })
      const endsAt = facts.paused?.until ?? 0
      if (action._tag === "Wait" && endsAt > facts.now) expect(facts.now + action.afterMs).toBe(endsAt)
    })
  })

  it("gives up what another replica owns, and only that", () => {
    forAll(factsWith({ owned: never }), (facts, _policy, action) =>
      expect(action).toEqual(
        facts.observed._tag === "Closed"
          ? { _tag: "Nothing" }
          : { _tag: "StopMonitoring", because: "not-owner" }
      )
    )
  })

  describe("keeping monitored (law 9)", () => {
    const wanted = { desired: present, owned: always, paused: notPaused }

    it("is content with nothing but an open store whose processor runs", () => {
      forAll(factsWith(wanted), (facts, _policy, action) => {
        if (action._tag === "Nothing")
          expect(facts).toMatchObject({ observed: { _tag: "Open" }, processing: true })
      })
    })

    it("goes on repairing a workspace whose removal is not decided yet", () => {
      const undecided = factsWith({ ...wanted, desired: absent, observed: closed })
      forAll(undecided, (_facts, _policy, action) =>
        expect(["EnsureMonitored", "AskById", "StopMonitoring"]).toContain(action._tag)
      )
    })

    it("opens a deaf store afresh at the limit and not before, counted from its opening at the earliest", () => {
      const deaf = open.map((it) => ({ ...it, connectivity: { ...it.connectivity, isConnected: false } }))
      forAll(factsWith({ ...wanted, observed: deaf, processing: always }), (facts, policy, action) => {
        if (facts.observed._tag !== "Open") return
        const { connectivity, since } = facts.observed
        // What lies ahead of now was noted before the clock was set back, and counts for nothing.
        const known = [since, connectivity.since].filter((at) => at <= facts.now)
        const deafForMs = facts.now - Math.max(-Infinity, ...known)
        expect(action).toEqual(
          deafForMs >= policy.disconnectedLimitMs
            ? { _tag: "EnsureMonitored", because: "disconnected" }
            : { _tag: "Nothing" }
        )
      })
    })

    it("opens a store that died once without delay, and one that keeps dying after exactly the wait it names", () => {
      forAll(factsWith({ ...wanted, observed: dead }), (facts, policy, action) => {
        if (facts.observed._tag !== "Dead") return
        if (facts.observed.deaths < 2 || facts.now < facts.observed.at) {
          expect(action).toEqual({ _tag: "EnsureMonitored", because: "died" })
        }
        if (action._tag !== "Wait") return
        const later = (ms: number) => decide({ ...facts, now: facts.now + ms }, policy)
        expect(later(action.afterMs)).toEqual({ _tag: "EnsureMonitored", because: "died" })
        expect(later(action.afterMs - 1)._tag).toBe("Wait")
      })
    })

    it("damps flapping more with each death, up to the bound", () => {
      fc.assert(
        fc.property(policies, fc.nat(2_000), (policy, deaths) => {
          const waitOf = (times: number): number => {
            const facts: Facts = {
              desired: { _tag: "Present", pinned: false },
              observed: { _tag: "Dead", death, deaths: times, at: 0 },
              processing: false,
              owned: true,
              paused: null,
              guard: "admits",
              byId: "not-offered",
              now: 0
            }
            const action = decide(facts, policy)
            return action._tag === "Wait" ? action.afterMs : 0
          }
          expect(waitOf(deaths + 1)).toBeGreaterThanOrEqual(waitOf(deaths))
          expect(waitOf(deaths)).toBeLessThanOrEqual(policy.flappingMaxMs)
        })
      )
    })
  })

  it("comes to rest: once a present workspace is open, heard and processed, there is nothing to do (law 11)", () => {
    const healthy = open.map((it) => ({ ...it, connectivity: { ...it.connectivity, isConnected: true } }))
    const facts = factsWith({
      desired: present,
      owned: always,
      paused: notPaused,
      observed: healthy,
      processing: always
    })
    forAll(facts, (_facts, _policy, action) => expect(action).toEqual({ _tag: "Nothing" }))
  })
})
