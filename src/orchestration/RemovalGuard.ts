/**
 * Between "the source says that they are gone" and "we stop them" stands this guard: a removal of too many, or of all,
 * is more often a sick source than a real wish (law 7).
 */
import { createHash } from "node:crypto"

/** How many removals pass in a window: the larger of the two. */
export interface Allowance {
  /** This many, however small the set is. */
  readonly alwaysAllowed: number
  /** This part of the set. */
  readonly allowedRatio: number
}

/** The allowance is that of removals which are only missing from lists. */
export interface GuardPolicy extends Allowance {
  /** Removals count together when they lie within this time (`REMOVAL_GUARD_WINDOW_MS`). */
  readonly windowMs: number
  /** The allowance of all removals together, those that the changes feed names included; never narrower. Default: the same. */
  readonly deletes?: Allowance
}

/** The architecture's bounds: max(3, 20 %) by absence, max(10, 50 %) when the feed names the deletions. */
export const defaultLimits = {
  alwaysAllowed: 3,
  allowedRatio: 0.2,
  deletes: { alwaysAllowed: 10, allowedRatio: 0.5 }
} as const

/** What would be stopped if a human says so. The hash stands for exactly this set of ids. */
export interface RemovalPlan {
  readonly hash: string
  readonly storeIds: ReadonlyArray<string>
}

/** Why it tripped: too many in the window, or the set would be empty. */
export type TripReason = "limit" | "everything"

export interface Verdict {
  readonly tripped: boolean
  readonly reason: TripReason | null
  /** The held removals, when tripped. */
  readonly plan: RemovalPlan | null
  /** How many removals by absence, and how many of all kinds, the window allows, and how many it has seen. */
  readonly limit: number
  readonly deleteLimit: number
  readonly recent: number
}

const HASH_LENGTH = 16

/** The plan's name: the first 16 hex digits of the SHA-256 of its sorted ids, one a line. */
export const planOf = (storeIds: ReadonlyArray<string>): RemovalPlan => {
  const sorted = [...storeIds].sort()
  const hash = createHash("sha256").update(sorted.join("\n")).digest("hex").slice(0, HASH_LENGTH)
  return { hash, storeIds: sorted }
}

/** Removals by number: those that are due together, or those that the window has seen. */
export interface Removals {
  readonly count: number
  /** Those that no deletion in the changes feed explains: they are only missing from lists. */
  readonly unexplained: number
}

const allowed = (size: number, { allowedRatio, alwaysAllowed }: Allowance): number =>
  Math.max(alwaysAllowed, Math.floor(size * allowedRatio))

/**
 * Judges all removals that are due together, never one by one, so that thirty cannot pass three at a time.
 *
 * @param due the workspaces with complete evidence that nobody has approved
 * @param known how many workspaces the set has, those included
 * @param recent the removals of the window that nobody had approved
 */
export const judge = (
  due: Removals,
  known: number,
  recent: Removals,
  policy: GuardPolicy
): Omit<Verdict, "plan"> => {
  // The set as it was when the window began: a drip of removals must not shrink its own limit or raise it.
  const size = known + recent.count
  const limit = allowed(size, policy)
  const deleteLimit = Math.max(limit, allowed(size, policy.deletes ?? policy))
  const tooManyAbsent = due.unexplained > 0 && due.unexplained + recent.unexplained > limit
  const tooMany = due.count > 0 && due.count + recent.count > deleteLimit
  // An empty set is the commonest lie of a sick source. A user who deletes his last workspaces is believed when the feed
  // names the deletions; an empty list alone never is.
  const everything =
    due.count > 0 && due.count >= known && (due.unexplained > 0 || due.count > policy.alwaysAllowed)
  const reason = tooManyAbsent || tooMany ? "limit" : everything ? "everything" : null
  return { tripped: reason !== null, reason, limit, deleteLimit, recent: recent.count }
}
