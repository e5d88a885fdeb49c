/**
 * Between "the source says that they are gone" and "we stop them" stands this guard: a removal of too many, or of all,
 * is more often a sick source than a real wish (law 7).
 */
import { createHash } from "node:crypto"

export interface GuardPolicy {
  /** Removals count together when they lie within this time (`REMOVAL_GUARD_WINDOW_MS`). */
  readonly windowMs: number
  /** This many removals pass in a window, however small the set is. */
  readonly alwaysAllowed: number
  /** This part of the set passes in a window. */
  readonly allowedRatio: number
}

/** The architecture's bounds: max(3, 20 %). */
export const defaultLimits = { alwaysAllowed: 3, allowedRatio: 0.2 } as const

/** What would be stopped if a human says so. The hash stands for exactly this set of ids. */
export interface RemovalPlan {
  readonly hash: string
  readonly storeIds: ReadonlyArray<string>
}

export interface Verdict {
  readonly tripped: boolean
  /** Why it tripped: too many in the window, or the set would be empty. */
  readonly reason: "limit" | "everything" | null
  /** The held removals, when tripped. */
  readonly plan: RemovalPlan | null
  /** How many removals the window allows, and how many it has seen. */
  readonly limit: number
  readonly recent: number
}

const HASH_LENGTH = 16

/** The plan's name: the first 16 hex digits of the SHA-256 of its sorted ids, one a line. */
export const planOf = (storeIds: ReadonlyArray<string>): RemovalPlan => {
  const sorted = [...storeIds].sort()
  const hash = createHash("sha256").update(sorted.join("\n")).digest("hex").slice(0, HASH_LENGTH)
  return { hash, storeIds: sorted }
}

/** The removals that are due together, by number. */
export interface Due {
  readonly count: number
  /** Those that no deletion in the changes feed explains: they are only missing from lists. */
  readonly unexplained: number
}

/**
 * Judges all removals that are due together, never one by one, so that thirty cannot pass three at a time.
 *
 * @param due the workspaces with complete evidence that nobody has approved
 * @param known how many workspaces the set has, those included
 * @param recent when removals happened that nobody had approved, milliseconds since the epoch
 */
export const judge = (
  due: Due,
  known: number,
  recent: ReadonlyArray<number>,
  now: number,
  policy: GuardPolicy
): Omit<Verdict, "plan"> => {
  const inWindow = recent.filter((at) => at > now - policy.windowMs).length
  // The set as it was when the window began: a drip of removals must not shrink its own limit or raise it.
  const limit = Math.max(policy.alwaysAllowed, Math.floor((known + inWindow) * policy.allowedRatio))
  const tooMany = due.count > 0 && due.count + inWindow > limit
  // An empty set is the commonest lie of a sick source. A user who deletes his last workspace is believed when
  // the feed names the deletion; an empty list alone never is.
  const everything = due.count >= known && due.unexplained > 0
  const reason = tooMany ? "limit" : everything ? "everything" : null
  return { tripped: reason !== null, reason, limit, recent: inWindow }
}
