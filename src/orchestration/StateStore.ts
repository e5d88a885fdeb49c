/**
 * What the loop and its operators must not forget over a restart, beside the desired snapshot. Writes of the loop never
 * fail their caller: a disk that is full must not stop the loop, and is reported by `health`. Writes of what an operator
 * has asked for do: a pause that would end with the next restart is no pause.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import {
  hashOf,
  GENESIS,
  lastingEntry,
  verify,
  type AuditEntry,
  type AuditRecord,
  type Verification
} from "./Audit.ts"
import type { Held, Rejected, Removal } from "./DueRemovals.ts"
import type { Transition } from "./WorkspaceStatus.ts"

/** All times are milliseconds since the epoch. */
export interface Pause {
  /** The workspace; null: the whole loop. */
  readonly storeId: string | null
  readonly reason: string
  readonly actor: string
  readonly since: number
  /** Null: until somebody resumes it. */
  readonly expiresAt: number | null
}

/** A human has said that exactly these may be stopped. */
export interface Approval {
  readonly hash: string
  readonly storeIds: ReadonlyArray<string>
  readonly actor: string
  readonly approvedAt: number
  readonly expiresAt: number
}

/** Somebody has locked the server's mutating calls. */
export interface LockdownState {
  readonly reason: string
  readonly actor: string
  readonly since: number
}

export interface AuditQuery {
  readonly limit: number
  /** Only records with a smaller sequence number. */
  readonly before: number | null
  readonly action: string | null
}

/** What happened may be lost with the next restart, so the call that asked for it fails: the disk is full, or worse. */
export class StateWriteFailed extends Schema.TaggedError<StateWriteFailed>()("StateWriteFailed", {
  /** What was to be written, such as `pause`. */
  write: Schema.String
}) {
  override get message(): string {
    return `The server's own state cannot be written (${this.write}); nothing was changed.`
  }
}

/** A held or a rejected removal, as it is remembered. */
export interface HeldRow extends Held {
  readonly storeId: string
}
export interface RejectedRow extends Rejected {
  readonly storeId: string
}

export interface StoreHealth {
  readonly healthy: boolean
  readonly path: string | null
  readonly lastError: string | null
}

export class StateStore extends Context.Tag("workspace-orchestrator/orchestration/StateStore")<
  StateStore,
  {
    readonly pauses: {
      readonly load: Effect.Effect<ReadonlyArray<Pause>>
      readonly save: (pause: Pause) => Effect.Effect<void, StateWriteFailed>
      readonly remove: (storeId: string | null) => Effect.Effect<void, StateWriteFailed>
    }
    readonly removals: {
      /** The removals that count for the guard, oldest first. */
      readonly load: Effect.Effect<ReadonlyArray<Removal>>
      /** Notes a removal, and forgets those before `forgetBefore`. */
      readonly record: (removal: Removal, forgetBefore: number) => Effect.Effect<void>
    }
    /** What the guard holds and what was rejected. */
    readonly held: {
      readonly load: Effect.Effect<ReadonlyArray<HeldRow>>
      readonly rejected: Effect.Effect<ReadonlyArray<RejectedRow>>
      /** Replaces what is remembered of these workspaces, all of it or nothing. */
      readonly save: (
        ids: ReadonlySet<string>,
        held: ReadonlyArray<HeldRow>,
        rejected: ReadonlyArray<RejectedRow>
      ) => Effect.Effect<void, StateWriteFailed>
    }
    readonly approvals: {
      readonly load: Effect.Effect<ReadonlyArray<Approval>>
      readonly save: (approval: Approval) => Effect.Effect<void, StateWriteFailed>
    }
    readonly audit: {
      /** Appends the entry, or keeps it until it can be appended, in order: what was done is never without a record. */
      readonly append: (entry: AuditEntry) => Effect.Effect<void>
      /** The newest first. */
      readonly read: (query: AuditQuery) => Effect.Effect<ReadonlyArray<AuditRecord>>
      readonly verify: Effect.Effect<Verification>
    }
    readonly transitions: {
      readonly append: (storeId: string, transition: Transition) => Effect.Effect<void>
      /** The newest of one workspace, oldest first. */
      readonly read: (storeId: string, limit: number) => Effect.Effect<ReadonlyArray<Transition>>
      /** The workspace and its data are gone. */
      readonly forget: (storeId: string) => Effect.Effect<void>
    }
    /** Removed workspaces whose local data is kept for a while. */
    readonly retired: {
      readonly add: (storeId: string, at: number) => Effect.Effect<void>
      readonly remove: (storeId: string) => Effect.Effect<void>
      readonly before: (at: number) => Effect.Effect<ReadonlyArray<string>>
    }
    readonly lockdown: {
      readonly load: Effect.Effect<LockdownState | undefined>
      readonly save: (lockdown: LockdownState) => Effect.Effect<void, StateWriteFailed>
      readonly remove: Effect.Effect<void, StateWriteFailed>
    }
    readonly secrets: {
      /** Since when each secret of this variable has been known, by its fingerprint; one that is new since `at`. */
      readonly seen: (
        variable: string,
        fingerprints: ReadonlyArray<string>,
        at: number
      ) => Effect.Effect<ReadonlyMap<string, number>>
    }
    readonly health: () => StoreHealth
  }
>() {}

/** Transitions that are kept for each workspace. */
export const MAX_TRANSITIONS = 50

const makeMemory = (): (typeof StateStore)["Service"] => {
  const pauses = new Map<string | null, Pause>()
  let removals: ReadonlyArray<Removal> = []
  const heldRows = new Map<string, HeldRow>()
  const rejectedRows = new Map<string, RejectedRow>()
  const approvals: Array<Approval> = []
  const audit: Array<AuditRecord> = []
  const transitions = new Map<string, ReadonlyArray<Transition>>()
  const retired = new Map<string, number>()
  let lockdown: LockdownState | undefined
  const firstSeen = new Map<string, number>()
  return {
    pauses: {
      load: Effect.sync(() => [...pauses.values()]),
      save: (pause) => Effect.sync(() => void pauses.set(pause.storeId, pause)),
      remove: (storeId) => Effect.sync(() => void pauses.delete(storeId))
    },
    removals: {
      load: Effect.sync(() => removals),
      record: (removal, forgetBefore) =>
        Effect.sync(() => {
          removals = [...removals.filter(({ at }) => at >= forgetBefore), removal]
        })
    },
    held: {
      load: Effect.sync(() => [...heldRows.values()]),
      rejected: Effect.sync(() => [...rejectedRows.values()]),
      save: (ids, held, rejected) =>
        Effect.sync(() => {
          for (const id of ids) {
            heldRows.delete(id)
            rejectedRows.delete(id)
          }
          for (const row of held) heldRows.set(row.storeId, row)
          for (const row of rejected) rejectedRows.set(row.storeId, row)
        })
    },
    approvals: {
      load: Effect.sync(() => approvals),
      save: (approval) => Effect.sync(() => void approvals.push(approval))
    },
    audit: {
      append: (given) =>
        Effect.sync(() => {
          const entry = lastingEntry(given)
          const seq = audit.length + 1
          audit.push({ seq, ...entry, hash: hashOf(audit.at(-1)?.hash ?? GENESIS, seq, entry) })
        }),
      read: ({ action, before, limit }) =>
        Effect.sync(() =>
          audit
            .filter(
              (record) =>
                (before === null || record.seq < before) && (action === null || record.action === action)
            )
            .reverse()
            .slice(0, limit)
        ),
      verify: Effect.sync(() => verify(audit))
    },
    transitions: {
      append: (storeId, transition) =>
        Effect.sync(() => {
          const known = transitions.get(storeId) ?? []
          transitions.set(storeId, [...known.slice(1 - MAX_TRANSITIONS), transition])
        }),
      read: (storeId, limit) => Effect.sync(() => (transitions.get(storeId) ?? []).slice(-limit)),
      forget: (storeId) => Effect.sync(() => void transitions.delete(storeId))
    },
    retired: {
      add: (storeId, at) => Effect.sync(() => void retired.set(storeId, at)),
      remove: (storeId) => Effect.sync(() => void retired.delete(storeId)),
      before: (at) =>
        Effect.sync(() => [...retired].filter(([, since]) => since < at).map(([storeId]) => storeId))
    },
    lockdown: {
      load: Effect.sync(() => lockdown),
      save: (next) => Effect.sync(() => void (lockdown = next)),
      remove: Effect.sync(() => void (lockdown = undefined))
    },
    secrets: {
      seen: (variable, fingerprints, at) =>
        Effect.sync(
          () =>
            new Map(
              fingerprints.map((fingerprint) => {
                const key = `${variable} ${fingerprint}`
                const since = firstSeen.get(key) ?? at
                firstSeen.set(key, since)
                return [fingerprint, since] as const
              })
            )
        )
    },
    health: () => ({ healthy: true, path: null, lastError: null })
  }
}

/** Remembers nothing beyond the process. */
export const layerMemory: Layer.Layer<StateStore> = Layer.sync(StateStore, makeMemory)
