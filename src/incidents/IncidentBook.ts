/**
 * Which incidents are open, and what is to be told of them: a pure step from what was known and what is wrong now.
 *
 * Hysteresis on both sides keeps what flaps from sending storms: an incident opens once its trouble has lasted for the
 * bound of its kind, is resolved once there has been no trouble for `minIntervalMs`, and of one kind at least that much
 * lies between any two notifications.
 */
import { Kind, type Incident } from "./Incident.ts"
import { boundOf, type Trouble } from "./incidentsOf.ts"

export interface Policy {
  /** The least time between two notifications of one kind, in milliseconds (`NOTIFY_MIN_INTERVAL_MS`). */
  readonly minIntervalMs: number
}

/** What is known of one kind. Times are milliseconds since the epoch. */
interface Page {
  /** Since when there is trouble without a break; null: there is none. */
  readonly troubleSince: number | null
  /** Since when there is no trouble any more while the incident is open. */
  readonly calmSince: number | null
  readonly open: Incident | null
  readonly toldAt: number | null
}

export type Book = ReadonlyMap<Kind, Page>

/** What is to be told: `opened` and `resolved` alternate for each kind, `updated` comes between them only. */
export interface Change {
  readonly type: "opened" | "updated" | "resolved"
  readonly incident: Incident
}

const blank: Page = { troubleSince: null, calmSince: null, open: null, toldAt: null }

/** The book of an earlier life, from its incidents: open and recent ones. */
export const restore = (incidents: Iterable<Incident>): Book => {
  const book = new Map<Kind, Page>()
  for (const incident of incidents) {
    const page = book.get(incident.kind) ?? blank
    book.set(incident.kind, {
      ...page,
      open: incident.resolvedAt === null ? incident : page.open,
      toldAt: Math.max(page.toldAt ?? 0, incident.toldAt)
    })
  }
  return book
}

/** The open incidents, with the figures of the newest step. */
export const openOf = (book: Book): ReadonlyArray<Incident> =>
  [...book.values()].flatMap(({ open }) => open ?? [])

/** What may be shown of an incident as of now. */
const figuresOf = ({ counts, severity, storeIds, summary }: Trouble) => ({
  counts,
  severity,
  storeIds,
  summary
})

const told = (incident: Incident, now: number): Incident => ({
  ...incident,
  toldAt: now,
  told: incident.told + 1
})

/**
 * Whether that much time lies between. A wall clock that was set back to before `since` cannot say, and must not silence
 * anybody for as long as it was ahead.
 */
const hasPassed = (since: number | null, now: number, ms: number): boolean =>
  since === null || now < since || now - since >= ms

/** Since when something is so; a clock that was set back begins it anew. */
const sinceWhen = (since: number | null, now: number): number => Math.min(since ?? now, now)

/** One look at the loop. */
export interface Look {
  /** Milliseconds since the epoch. */
  readonly now: number
  readonly troubles: ReadonlyArray<Trouble>
  /** Whether no trouble means that all is well: not before a new life has looked at everything once. */
  readonly isWhole: boolean
}

/**
 * What a look makes of the book. `idOf` names a new incident; it must give each moment of each kind another id.
 */
export const step = (
  book: Book,
  { isWhole, now, troubles }: Look,
  { minIntervalMs }: Policy,
  idOf: (kind: Kind, openedAt: number) => string
): { readonly book: Book; readonly changes: ReadonlyArray<Change> } => {
  const changes: Array<Change> = []
  const next = new Map<Kind, Page>()

  const tell = (type: Change["type"], incident: Incident): Incident => {
    const after = told(incident, now)
    changes.push({ type, incident: after })
    return after
  }

  const inTrouble = (page: Page, trouble: Trouble): Page => {
    const troubleSince = sinceWhen(page.troubleSince, now)
    const mayTell = hasPassed(page.toldAt, now, minIntervalMs)
    const calmer = { troubleSince, calmSince: null }
    if (page.open !== null) {
      const current = { ...page.open, ...figuresOf(trouble) }
      if (!mayTell || trouble.fingerprint === page.open.fingerprint) {
        return { ...page, ...calmer, open: current }
      }
      const open = tell("updated", { ...current, fingerprint: trouble.fingerprint })
      return { ...calmer, open, toldAt: now }
    }
    const since = trouble.since === null || trouble.since > now ? troubleSince : trouble.since
    if (!mayTell || now - since < boundOf(trouble.kind)) return { ...page, ...calmer }
    const open = tell("opened", {
      id: idOf(trouble.kind, now),
      kind: trouble.kind,
      ...figuresOf(trouble),
      since,
      openedAt: now,
      toldAt: now,
      resolvedAt: null,
      fingerprint: trouble.fingerprint,
      told: 0
    })
    return { ...calmer, open, toldAt: now }
  }

  const withoutTrouble = (page: Page): Page => {
    if (page.open === null || !isWhole) return { ...page, troubleSince: null, calmSince: null }
    const calmSince = sinceWhen(page.calmSince, now)
    const mayTell = hasPassed(page.toldAt, now, minIntervalMs)
    if (!mayTell || now - calmSince < minIntervalMs) return { ...page, troubleSince: null, calmSince }
    tell("resolved", { ...page.open, resolvedAt: now })
    return { ...blank, toldAt: now }
  }

  for (const kind of Kind.literals) {
    const page = book.get(kind) ?? blank
    const trouble = troubles.find((one) => one.kind === kind)
    next.set(kind, trouble === undefined ? withoutTrouble(page) : inTrouble(page, trouble))
  }
  return { book: next, changes }
}
