/**
 * The judge of whether this server is well: the facts of a moment, and what each check of the table says of them.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import { type Check, isAtLeast, type Verdict, type View } from "./Check.ts"
import type { Facts } from "./Facts.ts"
import { table } from "./table.ts"

/** What a check says now. */
export interface Result extends Omit<Verdict, "since"> {
  readonly check: Check
  /** Since when it has not been ok, in milliseconds since the epoch; null while it is. */
  readonly since: number | null
}

export interface Snapshot {
  readonly facts: Facts
  /** One for each row of the table, in its order. */
  readonly results: ReadonlyArray<Result>
  /** The `status` of `/health`. */
  readonly status: "healthy" | "degraded" | "unhealthy"
}

export class Checks extends Context.Tag("workspace-orchestrator/orchestration/Checks")<
  Checks,
  {
    /** As of now: for operators, who want to see what they have just done. */
    readonly now: Effect.Effect<Snapshot>
    /** At most half a second old: for anybody, however often they ask. */
    readonly recent: Effect.Effect<Snapshot>
  }
>() {}

/** Judges the facts. `before`: since when each check that was not ok has not been. */
export const evaluate = (
  facts: Facts,
  before: ReadonlyMap<string, number> = new Map(),
  checks: ReadonlyArray<Check> = table
): Snapshot => {
  const results = checks.map((check): Result => {
    const { since, ...verdict } = check.judge(facts)
    return {
      check,
      ...verdict,
      since: verdict.status === "ok" ? null : (since ?? before.get(check.name) ?? facts.now)
    }
  })
  const weights = new Set(
    results.map(({ check, status }) => (status === "ok" ? "healthy" : check.weighs[status]))
  )
  return {
    facts,
    results,
    status: weights.has("unhealthy") ? "unhealthy" : weights.has("degraded") ? "degraded" : "healthy"
  }
}

/** What a view shows: every result, but of the checks that the table leaves out of it. */
export const shownIn = (view: View, { results }: Pick<Snapshot, "results">): ReadonlyArray<Result> =>
  results.filter(({ check }) => check.leftOut[view] === undefined)

/** Those of a view that are not ok. */
export const unwellIn = (view: View, snapshot: Pick<Snapshot, "results">): ReadonlyArray<Result> =>
  shownIn(view, snapshot).filter(({ status }) => isAtLeast(status, "warn"))

/** A check as it is sent: times are ISO 8601. */
export interface CheckView {
  readonly name: string
  readonly status: Verdict["status"]
  readonly found: string
  readonly wanted: string
  readonly since: string | null
  readonly next: string | null
  readonly runbook: string
}

const RUNBOOK = "docs/runbook.md"

export const viewOf = ({ check, found, next, since, status }: Result): CheckView => ({
  name: check.name,
  status,
  found,
  wanted: check.wanted,
  since: since === null || !Number.isFinite(since) ? null : new Date(since).toISOString(),
  next,
  runbook: `${RUNBOOK}#${check.runbook}`
})
