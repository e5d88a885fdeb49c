/**
 * The removals that are due: proven, owned, and not approved by anybody. Kept up to date one by one, so that the guard's
 * word about any of them costs the same however many there are; a sick source makes them many.
 */
import type { Desired } from "../workspaces/DesiredState.ts"
import { judge, planOf, type GuardPolicy, type RemovalPlan, type Verdict } from "./RemovalGuard.ts"

export interface Options {
  readonly guard: GuardPolicy
  readonly removalConfirmations: number
  readonly desired: (id: string) => Desired
  readonly owns: (id: string) => boolean
  /** How many workspaces could be removed at all. */
  readonly removable: () => number
  /** Milliseconds since the epoch. */
  readonly now: () => number
  /** When removals happened that nobody had approved. */
  readonly recent: ReadonlyArray<number>
  readonly approved: ReadonlyMap<string, Approved>
}

/** When a removal was approved, and until when it may happen; milliseconds since the epoch. */
export interface Approved {
  readonly approvedAt: number
  readonly expiresAt: number
}

export interface DueRemovals {
  /** Looks at one key again, after what is desired may have changed. */
  readonly update: (id: string) => void
  /** Whether the guard holds this removal. */
  readonly holds: (id: string) => boolean
  readonly verdict: () => Verdict
  readonly approve: (plan: RemovalPlan, approval: Approved) => void
  /** A removal has begun: until it has happened, or could not be made, it counts, whatever the source says meanwhile. */
  readonly begins: (id: string) => void
  readonly fails: (id: string) => void
  /** A removal has happened: whether it counts for the guard. One that was approved does not. */
  readonly happened: (id: string, at: number) => boolean
}

export const make = (options: Options): DueRemovals => {
  const due = new Map<string, { readonly explicit: boolean }>()
  const approved = new Map(options.approved)
  const removing = new Set<string>()
  let unexplained = 0
  let recent = options.recent
  let plan: RemovalPlan | undefined
  /** Not by spreading them, which the stack bears for some ten thousand only. */
  const earliestExpiry = (): number => {
    let earliest = Infinity
    for (const { expiresAt } of approved.values()) earliest = Math.min(earliest, expiresAt)
    return earliest
  }
  let nextExpiry = earliestExpiry()

  const isApproved = (id: string): boolean => {
    const approval = approved.get(id)
    if (approval === undefined || approval.expiresAt <= options.now()) return false
    // Given in the future: the clock was set back, and evidence of now would look older than the approval.
    if (approval.approvedAt > options.now()) return false
    const what = options.desired(id)
    // Law 6, over restarts too: who approved has seen the evidence of then, and not what began to be missing later.
    return what._tag === "Absent" && what.absence.since <= approval.approvedAt
  }

  const stateOf = (id: string): { readonly explicit: boolean } | undefined => {
    const what = options.desired(id)
    // Law 6: approved was the removal that the evidence of then spoke for, not each one to come.
    if (what._tag === "Present") approved.delete(id)
    if (what._tag !== "Absent" || !options.owns(id) || isApproved(id)) return undefined
    const explicit = what.absence.kind === "deleted"
    return explicit || what.absence.confirmations >= options.removalConfirmations ? { explicit } : undefined
  }

  const put = (id: string, after: { readonly explicit: boolean } | undefined): void => {
    const before = due.get(id)
    if (before?.explicit === after?.explicit) return
    plan = undefined
    if (before?.explicit === false) unexplained--
    if (after?.explicit === false) unexplained++
    if (after === undefined) due.delete(id)
    else due.set(id, after)
  }
  const update = (id: string): void => {
    put(id, stateOf(id))
  }

  /** An approval that was not used in time holds nothing any more. */
  const expire = (): void => {
    const now = options.now()
    if (now < nextExpiry) return
    for (const [id, { expiresAt }] of approved) {
      if (expiresAt > now) continue
      approved.delete(id)
      update(id)
    }
    nextExpiry = earliestExpiry()
  }

  const judged = () => {
    expire()
    let begun = 0
    for (const id of removing) if (!due.has(id)) begun++
    // What has begun counts until it has happened, even if the source lists it again meanwhile (law 7).
    const count = due.size === 0 ? 0 : due.size + begun
    return judge({ count, unexplained }, options.removable(), recent, options.now(), options.guard)
  }

  return {
    update,
    holds: (id) => {
      if (options.desired(id)._tag !== "Absent") return false
      const { tripped } = judged()
      return tripped && !isApproved(id)
    },
    verdict: () => {
      const verdict = judged()
      if (!verdict.tripped) return { ...verdict, plan: null }
      plan ??= planOf([...due.keys()])
      return { ...verdict, plan }
    },
    approve: ({ storeIds }, approval) => {
      nextExpiry = Math.min(nextExpiry, approval.expiresAt)
      for (const id of storeIds) {
        approved.set(id, approval)
        update(id)
      }
    },
    begins: (id) => {
      if (!isApproved(id)) removing.add(id)
    },
    fails: (id) => {
      removing.delete(id)
    },
    happened: (id, at) => {
      removing.delete(id)
      // From here on it counts as recent, and no more as due: never as both, or the guard would trip over it.
      put(id, undefined)
      const wasApproved = isApproved(id)
      approved.delete(id)
      if (wasApproved) return false
      recent = [...recent.filter((earlier) => earlier > at - options.guard.windowMs), at]
      return true
    }
  }
}
