/** A removal that counts for the guard; `explicit`: the feed had named it. */
interface Removal {
  readonly at: number
  readonly explicit: boolean
}

/**
 * What the source has told this server, and what may be removed because of it: the removal rules of docs/architecture.md,
 * written down once more and shared with no code of the server. It judges from the answers that were delivered; where a
 * crash leaves open whether an answer was taken in, it grants what either reading grants.
 */
import type { Told } from "./Told.ts"

export interface Rules {
  readonly confirmations: number
  readonly graceMs: number
  readonly windowMs: number
  readonly alwaysAllowed: number
  readonly allowedRatio: number
  /** The allowance of all removals together, those that the feed names included. */
  readonly deletes: { readonly alwaysAllowed: number; readonly allowedRatio: number }
  readonly pinned: ReadonlySet<string>
}

interface Knowledge {
  /** Consecutive complete lists without it. */
  readonly missing: number
  /** When the first of them came, on the wall clock. */
  readonly since: number | null
  /** The changes feed said so. */
  readonly isDeleted: boolean
  /** The newest answer about this one id; null: it was not asked for since it was last listed. */
  readonly isGone: boolean | null
  /** The server has taken it in; a crash may have come first. */
  readonly isTaken: boolean
}

/** Longer ago than this nobody has looked at what a nudge was about. */
const LOOKED_AT_MS = 60_000

const present: Knowledge = { missing: 0, since: null, isDeleted: false, isGone: null, isTaken: true }

/** A listing under way: the pages so far. */
interface Listing {
  readonly ids: Set<string>
  rows: number
  revision: number | null
  environmentId: string | null
  total: number
  cursor: string | null
  isWhole: boolean
}

type Changes = Extract<Told, { readonly _tag: "Changes" }>["changes"]

/** A feed under way: the pages so far, and where the next one begins. */
interface Feed {
  readonly since: number
  readonly changes: Array<Changes[number]>
  next: number
}

export class Evidence {
  /** Everything that the source has spoken of, and that is not removed. */
  private known = new Map<string, Knowledge>()
  /** The same as the disk has it, at least. */
  private saved = new Map<string, Knowledge>()
  revision: number | null = null
  private savedRevision: number | null = null
  private environmentId: string | null = null
  private listing: Listing | undefined
  private feed: Feed | undefined
  /** Revision of the newest list, for whoever is told that it has not changed. */
  private offersGet = false
  /** When the newest acceptable answer came, in the world's time and on the wall clock. */
  acceptedAt: number | null = null
  private readonly rules: Rules
  /** Removals that no human approved, on the wall clock. */
  private removals: Array<Removal> = []
  /** Those that the disk has: what a crash makes forgotten happens again, and counts then. */
  private savedRemovals: Array<Removal> = []
  private readonly approved = new Map<string, number>()
  /** More than this has never been known within the guard's window. */
  private readonly sizes: Array<{ readonly at: number; readonly size: number }> = []

  constructor(rules: Rules) {
    this.rules = rules
  }

  /** The workspaces that must be monitored by what was told. */
  present(): ReadonlyArray<string> {
    return [...this.known]
      .filter(([, { isDeleted, isTaken, missing }]) => missing === 0 && !isDeleted && isTaken)
      .map(([id]) => id)
  }

  knows(id: string): boolean {
    return this.known.has(id)
  }

  hear(told: Told, now: number, wall: number): void {
    switch (told._tag) {
      case "Nothing":
        return
      case "Page":
        return this.hearPage(told, now, wall)
      case "NotModified": {
        for (const [id, knowledge] of this.known) if (knowledge.missing > 0) this.miss(id, wall)
        this.acceptedAt = now
        return
      }
      case "Changes":
        return this.hearChanges(told, now, wall)
      case "ById": {
        const knowledge = this.known.get(told.instanceId)
        if (knowledge !== undefined) this.known.set(told.instanceId, { ...knowledge, isGone: !told.exists })
      }
    }
  }

  private hearPage(page: Extract<Told, { readonly _tag: "Page" }>, now: number, wall: number): void {
    if (page.isFirst) {
      this.listing = {
        ids: new Set(),
        rows: 0,
        revision: page.revision,
        environmentId: page.environmentId,
        total: 0,
        cursor: null,
        isWhole: true
      }
    }
    const { listing } = this
    if (listing === undefined) return
    if (!page.isReadable || page.revision !== listing.revision) listing.isWhole = false
    for (const id of page.ids) listing.ids.add(id)
    listing.rows += page.ids.length
    listing.total = Math.max(listing.total, page.total ?? 0)
    if (page.nextCursor !== null) return
    this.listing = undefined
    if (!listing.isWhole || listing.total > listing.rows) return
    if (listing.revision !== null && this.revision !== null && listing.revision < this.revision) return
    if (
      listing.environmentId !== null &&
      this.environmentId !== null &&
      listing.environmentId !== this.environmentId
    ) {
      return
    }
    this.revision = listing.revision
    this.environmentId = listing.environmentId ?? this.environmentId
    this.offersGet = page.offersGet
    this.acceptedAt = now
    for (const id of listing.ids) this.list(id)
    for (const id of this.known.keys()) if (!listing.ids.has(id)) this.miss(id, wall)
    this.noteSize(wall)
  }

  private hearChanges(page: Extract<Told, { readonly _tag: "Changes" }>, now: number, wall: number): void {
    if (this.feed === undefined || this.feed.next !== page.since) {
      this.feed = { since: page.since, changes: [], next: page.since }
    }
    const { feed } = this
    feed.changes.push(...page.changes)
    feed.next = page.changes.at(-1)?.revision ?? page.since
    // Taken in as a whole, or not at all.
    if (page.hasMore) return
    this.feed = undefined
    if (this.revision !== null && feed.since < this.revision) return this.hearExplanation(feed.changes)
    for (const { instanceId, kind } of feed.changes) {
      if (kind === "upsert") this.list(instanceId)
      else {
        const knowledge = this.known.get(instanceId)
        if (knowledge === undefined) continue
        this.known.set(instanceId, { ...knowledge, isDeleted: true, since: knowledge.since ?? wall })
      }
    }
    this.acceptedAt = now
    this.revision = page.revision
    this.noteSize(wall)
  }

  /** A feed that begins before the newest list only says why something is missing from that list. */
  private hearExplanation(changes: Changes): void {
    const last = new Map(changes.map(({ instanceId, kind }) => [instanceId, kind]))
    for (const [id, kind] of last) {
      const knowledge = this.known.get(id)
      if (kind === "delete" && knowledge !== undefined && knowledge.missing > 0) {
        this.known.set(id, { ...knowledge, isDeleted: true })
      }
    }
  }

  /** It exists: whatever spoke against it, a human's approval included, was about another time. */
  private list(id: string): void {
    this.known.set(id, present)
    this.approved.delete(id)
  }

  private miss(id: string, wall: number): void {
    const knowledge = this.known.get(id) ?? present
    this.known.set(id, {
      ...knowledge,
      missing: knowledge.missing + 1,
      since: Math.min(knowledge.since ?? wall, wall)
    })
  }

  private noteSize(wall: number): void {
    this.sizes.push({ at: wall, size: this.known.size })
    while (this.sizes.length > 1_000) this.sizes.shift()
  }

  /** A removal that counts for the guard has been saved. */
  saveRemoval(removal: Removal): void {
    const from = removal.at - this.rules.windowMs
    this.savedRemovals = [...this.savedRemovals.filter(({ at }) => at > from), removal]
  }

  /** Everything that was heard has been saved. */
  save(): void {
    this.saved = new Map(this.known)
    this.savedRevision = this.revision
  }

  /** The process is gone; what it had heard and not saved may have been lost. */
  crash(): void {
    for (const [id, knowledge] of this.known) {
      const before = this.saved.get(id)
      if (before === undefined) {
        this.known.set(id, { ...knowledge, isTaken: false })
        continue
      }
      this.known.set(id, {
        missing: Math.max(before.missing, knowledge.missing),
        since:
          before.since === null || knowledge.since === null
            ? (before.since ?? knowledge.since)
            : Math.min(before.since, knowledge.since),
        isDeleted: before.isDeleted || knowledge.isDeleted,
        isGone: null,
        isTaken: true
      })
    }
    this.listing = undefined
    this.feed = undefined
    this.removals = [...this.savedRemovals]
    this.revision =
      this.savedRevision === null || this.revision === null
        ? this.savedRevision
        : Math.min(this.savedRevision, this.revision)
  }

  approve(ids: ReadonlyArray<string>, until: number): void {
    for (const id of ids) this.approved.set(id, until)
  }

  revoke(ids: ReadonlyArray<string>): void {
    for (const id of ids) this.approved.delete(id)
  }

  /** The wall clock was set forward: what lay in the window may have left it. */
  clockSet(wall: number): void {
    const inWindow = ({ at }: Removal) => at > wall - this.rules.windowMs
    this.removals = this.removals.filter(inWindow)
    this.savedRemovals = this.savedRemovals.filter(inWindow)
  }

  /**
   * What speaks against removing the workspace now: the law that is broken and how; undefined if nothing does. A removal
   * that is allowed counts from now on.
   */
  judge(id: string, wall: number): { readonly law: number; readonly what: string } | undefined {
    const { alwaysAllowed, allowedRatio, confirmations, deletes, graceMs, pinned, windowMs } = this.rules
    if (pinned.has(id)) return { law: 6, what: `${id} is named by STORE_IDS` }
    const knowledge = this.known.get(id)
    if (knowledge === undefined) return { law: 6, what: `the source never spoke of ${id}` }
    const isProven = knowledge.isDeleted || knowledge.missing >= confirmations
    if (!isProven) {
      return {
        law: knowledge.missing === 0 ? 5 : 6,
        what: `${id} was missing from ${knowledge.missing} of ${confirmations} complete lists in a row`
      }
    }
    if (!knowledge.isDeleted && this.offersGet && knowledge.isGone !== true) {
      return { law: 6, what: `the source was not asked for ${id}, or did not say that it is gone` }
    }
    if (knowledge.since !== null && wall < knowledge.since + graceMs) {
      return { law: 6, what: `${id} is within its grace for ${knowledge.since + graceMs - wall} ms more` }
    }
    if ((this.approved.get(id) ?? 0) > wall) return undefined
    const recent = this.removals.filter(({ at }) => at > wall - windowMs)
    const size = Math.max(
      this.known.size,
      ...this.sizes.filter(({ at }) => at > wall - windowMs).map((noted) => noted.size)
    )
    const limitOf = (rules: { readonly alwaysAllowed: number; readonly allowedRatio: number }) =>
      Math.max(rules.alwaysAllowed, Math.floor((size + recent.length) * rules.allowedRatio))
    const explicit = knowledge.isDeleted
    this.removals = [...recent, { at: wall, explicit }]
    const absent = this.removals.filter((removal) => !removal.explicit).length
    const limit = limitOf({ alwaysAllowed, allowedRatio })
    if (!explicit && absent > limit) {
      return { law: 7, what: `${id} is removal ${absent} by absence in the window; ${limit} are allowed` }
    }
    const deleteLimit = Math.max(limit, limitOf(deletes))
    if (this.removals.length > deleteLimit) {
      return {
        law: 7,
        what: `${id} is removal ${this.removals.length} in the window; ${deleteLimit} are allowed`
      }
    }
    const removable = [...this.known.keys()].filter((known) => !pinned.has(known))
    if (removable.length === 1 && !knowledge.isDeleted) {
      return { law: 7, what: `${id} is the last one, and only lists say that it is gone` }
    }
    return undefined
  }

  /** Whether the removals that are due now, beside those of the window, would stay within the guard's limit. */
  hasRoom(wall: number): boolean {
    const { alwaysAllowed, allowedRatio, windowMs } = this.rules
    // What has just left the window held things up when they were looked at.
    const recent = this.removals.filter(({ at }) => at > wall - windowMs - LOOKED_AT_MS).length
    // The guard judges all that are due together.
    const due = [...this.known.values()].filter(({ isDeleted, missing }) => isDeleted || missing > 0).length
    return recent + Math.max(1, due) <= Math.max(alwaysAllowed, Math.floor(this.known.size * allowedRatio))
  }

  /** It has been removed: the source must speak of it again. */
  forget(id: string): void {
    const knowledge = this.known.get(id)
    // Spoken of again while it was being stopped: the server takes that in, and what is forgotten is what was before.
    if (knowledge?.missing === 0 && !knowledge.isDeleted) return
    this.known.delete(id)
    this.saved.delete(id)
    this.approved.delete(id)
  }
}
