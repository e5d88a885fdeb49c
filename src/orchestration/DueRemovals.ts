/**
 * The removals that are due: proven, owned, and neither approved nor rejected by anybody. Kept up to date one by one, so
 * that the guard's word about any of them costs the same however many there are; a sick source makes them many.
 *
 * What the guard holds stays held (law 7): until its plan is approved or rejected, or until the workspace comes back. That
 * the window has passed, that others have come back, or that the server was started again releases nothing.
 */
import type { Desired } from "../workspaces/DesiredState.ts"
import {
  judge,
  planOf,
  type GuardPolicy,
  type RemovalPlan,
  type Removals,
  type TripReason,
  type Verdict
} from "./RemovalGuard.ts"

export interface Options {
  readonly guard: GuardPolicy
  readonly removalConfirmations: number
  readonly desired: (id: string) => Desired
  readonly owns: (id: string) => boolean
  /** How many workspaces could be removed at all. */
  readonly removable: () => number
  /** Milliseconds since the epoch. */
  readonly now: () => number
  /** The removals that nobody had approved, in the order in which they happened. */
  readonly recent: ReadonlyArray<Removal>
  readonly approved: ReadonlyMap<string, Approved>
  /** What an earlier life held and rejected. */
  readonly held?: ReadonlyMap<string, Held>
  readonly rejected?: ReadonlyMap<string, Rejected>
}

/** A removal that has happened. */
export interface Removal {
  /** Milliseconds since the epoch. */
  readonly at: number
  /** The changes feed had named the deletion. */
  readonly explicit: boolean
}

/** When a removal was approved, and until when it may happen; milliseconds since the epoch. */
export interface Approved {
  readonly approvedAt: number
  readonly expiresAt: number
}

/** Since when the guard holds a removal, and why it tripped. */
export interface Held {
  readonly since: number
  readonly reason: TripReason
}

/** The evidence that was rejected: anything newer is judged afresh. */
export interface Rejected {
  readonly kind: "deleted" | "absent"
  readonly rejectedAt: number
  readonly actor: string
}

export interface DueRemovals {
  /** Looks at one key again, after what is desired may have changed. */
  readonly update: (id: string) => void
  /** Whether this removal may not happen: the guard holds it, or it was rejected. */
  readonly holds: (id: string) => boolean
  /** The hold of a removal that is due. */
  readonly heldSince: (id: string) => Held | undefined
  /** The hold as it is to be remembered, beneath an approval too. */
  readonly hold: (id: string) => Held | undefined
  /** The rejection of the evidence that speaks for this removal now. */
  readonly rejection: (id: string) => Rejected | undefined
  readonly rejections: () => ReadonlyMap<string, Rejected>
  readonly verdict: () => Verdict
  readonly approve: (plan: RemovalPlan, approval: Approved) => void
  /** Keeps these workspaces: the evidence of now counts no more. */
  readonly reject: (rejected: ReadonlyMap<string, Rejected>) => void
  /** A removal has begun: until it has happened, or could not be made, it counts, whatever the source says meanwhile. */
  readonly begins: (id: string) => void
  readonly fails: (id: string) => void
  /** A removal has happened: whether it counts for the guard, and as which. One that was approved does not. */
  readonly happened: (id: string, at: number) => Removal | undefined
  /** The ids whose hold or rejection has changed since they were last taken. */
  readonly takeChanged: () => ReadonlySet<string>
}

export const make = (options: Options): DueRemovals => {
  const due = new Map<string, { readonly explicit: boolean }>()
  const approved = new Map(options.approved)
  const held = new Map(options.held)
  const rejected = new Map(options.rejected)
  /** Those that have begun, and whether the feed names them. */
  const removing = new Map<string, boolean>()
  let changed = new Set<string>()
  let unexplained = 0
  /** How many of those that are due are held. */
  let heldDue = 0
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

  const rejection = (id: string): Rejected | undefined => {
    const found = rejected.get(id)
    if (found === undefined) return undefined
    const what = options.desired(id)
    // Newer evidence: it came back and is missing again, or the feed now names what only was missing from lists.
    const isSame =
      what._tag === "Absent" && what.absence.kind === found.kind && what.absence.since <= found.rejectedAt
    return isSame ? found : undefined
  }

  const hold = (id: string, why: Held): void => {
    if (held.has(id)) return
    held.set(id, why)
    changed.add(id)
    if (due.has(id)) heldDue++
  }
  const release = (id: string): void => {
    if (!held.delete(id)) return
    changed.add(id)
    if (due.has(id)) heldDue--
  }

  const stateOf = (id: string): { readonly explicit: boolean } | undefined => {
    const what = options.desired(id)
    if (what._tag !== "Absent") {
      // Law 6: approved, held or rejected was the removal that the evidence of then spoke for, not each one to come.
      if (what._tag === "Present") approved.delete(id)
      if (rejected.delete(id)) changed.add(id)
      release(id)
      return undefined
    }
    if (!options.owns(id) || isApproved(id) || rejection(id) !== undefined) return undefined
    const explicit = what.absence.kind === "deleted"
    return explicit || what.absence.confirmations >= options.removalConfirmations ? { explicit } : undefined
  }

  const put = (id: string, after: { readonly explicit: boolean } | undefined): void => {
    const before = due.get(id)
    if (before?.explicit === after?.explicit) return
    plan = undefined
    if (before?.explicit === false) unexplained--
    if (after?.explicit === false) unexplained++
    if (held.has(id)) heldDue += (after === undefined ? 0 : 1) - (before === undefined ? 0 : 1)
    if (after === undefined) due.delete(id)
    else due.set(id, after)
  }

  /** An approval that was not used in time approves nothing any more. */
  const expire = (): void => {
    const now = options.now()
    if (now < nextExpiry) return
    for (const [id, { expiresAt }] of approved) {
      if (expiresAt > now) continue
      approved.delete(id)
      put(id, stateOf(id))
    }
    nextExpiry = earliestExpiry()
  }

  let counted: {
    readonly of: ReadonlyArray<Removal>
    readonly from: number
    readonly until: number
  } & Removals = {
    of: [],
    from: Infinity,
    until: -Infinity,
    count: 0,
    unexplained: 0
  }
  /** The removals of the window; counted again only when one has left it or has come. */
  const inWindow = (now: number): Removals => {
    if (counted.of === recent && now >= counted.from && now < counted.until) return counted
    const within = recent.filter(({ at }) => at > now - options.guard.windowMs)
    let until = Infinity
    for (const { at } of within) until = Math.min(until, at + options.guard.windowMs)
    counted = {
      of: recent,
      from: now,
      until,
      count: within.length,
      unexplained: within.filter(({ explicit }) => !explicit).length
    }
    return counted
  }

  const judged = (): Omit<Verdict, "plan"> => {
    expire()
    let count = due.size
    let absent = unexplained
    if (count > 0) {
      // What has begun counts until it has happened, even if the source lists it again meanwhile (law 7).
      for (const [id, explicit] of removing) {
        if (due.has(id)) continue
        count++
        if (!explicit) absent++
      }
    }
    const now = options.now()
    const verdict = judge({ count, unexplained: absent }, options.removable(), inWindow(now), options.guard)
    if (heldDue === 0 && verdict.reason === null) return verdict
    // From here on only a human or the source ends it, and what becomes due meanwhile is held as well.
    if (heldDue === 0 && verdict.reason !== null) {
      for (const id of due.keys()) if (!removing.has(id)) hold(id, { since: now, reason: verdict.reason })
    }
    return { ...verdict, tripped: true, reason: verdict.reason ?? firstReason() }
  }

  const firstReason = (): TripReason => {
    for (const id of due.keys()) {
      const why = held.get(id)
      if (why !== undefined) return why.reason
    }
    return "limit"
  }

  const update = (id: string): void => {
    const isNew = !due.has(id)
    put(id, stateOf(id))
    // Judged with each of them, in the step in which the list is taken in: nothing of it is carried out before its last.
    if (!isNew || !due.has(id)) return
    if (heldDue > 0) hold(id, { since: options.now(), reason: firstReason() })
    else judged()
  }

  return {
    update,
    holds: (id) => {
      if (options.desired(id)._tag !== "Absent") return false
      const { tripped } = judged()
      return (tripped && !isApproved(id)) || rejection(id) !== undefined
    },
    heldSince: (id) => (due.has(id) ? held.get(id) : undefined),
    hold: (id) => held.get(id),
    rejection,
    rejections: () => rejected,
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
        // The hold stays beneath the approval: one that is not used in time leaves it as it was.
        put(id, stateOf(id))
      }
    },
    reject: (newly) => {
      for (const [id, one] of newly) {
        rejected.set(id, one)
        changed.add(id)
        put(id, stateOf(id))
        release(id)
      }
    },
    begins: (id) => {
      const what = options.desired(id)
      if (!isApproved(id)) removing.set(id, what._tag === "Absent" && what.absence.kind === "deleted")
    },
    fails: (id) => {
      removing.delete(id)
    },
    happened: (id, at) => {
      const what = options.desired(id)
      const explicit = removing.get(id) ?? (what._tag === "Absent" && what.absence.kind === "deleted")
      removing.delete(id)
      // From here on it counts as recent, and no more as due: never as both, or the guard would trip over it.
      put(id, undefined)
      release(id)
      const wasApproved = isApproved(id)
      approved.delete(id)
      if (wasApproved) return undefined
      const removal: Removal = { at, explicit }
      recent = [...recent.filter((earlier) => earlier.at > at - options.guard.windowMs), removal]
      return removal
    },
    takeChanged: () => {
      const taken = changed
      changed = new Set()
      return taken
    }
  }
}
