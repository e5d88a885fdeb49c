/**
 * What the loop has last found out about each workspace: the answer to "why is it not monitored?". A status says when
 * it was observed and against which revision (law 10).
 */
import * as DateTime from "effect/DateTime"
import { setCondition, type Condition } from "../controller/Conditions.ts"
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

/** Times are in milliseconds since the epoch. */
export interface WorkspaceStatus {
  readonly firstMonitoredAt: number | null
  readonly lastEnsuredAt: number | null
  readonly lastStoppedAt: number | null
  readonly provisionDurationMs: number | null
  readonly observedAt: number | null
  readonly blocked: Blocked | null
  readonly lastError: LastError | null
  readonly conditions: ReadonlyArray<Condition>
}

export const unobserved: WorkspaceStatus = {
  firstMonitoredAt: null,
  lastEnsuredAt: null,
  lastStoppedAt: null,
  provisionDurationMs: null,
  observedAt: null,
  blocked: null,
  lastError: null,
  conditions: []
}

const holdMessages: Record<Extract<Action, { readonly _tag: "Hold" }>["reason"], string> = {
  paused: "An operator has paused it; nothing is done until it is resumed",
  evidence: "It is missing from the directory's list, which is not enough evidence yet to stop it",
  guard:
    "The removal guard holds it together with others; the plan waits for an approval or for the source to recover",
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

/** The conditions `Desired`, `Monitored` and `Synced` as of an observation. */
export const observe = (status: WorkspaceStatus, seen: Observation): WorkspaceStatus => {
  const at = DateTime.unsafeMake(seen.now)
  const desired = { Present: "True", Absent: "False", Unknown: "Unknown" } as const
  const notMonitored =
    seen.blocked !== null
      ? { reason: camelCase(seen.blocked.reason), message: holdMessage(seen.blocked.reason) }
      : seen.lastError !== null
        ? { reason: camelCase(seen.lastError.code), message: seen.lastError.message }
        : { reason: "NotOpen", message: "The store is not open" }
  const conditions = [
    {
      type: "Desired",
      status: desired[seen.desired],
      reason: seen.desired === "Present" ? "Listed" : seen.desired === "Absent" ? "NotListed" : "NeverListed",
      message:
        seen.desired === "Present"
          ? "The source of truth has it"
          : seen.desired === "Absent"
            ? "The source of truth does not have it any more"
            : "The source of truth has never spoken of it"
    },
    {
      type: "Monitored",
      status: seen.monitored ? ("True" as const) : ("False" as const),
      ...(seen.monitored
        ? { reason: "StoreOpen", message: "The store is open and its event processor runs" }
        : notMonitored)
    },
    {
      type: "Synced",
      status:
        seen.synced === null ? ("Unknown" as const) : seen.synced ? ("True" as const) : ("False" as const),
      reason: seen.synced === null ? "NotOpen" : seen.synced ? "Connected" : "Disconnected",
      message:
        seen.synced === null
          ? "There is no open store to ask"
          : seen.synced
            ? "The store hears its sync backend"
            : "The store does not hear its sync backend"
    }
  ]
  return {
    ...status,
    observedAt: seen.now,
    blocked: seen.blocked,
    lastError: seen.lastError,
    conditions: conditions.reduce<ReadonlyArray<Condition>>(
      (all, condition) => setCondition(all, { ...condition, observedRevision: seen.revision }, at),
      status.conditions
    )
  }
}

/**
 * The status as it may be shown when the snapshot has been stale from `staleFrom` on: whether the workspace is desired is
 * then not known, whatever was observed before (law 10).
 */
export const asOfStale = (status: WorkspaceStatus, staleFrom: number): WorkspaceStatus => ({
  ...status,
  conditions: status.conditions.map((condition) =>
    condition.type === "Desired"
      ? {
          ...condition,
          status: "Unknown",
          reason: "SnapshotStale",
          message: "The newest snapshot of the source of truth is too old to say",
          lastTransitionTime: DateTime.unsafeMake(staleFrom)
        }
      : condition
  )
})
