/**
 * What the loop and its operators must not forget over a restart, beside the desired snapshot. Writes never fail their
 * caller: a disk that is full must not stop the loop, and is reported by `health`.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import {
  hashOf,
  GENESIS,
  lastingEntry,
  verify,
  type AuditEntry,
  type AuditRecord,
  type Verification
} from "./Audit.ts"
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
      readonly save: (pause: Pause) => Effect.Effect<void>
      readonly remove: (storeId: string | null) => Effect.Effect<void>
    }
    readonly removals: {
      /** When removals that count for the guard happened. */
      readonly load: Effect.Effect<ReadonlyArray<number>>
      /** Notes a removal, and forgets those before `forgetBefore`. */
      readonly record: (at: number, forgetBefore: number) => Effect.Effect<void>
    }
    readonly approvals: {
      readonly load: Effect.Effect<ReadonlyArray<Approval>>
      readonly save: (approval: Approval) => Effect.Effect<void>
    }
    readonly audit: {
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
      readonly save: (lockdown: LockdownState) => Effect.Effect<void>
      readonly remove: Effect.Effect<void>
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
  let removals: ReadonlyArray<number> = []
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
      record: (at, forgetBefore) =>
        Effect.sync(() => {
          removals = [...removals.filter((time) => time >= forgetBefore), at]
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
