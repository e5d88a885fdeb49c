/**
 * What operators ask to be told in one go: how the last day was, and whether what must always hold does.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { Judgement } from "./checks/Check.ts"

/** One line of the daily report. */
export interface Check {
  readonly check: string
  readonly status: Judgement
  /** What was found, in words. */
  readonly value: string
  /** What is asked for, in words. */
  readonly threshold: string
  /** What to do next; null where there is nothing to do. */
  readonly next: string | null
}

/** Times are ISO 8601. */
export interface DailyReport {
  /** The worst of the checks. */
  readonly status: Judgement
  readonly generatedAt: string
  /** From when on it speaks: a day ago, or the start of this process. */
  readonly since: string
  readonly checks: ReadonlyArray<Check>
  /** The errors since then by what they are, the most frequent first. */
  readonly errors: ReadonlyArray<{
    readonly component: string
    readonly code: string
    readonly count: number
    readonly lastSeenAt: string | null
    readonly lastMessage: string | null
  }>
}

/** Something that must always hold, and whether it does. */
export interface Invariant {
  readonly name: string
  readonly holds: boolean
  readonly detail: string
}

export interface DeepVerification {
  readonly status: "ok" | "violated"
  readonly checkedAt: string
  readonly durationMs: number
  readonly invariants: ReadonlyArray<Invariant>
}

export class Reports extends Context.Tag("workspace-orchestrator/orchestration/Reports")<
  Reports,
  {
    readonly daily: Effect.Effect<DailyReport>
    /** Reads the state database through and every open store once. Calls while one runs share it. */
    readonly verify: Effect.Effect<DeepVerification>
  }
>() {}
