/**
 * What operators may ask and tell the running loop, beyond `Operations`: why a workspace is as it is, what would be done,
 * and to hold, go on, approve. Everything that changes something is in the audit trail with who and why.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Stream from "effect/Stream"
import type { Condition } from "../controller/Conditions.ts"
import type { AuditRecord, Verification } from "./Audit.ts"
import type { View } from "./checks/Check.ts"
import type { CheckView } from "./checks/Checks.ts"
import type { FeedEvent } from "./EventFeed.ts"
import type { Actor, NudgeOutcome, ReconcilerDisabled } from "./Operations.ts"
import type { AuditQuery, StateWriteFailed } from "./StateStore.ts"
import type { DesiredView } from "./Views.ts"

/** No workspace of this id is known: the directory does not have it, STORE_IDS does not name it, and no store is open. */
export class UnknownWorkspace extends Schema.TaggedError<UnknownWorkspace>()("UnknownWorkspace", {
  storeId: Schema.String
}) {}

/** The plan to be approved is not the one that is held now. */
export class PlanMismatch extends Schema.TaggedError<PlanMismatch>()("PlanMismatch", {
  /** The hash of the plan that is held now; null: none is. */
  currentHash: Schema.NullOr(Schema.String)
}) {}

export class UnknownBreaker extends Schema.TaggedError<UnknownBreaker>()("UnknownBreaker", {
  known: Schema.Array(Schema.String)
}) {}

/** Why nothing more happens to a workspace right now. */
export interface Blocker {
  /** `guard`, `grace`, `paused`, `backoff`, `breaker`, `evidence`, `flapping`, `not-owner`, `source-disagrees`, … */
  readonly reason: string
  /** In plain words. */
  readonly message: string
  /** When time alone will end it, ISO 8601; null: something else has to happen. */
  readonly until: string | null
  /** What an operator can do. */
  readonly nextStep: string
}

/** The answer to "why is this workspace not monitored?" (or: why is it still?). Times are ISO 8601. */
export interface Explanation {
  readonly storeId: string
  readonly monitored: boolean
  /** One sentence that says it all. */
  readonly summary: string
  readonly nextStep: string
  readonly desired: DesiredView & {
    readonly state: "present" | "absent" | "unknown"
    /** Named by STORE_IDS. */
    readonly pinned: boolean
    /** This server remembers having monitored it. */
    readonly wasKnown: boolean
    readonly absence: {
      readonly kind: "deleted" | "absent"
      readonly confirmations: number
      readonly confirmationsNeeded: number
      readonly since: string
      readonly graceUntil: string | null
    } | null
  }
  readonly observed: {
    readonly state: "closed" | "opening" | "open" | "dead"
    readonly since: string | null
    readonly status: string | null
    readonly isConnected: boolean | null
    readonly processing: boolean
    readonly message: string | null
  }
  readonly queue: {
    readonly state: "none" | "ready" | "running" | "waiting"
    readonly priority: string | null
    readonly since: string | null
    readonly until: string | null
  }
  readonly attempts: number
  readonly lastError: { readonly code: string; readonly message: string; readonly at: string } | null
  readonly nextAttemptAt: string | null
  readonly blockedBy: ReadonlyArray<Blocker>
  /** What is not well with the whole server. */
  readonly checks: ReadonlyArray<CheckView>
  readonly conditions: ReadonlyArray<Condition>
  readonly transitions: ReadonlyArray<{
    readonly at: string
    readonly type: string
    readonly message: string
  }>
}

/** A workspace about which nothing is done although it differs. The times are ISO 8601. */
export interface HeldView {
  readonly storeId: string
  readonly reason: string
  /** What speaks for its removal; null where it is not about a removal. */
  readonly evidence?: "deleted" | "absent" | null
  readonly evidenceSince?: string | null
  /** Who deleted it and when, where the changes feed says so. */
  readonly deletedBy?: string | null
  readonly deletedAt?: string | null
  readonly lastActivityAt?: string | null
  /** Since when the guard holds it, or since when its removal is rejected and by whom. */
  readonly heldSince?: string | null
  readonly rejectedBy?: string | null
  /** What ends the hold, in plain words. */
  readonly endsWhen?: string
}

/** What would be done now. Lists are cut at 1,000; the counts are exact. */
export interface Plan {
  readonly desired: DesiredView
  readonly differs: boolean
  readonly counts: {
    readonly add: number
    readonly remove: number
    readonly held: number
    readonly waiting: number
  }
  readonly add: ReadonlyArray<{ readonly storeId: string; readonly because: string }>
  readonly remove: ReadonlyArray<{ readonly storeId: string; readonly because: string }>
  readonly held: ReadonlyArray<HeldView>
  readonly waiting: ReadonlyArray<{
    readonly storeId: string
    readonly reason: string
    readonly until: string
  }>
  readonly guard: {
    readonly tripped: boolean
    readonly reason: string | null
    readonly planHash: string | null
    readonly storeIds: ReadonlyArray<string>
    readonly limit: number
    /** How many removals of all kinds a window allows; `limit` is that of removals by absence alone. */
    readonly deleteLimit?: number
    readonly recentRemovals: number
  }
  readonly paused: ReadonlyArray<PauseView>
}

export interface PauseView {
  /** Null: the whole loop. */
  readonly storeId: string | null
  readonly reason: string
  readonly actor: string
  readonly since: string
  readonly expiresAt: string | null
}

/** Times are ISO 8601. */
export interface LockdownView {
  readonly reason: string
  readonly actor: string
  readonly since: string
}

export interface QueueView {
  readonly depth: number
  readonly byPriority: Readonly<Record<string, number>>
  readonly running: number
  readonly waiting: number
  readonly workers: number
  readonly oldestMs: number
  readonly longestRunningMs: number
  readonly unfinishedWorkSeconds: number
  readonly adds: number
  readonly retries: number
  /** Up to 100 keys: running, then ready, then waiting. */
  readonly items: ReadonlyArray<{
    readonly storeId: string
    readonly state: "ready" | "running" | "waiting"
    readonly priority: string | null
    readonly since: string | null
    readonly until: string | null
    readonly reason: string | null
    readonly attempts: number
  }>
}

export interface StuckView {
  readonly storeId: string
  /** Desired but not monitored, or the other way round. */
  readonly kind: "missing" | "orphaned"
  readonly since: string
  readonly forMs: number
  readonly reason: string
  readonly message: string
}

export interface BreakerView {
  readonly name: string
  readonly state: "closed" | "open" | "half-open"
  readonly failureCount: number
  readonly openedAt: string | null
  readonly willResetAt: string | null
  readonly lastError: string | null
  readonly history: ReadonlyArray<{
    readonly at: string
    readonly from: string
    readonly to: string
    readonly reason: string
  }>
}

export interface ErrorGroupView {
  readonly component: string
  readonly code: string
  readonly count: number
  readonly firstSeenAt: string
  readonly lastSeenAt: string
  readonly lastMessage: string
  readonly lastStoreId: string | null
}

export interface Probe {
  readonly healthy: boolean
  readonly detail: Readonly<Record<string, string | number | boolean | null>>
}

/** Which workspaces a call may be about. */
export interface Which {
  /** Also one that does not exist yet. Default: no, an id that is not known is refused. */
  readonly allowUnknown?: boolean
}

export class Administration extends Context.Tag("workspace-orchestrator/orchestration/Administration")<
  Administration,
  {
    /** What is not well with the whole server, as far as a view shows it. */
    readonly checks: (view: View) => Effect.Effect<ReadonlyArray<CheckView>>
    readonly explain: (storeId: string) => Effect.Effect<Explanation, UnknownWorkspace>
    /** What would be done now, by the snapshot that is accepted now. Changes nothing. */
    readonly plan: Effect.Effect<Plan>
    /** The part of the plan that is about one workspace; right however many others there are. */
    readonly planOne: (storeId: string, which?: Which) => Effect.Effect<Plan, UnknownWorkspace>
    /**
     * Reconciles one workspace now, backoff or not; waits until it is settled, or for as long as a webhook would. The
     * directory is asked first: only what it does not know afterwards either is unknown.
     */
    readonly reconcileOne: (
      storeId: string,
      actor: Actor,
      which?: Which
    ) => Effect.Effect<NudgeOutcome, ReconcilerDisabled | UnknownWorkspace>
    /** Lets exactly the held plan of this hash pass. Answers what it approved. */
    readonly approve: (
      planHash: string,
      actor: Actor
    ) => Effect.Effect<
      { readonly planHash: string; readonly storeIds: ReadonlyArray<string> },
      PlanMismatch | StateWriteFailed
    >
    /** Keeps the workspaces of exactly the held plan of this hash, until there is newer evidence about them. */
    readonly reject: (
      planHash: string,
      actor: Actor
    ) => Effect.Effect<
      { readonly planHash: string; readonly storeIds: ReadonlyArray<string> },
      PlanMismatch | StateWriteFailed
    >
    /** Pauses the loop, or one workspace. A pause that stands already is replaced. */
    readonly pause: (
      request: {
        readonly storeId: string | null
        readonly reason: string
        readonly expiresInMs: number | null
      },
      actor: Actor,
      which?: Which
    ) => Effect.Effect<PauseView, UnknownWorkspace | StateWriteFailed>
    /** Ends a pause and looks at everything again, slowly at first. False: nothing was paused. */
    readonly resume: (
      storeId: string | null,
      actor: Actor
    ) => Effect.Effect<boolean, UnknownWorkspace | StateWriteFailed>
    /** Null while nothing is locked down. */
    readonly lockdown: () => LockdownView | null
    /** Locks every mutating call but the lifting; one that stands is left as it is. */
    readonly lockDown: (
      reason: string,
      actor: Actor
    ) => Effect.Effect<{ readonly isNew: boolean; readonly lockdown: LockdownView }, StateWriteFailed>
    /** Lifts the lockdown, answers it, and begins a run of the whole loop; null: there was none. */
    readonly liftLockdown: (
      reason: string,
      actor: Actor
    ) => Effect.Effect<LockdownView | null, StateWriteFailed>
    readonly audit: (query: AuditQuery) => Effect.Effect<ReadonlyArray<AuditRecord>>
    readonly verifyAudit: Effect.Effect<Verification>
    readonly queue: Effect.Effect<QueueView>
    /** What has not been converged for longer than this, the oldest first. */
    readonly stuck: (olderThanMs: number) => Effect.Effect<ReadonlyArray<StuckView>>
    readonly breakers: Effect.Effect<ReadonlyArray<BreakerView>>
    /** Lets an open breaker admit a probe now. */
    readonly resetBreaker: (name: string, actor: Actor) => Effect.Effect<BreakerView, UnknownBreaker>
    readonly recentErrors: Effect.Effect<ReadonlyArray<ErrorGroupView>>
    /** The kept events with an id above `after`, then those to come, for ever. */
    readonly events: (after: number) => Stream.Stream<FeedEvent>
    /** What `GET /health/db`, `/health/auth-worker` and `/health/sync` say. */
    readonly probe: (check: "db" | "auth-worker" | "sync") => Effect.Effect<Probe>
    /** Opens, reads, closes and deletes a store of its own. Calls while one runs share it. */
    readonly selfTest: Effect.Effect<Probe>
    /** Takes the metrics that are states and not happenings, as of now. Cheap: a scraper asks every few seconds. */
    readonly measure: Effect.Effect<void>
  }
>() {}
