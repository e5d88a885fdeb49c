/**
 * What the loop has last found out about each workspace: the answer to "why is it not monitored?". A status says when
 * it was observed and against which revision (law 10).
 */
import { makeCondition, type Condition } from "../controller/Conditions.ts"
import type { Action } from "./decide.ts"

/** Why nothing is being done about a workspace right now, and until when if time alone will change that. */
export interface Blocked {
  readonly reason: string
  readonly until: number | null
}

export interface LastError {
  readonly code: string
  readonly message: string
  readonly at: number
}

/** Something that happened to a workspace. */
export interface Transition {
  /** Milliseconds since the epoch. */
  readonly at: number
  /** Such as `monitoring_started`; the same word as in the log. */
  readonly type: string
  readonly message: string
}

/**
 * What is kept of each workspace: facts, of which a hundred thousand must stay cheap. What they mean is said when
 * somebody asks (`view`). Times are in milliseconds since the epoch.
 */
export interface Remembered {
  readonly firstMonitoredAt: number | null
  readonly lastEnsuredAt: number | null
  readonly lastStoppedAt: number | null
  readonly provisionDurationMs: number | null
  readonly blocked: Blocked | null
  readonly lastError: LastError | null
  /** What the newest observation saw; null before the first. */
  readonly seen: Seen | null
}

/** What an observation saw, and since when each of it has been so. */
interface Seen {
  readonly at: number
  readonly revision: string | null
  readonly desired: Observation["desired"]
  readonly desiredSince: number
  readonly monitored: boolean
  readonly monitoredSince: number
  readonly synced: boolean | null
  readonly syncedSince: number
}

/** What is shown of a workspace. */
export interface WorkspaceStatus extends Omit<Remembered, "seen"> {
  readonly observedAt: number | null
  readonly conditions: ReadonlyArray<Condition>
}

export const unobserved: Remembered = {
  firstMonitoredAt: null,
  lastEnsuredAt: null,
  lastStoppedAt: null,
  provisionDurationMs: null,
  blocked: null,
  lastError: null,
  seen: null
}

const holdMessages: Record<Extract<Action, { readonly _tag: "Hold" }>["reason"], string> = {
  paused: "An operator has paused it; nothing is done until it is resumed",
  evidence: "It is missing from the directory's list, which is not enough evidence yet to stop it",
  guard:
    "The removal guard holds it together with others until the plan is approved or rejected, or until it comes back",
  rejected: "An operator has rejected its removal; it stays until there is newer evidence",
  "source-disagrees": "The directory's list does not have it, but says that it exists when asked for it",
  "no-evidence": "The directory has never spoken of it; what runs keeps running until there is evidence"
}

/** What an action says about why nothing more happens; null where something was done. */
export const blockedBy = (action: Action, now: number): Blocked | null => {
  if (action._tag === "Hold") return { reason: action.reason, until: null }
  if (action._tag === "Wait") return { reason: action.reason, until: now + action.afterMs }
  return null
}

export const holdMessage = (reason: string): string =>
  Object.entries(holdMessages).find(([known]) => known === reason)?.[1] ?? reason

interface Observation {
  readonly desired: "Present" | "Absent" | "Unknown"
  readonly monitored: boolean
  readonly synced: boolean | null
  readonly blocked: Blocked | null
  readonly lastError: LastError | null
  readonly revision: string | null
  readonly now: number
}

const camelCase = (reason: string): string =>
  reason
    .split(/[^a-zA-Z0-9]+/)
    .filter((word) => word !== "")
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join("")

/** The workspace after an observation. */
export const observe = (before: Remembered, now: Observation): Remembered => {
  const { seen } = before
  return {
    firstMonitoredAt: before.firstMonitoredAt,
    lastEnsuredAt: before.lastEnsuredAt,
    lastStoppedAt: before.lastStoppedAt,
    provisionDurationMs: before.provisionDurationMs,
    blocked: now.blocked,
    lastError: now.lastError,
    seen: {
      at: now.now,
      revision: now.revision,
      desired: now.desired,
      desiredSince: seen?.desired === now.desired ? seen.desiredSince : now.now,
      monitored: now.monitored,
      monitoredSince: seen?.monitored === now.monitored ? seen.monitoredSince : now.now,
      synced: now.synced,
      syncedSince: seen?.synced === now.synced ? seen.syncedSince : now.now
    }
  }
}

const desiredCondition = (
  { desired, desiredSince, revision }: Seen,
  /** From when on the snapshot is too old to say; null while it is fresh. */
  staleFrom: number | null
): Condition => {
  const type = "Desired"
  const observedRevision = revision
  if (staleFrom !== null) {
    const message = "The newest snapshot of the source of truth is too old to say"
    return makeCondition(
      { type, status: "Unknown", reason: "SnapshotStale", message, observedRevision },
      staleFrom
    )
  }
  const said = {
    Present: { status: "True", reason: "Listed", message: "The source of truth has it" },
    Absent: {
      status: "False",
      reason: "NotListed",
      message: "The source of truth does not have it any more"
    },
    Unknown: {
      status: "Unknown",
      reason: "NeverListed",
      message: "What is known of the source of truth does not have it"
    }
  } as const
  return makeCondition({ type, ...said[desired], observedRevision }, desiredSince)
}

const monitoredCondition = ({ blocked, lastError }: Remembered, seen: Seen): Condition => {
  const said = seen.monitored
    ? { reason: "StoreOpen", message: "The store is open and its event processor runs" }
    : blocked !== null
      ? { reason: camelCase(blocked.reason), message: holdMessage(blocked.reason) }
      : lastError !== null
        ? { reason: camelCase(lastError.code), message: lastError.message }
        : { reason: "NotOpen", message: "The store is not open" }
  const status = seen.monitored ? "True" : "False"
  return makeCondition(
    { type: "Monitored", status, ...said, observedRevision: seen.revision },
    seen.monitoredSince
  )
}

const syncedCondition = (seen: Seen): Condition => {
  const said =
    seen.synced === null
      ? { status: "Unknown" as const, reason: "NotOpen", message: "There is no open store to ask" }
      : seen.synced
        ? { status: "True" as const, reason: "Connected", message: "The store hears its sync backend" }
        : {
            status: "False" as const,
            reason: "Disconnected",
            message: "The store does not hear its sync backend"
          }
  return makeCondition({ type: "Synced", ...said, observedRevision: seen.revision }, seen.syncedSince)
}

/**
 * What is known of a workspace, with its conditions `Desired`, `Monitored` and `Synced`. When the snapshot has been stale
 * from `staleFrom` on, whether the workspace is desired is not known, whatever was observed before (law 10).
 */
export const view = ({ seen, ...known }: Remembered, staleFrom: number | null): WorkspaceStatus => ({
  ...known,
  observedAt: seen?.at ?? null,
  conditions:
    seen === null
      ? []
      : [
          desiredCondition(seen, staleFrom),
          monitoredCondition({ seen, ...known }, seen),
          syncedCondition(seen)
        ]
})
