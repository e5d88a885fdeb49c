/**
 * What is wrong with the server as a whole, told from its state alone: pure and total. Whether somebody is told is
 * decided elsewhere (`IncidentBook`), by how long it lasts.
 */
import type { Kind, Severity } from "./Incident.ts"

/** The state of the loop as far as incidents are about it. Times are milliseconds since the epoch. */
export interface Facts {
  readonly now: number
  readonly convergence: {
    readonly notConvergedForMs: number
    readonly missing: number
    readonly orphaned: number
    /** Some of those, the longest first. */
    readonly storeIds: ReadonlyArray<string>
  }
  /** Null while the removal guard is not tripped. */
  readonly guard: { readonly planHash: string; readonly storeIds: ReadonlyArray<string> } | null
  /** The names of the circuit breakers that are not closed. */
  readonly openBreakers: ReadonlyArray<string>
  readonly source: { readonly name: string; readonly fresh: boolean }
  readonly storageHealthy: boolean
  readonly pauses: ReadonlyArray<{ readonly storeId: string | null; readonly since: number }>
  /** Null while nothing is locked down. */
  readonly lockedDownSince: number | null
  readonly parkedMessages: number
}

/** Something that is wrong now. */
export interface Trouble {
  readonly kind: Kind
  readonly severity: Severity
  readonly summary: string
  /** When it began; null: nobody knows, so that it begins when it is first seen. */
  readonly since: number | null
  readonly counts: Readonly<Record<string, number>>
  readonly storeIds: ReadonlyArray<string>
  /** Changes when there is something new to say, and not with every figure. */
  readonly fingerprint: string
}

/** Workspaces that an incident names; the counts beside them are exact. */
export const MAX_STORE_IDS = 20

const MINUTE_MS = 60_000

/**
 * How long each must have lasted before somebody is told. Those that are alerts too have the alert's `for`
 * (`spec/alerts`), and a removal that is held waits for a person from its first moment.
 */
export const bounds: Readonly<Record<Kind, number>> = {
  "not-converged": 10 * MINUTE_MS,
  "removal-guard": 0,
  "circuit-open": 5 * MINUTE_MS,
  "source-stale": MINUTE_MS,
  "storage-failing": MINUTE_MS,
  paused: 60 * MINUTE_MS,
  lockdown: 60 * MINUTE_MS,
  "messages-parked": 5 * MINUTE_MS
}

/** Doubling is news; one more is not. */
const magnitude = (count: number): string => String(Math.ceil(Math.log2(count + 1)))

const workspaces = (count: number): string => `${count} workspace${count === 1 ? "" : "s"}`

const some = (storeIds: ReadonlyArray<string>): ReadonlyArray<string> => storeIds.slice(0, MAX_STORE_IDS)

const notConverged = ({ convergence, now, source }: Facts): Trouble | undefined => {
  const { missing, notConvergedForMs, orphaned, storeIds } = convergence
  if (notConvergedForMs <= 0) return undefined
  const drift = missing + orphaned
  return {
    kind: "not-converged",
    severity: "critical",
    summary:
      drift === 0
        ? `The set is not known to be converged: what the source (${source.name}) said is stale.`
        : `The set is not converged: ${workspaces(missing)} missing, ${workspaces(orphaned)} orphaned.`,
    since: now - notConvergedForMs,
    counts: { missing, orphaned },
    storeIds: some(storeIds),
    fingerprint: magnitude(drift)
  }
}

const guardTripped = ({ guard }: Facts): Trouble | undefined =>
  guard === null
    ? undefined
    : {
        kind: "removal-guard",
        severity: "high",
        summary: `The removal guard holds back the removal of ${workspaces(guard.storeIds.length)}; plan ${guard.planHash}.`,
        since: null,
        counts: { held: guard.storeIds.length },
        storeIds: some(guard.storeIds),
        fingerprint: guard.planHash
      }

const circuitOpen = ({ openBreakers }: Facts): Trouble | undefined =>
  openBreakers.length === 0
    ? undefined
    : {
        kind: "circuit-open",
        severity: "high",
        summary: `The circuit breaker of ${openBreakers.join(", ")} is open.`,
        since: null,
        counts: { open: openBreakers.length },
        storeIds: [],
        fingerprint: openBreakers.toSorted().join(",")
      }

const sourceStale = ({ source }: Facts): Trouble | undefined =>
  source.fresh
    ? undefined
    : {
        kind: "source-stale",
        severity: "critical",
        summary: `What is known of the workspaces (source: ${source.name}) is stale: the Auth Worker does not answer as it should.`,
        since: null,
        counts: {},
        storeIds: [],
        fingerprint: source.name
      }

const storageFailing = ({ storageHealthy }: Facts): Trouble | undefined =>
  storageHealthy
    ? undefined
    : {
        kind: "storage-failing",
        severity: "critical",
        summary: "The server cannot write its own state.",
        since: null,
        counts: {},
        storeIds: [],
        fingerprint: ""
      }

const paused = ({ pauses }: Facts): Trouble | undefined => {
  if (pauses.length === 0) return undefined
  const ofWorkspaces = pauses.flatMap(({ storeId }) => (storeId === null ? [] : [storeId]))
  const loop = pauses.length - ofWorkspaces.length
  const what = [
    ...(loop > 0 ? ["the whole loop"] : []),
    ...(ofWorkspaces.length > 0 ? [workspaces(ofWorkspaces.length)] : [])
  ]
  return {
    kind: "paused",
    severity: "medium",
    summary: `Paused, and not resumed for long: ${what.join(" and ")}.`,
    since: Math.min(...pauses.map(({ since }) => since)),
    counts: { loop, workspaces: ofWorkspaces.length },
    storeIds: some(ofWorkspaces),
    fingerprint: `${loop} ${magnitude(ofWorkspaces.length)}`
  }
}

const lockedDown = ({ lockedDownSince }: Facts): Trouble | undefined =>
  lockedDownSince === null
    ? undefined
    : {
        kind: "lockdown",
        severity: "high",
        summary: "The server is locked down, and not lifted for long: webhooks and changes are refused.",
        since: lockedDownSince,
        counts: {},
        storeIds: [],
        fingerprint: ""
      }

const messagesParked = ({ parkedMessages }: Facts): Trouble | undefined =>
  parkedMessages === 0
    ? undefined
    : {
        kind: "messages-parked",
        severity: "medium",
        summary: `${parkedMessages} user message${parkedMessages === 1 ? " was" : "s were"} given up and wait for a decision.`,
        since: null,
        counts: { parked: parkedMessages },
        storeIds: [],
        fingerprint: magnitude(parkedMessages)
      }

const all = [
  notConverged,
  guardTripped,
  circuitOpen,
  sourceStale,
  storageFailing,
  paused,
  lockedDown,
  messagesParked
]

/** Everything that is wrong now, at most one of each kind. */
export const incidentsOf = (facts: Facts): ReadonlyArray<Trouble> => all.flatMap((look) => look(facts) ?? [])
