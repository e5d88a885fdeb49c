import fc from "fast-check"
import { describe, expect, it } from "vitest"
import {
  defaultLimits,
  judge as judgeDue,
  planOf,
  type GuardPolicy
} from "../../../src/orchestration/RemovalGuard.ts"

interface Candidate {
  readonly storeId: string
  readonly explicit: boolean
}

/** The verdict with the plan that it holds. */
const judge = (
  candidates: ReadonlyArray<Candidate>,
  known: number,
  recent: ReadonlyArray<number>,
  now: number,
  policy: GuardPolicy
) => {
  const unexplained = candidates.filter(({ explicit }) => !explicit).length
  const count = recent.filter((at) => at > now - policy.windowMs).length
  const verdict = judgeDue(
    { count: candidates.length, unexplained },
    known,
    { count, unexplained: count },
    policy
  )
  return { ...verdict, plan: verdict.tripped ? planOf(candidates.map(({ storeId }) => storeId)) : null }
}

const WINDOW_MS = 600_000
/** One allowance for both kinds: that of absences. */
const { alwaysAllowed, allowedRatio } = defaultLimits
const policy: GuardPolicy = { windowMs: WINDOW_MS, alwaysAllowed, allowedRatio }
const NOW = 10_000_000

const candidatesOf = (count: number, explicit = true): ReadonlyArray<Candidate> =>
  Array.from({ length: count }, (_, index) => ({ storeId: `ws-${index}`, explicit }))

/** When removals happened: around both edges of the window, and far from them. */
const times = fc.array(
  fc.oneof(
    fc.integer({ min: NOW - 2 * WINDOW_MS, max: NOW }),
    fc.constantFrom(NOW, NOW - WINDOW_MS, NOW - WINDOW_MS + 1, NOW - WINDOW_MS - 1)
  ),
  { maxLength: 60 }
)

const situations = fc
  .record({
    known: fc.nat(200),
    due: fc.nat(200),
    explicit: fc.array(fc.boolean(), { minLength: 200, maxLength: 200 }),
    recent: times
  })
  .map(({ known, due, explicit, recent }) => ({
    known,
    recent,
    candidates: candidatesOf(Math.min(due, known)).map((candidate, index) => ({
      ...candidate,
      explicit: explicit[index] ?? true
    }))
  }))

const storeIds = fc.uniqueArray(fc.stringMatching(/^[a-zA-Z0-9][a-zA-Z0-9_-]{2,63}$/), { maxLength: 30 })

describe("RemovalGuard", () => {
  it("trips exactly above max(3, 20 %) in the window, or when everything would go on absence alone", () => {
    fc.assert(
      fc.property(situations, ({ known, candidates, recent }) => {
        const verdict = judge(candidates, known, recent, NOW, policy)
        let inWindow = 0
        for (const at of recent) if (NOW - at < WINDOW_MS) inWindow++
        const fifth = (known + inWindow - ((known + inWindow) % 5)) / 5
        const limit = fifth > 3 ? fifth : 3
        const isLimit = candidates.length >= 1 && candidates.length > limit - inWindow
        const isEverything =
          candidates.length === known &&
          candidates.length > 0 &&
          (!candidates.every(({ explicit }) => explicit) || candidates.length > 3)
        expect(verdict).toMatchObject({
          limit,
          recent: inWindow,
          tripped: isLimit || isEverything,
          reason: isLimit ? "limit" : isEverything ? "everything" : null
        })
      }),
      { numRuns: 3_000 }
    )
  })

  it.each([
    { known: 1, passes: 1 },
    { known: 10, passes: 3 },
    { known: 15, passes: 3 },
    { known: 19, passes: 3 },
    { known: 20, passes: 4 },
    { known: 40, passes: 8 },
    { known: 1_000, passes: 200 }
  ])("lets $passes of $known deletions pass at once, and holds all of one more", ({ known, passes }) => {
    expect(judge(candidatesOf(passes), known, [], NOW, policy).tripped).toBe(false)
    if (passes === known) return
    const verdict = judge(candidatesOf(passes + 1), known, [], NOW, policy)
    expect(verdict.reason).toBe("limit")
    expect(verdict.plan?.storeIds).toHaveLength(passes + 1)
  })

  it("holds the last workspace when it is merely absent, and lets it go when its deletion was named", () => {
    expect(judge(candidatesOf(1, false), 1, [], NOW, policy).reason).toBe("everything")
    expect(judge(candidatesOf(1, true), 1, [], NOW, policy).tripped).toBe(false)
    const mixed = [...candidatesOf(1, true), { storeId: "ws-other", explicit: false }]
    expect(judge(mixed, 2, [], NOW, policy).reason).toBe("everything")
  })

  it("never trips without a candidate, whatever was removed before", () => {
    fc.assert(
      fc.property(fc.nat(100), times, (known, recent) => {
        expect(judge([], known, recent, NOW, policy)).toMatchObject({ tripped: false, plan: null })
      })
    )
  })

  it("names in its plan all candidates and nobody else", () => {
    fc.assert(
      fc.property(situations, ({ known, candidates, recent }) => {
        const { plan, tripped } = judge(candidates, known, recent, NOW, policy)
        expect(plan !== null).toBe(tripped)
        if (plan !== null)
          expect(new Set(plan.storeIds)).toEqual(new Set(candidates.map(({ storeId }) => storeId)))
      })
    )
  })

  it("judges the same while the removals that it admitted are carried out, one after the other", () => {
    fc.assert(
      fc.property(situations, ({ known, candidates, recent }) => {
        const first = judge(candidates, known, recent, NOW, policy)
        fc.pre(!first.tripped)
        for (let done = 1; done <= candidates.length; done++) {
          const carriedOut = [...recent, ...Array<number>(done).fill(NOW)]
          const verdict = judge(candidates.slice(done), known - done, carriedOut, NOW, policy)
          expect(verdict).toMatchObject({ tripped: false, limit: first.limit, recent: first.recent + done })
        }
      })
    )
  })

  it("trips on a drip of one removal at a time, after as many as it would have let pass at once", () => {
    fc.assert(
      fc.property(fc.integer({ min: 4, max: 200 }), (size) => {
        let known = size
        const recent: Array<number> = []
        while (known > 0) {
          const now = NOW + recent.length * 1_000
          if (judge(candidatesOf(1), known, recent, now, policy).tripped) break
          recent.push(now)
          known--
        }
        expect(recent).toHaveLength(Math.max(3, Math.floor(size / 5)))
      })
    )
  })

  it("lets removals pass again once the window has moved beyond the earlier ones", () => {
    const recent = [NOW, NOW, NOW]
    const at = (now: number) => judge(candidatesOf(1), 10, recent, now, policy).tripped
    expect(at(NOW + WINDOW_MS - 1)).toBe(true)
    expect(at(NOW + WINDOW_MS)).toBe(false)
  })
})

describe("the two allowances", () => {
  const both: GuardPolicy = { windowMs: WINDOW_MS, ...defaultLimits }
  const judgeBoth = (
    absent: number,
    deleted: number,
    known: number,
    earlier = { count: 0, unexplained: 0 }
  ) => judgeDue({ count: absent + deleted, unexplained: absent }, known, earlier, both)

  it("let more deletions pass than absences, and hold both above their own", () => {
    expect(judgeBoth(3, 0, 20).tripped).toBe(false)
    expect(judgeBoth(5, 0, 20).reason).toBe("limit")
    expect(judgeBoth(0, 10, 20).tripped).toBe(false)
    expect(judgeBoth(0, 11, 20).reason).toBe("limit")
    expect(judgeBoth(0, 11, 40).tripped).toBe(false)
    expect(judgeBoth(0, 21, 40).reason).toBe("limit")
  })

  it("count deletions against the wider one alone, and both kinds together against it", () => {
    expect(judgeBoth(3, 7, 15).tripped).toBe(false)
    expect(judgeBoth(3, 8, 15).tripped).toBe(true)
    expect(judgeBoth(3, 0, 15, { count: 6, unexplained: 0 }).tripped).toBe(false)
    expect(judgeBoth(3, 0, 15, { count: 1, unexplained: 1 }).tripped).toBe(true)
  })

  it("hold everything at once, but a last few that the feed names", () => {
    expect(judgeBoth(0, 3, 3).tripped).toBe(false)
    expect(judgeBoth(0, 4, 4).reason).toBe("everything")
    expect(judgeBoth(1, 0, 1).reason).toBe("everything")
  })

  it("never hold less by absence than by deletion", () => {
    fc.assert(
      fc.property(fc.nat(50), fc.nat(50), fc.nat(200), (one, other, more) => {
        const known = one + other + more
        const isHeld = judgeBoth(0, one + other, known).tripped
        if (isHeld) expect(judgeBoth(one, other, known).tripped).toBe(true)
      })
    )
  })
})

describe("a removal plan", () => {
  it("has the same hash whatever the order of its ids", () => {
    const shuffled = storeIds.chain((ids) =>
      fc.tuple(fc.constant(ids), fc.shuffledSubarray(ids, { minLength: ids.length }))
    )
    fc.assert(
      fc.property(shuffled, ([ids, others]) => {
        expect(planOf(others)).toEqual(planOf(ids))
      })
    )
  })

  it("has another hash for another set, be it by one id", () => {
    const pairs = fc.tuple(storeIds, storeIds)
    fc.assert(
      fc.property(pairs, ([left, right]) => {
        const isSame = left.length === right.length && left.every((id) => right.includes(id))
        expect(planOf(left).hash === planOf(right).hash).toBe(isSame)
      })
    )
    fc.assert(
      fc.property(
        storeIds.filter((ids) => ids.length > 0),
        (ids) => {
          expect(planOf(ids.slice(1)).hash).not.toBe(planOf(ids).hash)
        }
      )
    )
  })

  it("is named by sixteen hexadecimal digits, and leaves its input as it was", () => {
    const ids = ["ws-b", "ws-a"]
    expect(planOf(ids).hash).toMatch(/^[0-9a-f]{16}$/)
    expect(ids).toEqual(["ws-b", "ws-a"])
  })
})
