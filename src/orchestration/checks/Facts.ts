/**
 * What is known of this server at one moment: gathered once, and judged by the one table of checks (`table.ts`). Every
 * view of the server's health reads these facts and no others, so that two views never disagree.
 */
import type { Source } from "../../workspaces/DesiredState.ts"

/** Times are milliseconds since the epoch, durations milliseconds, ratios parts of one. */
export interface Facts {
  readonly now: number
  readonly reconciler: ReconcilerFacts
  readonly convergence: ConvergenceFacts
  readonly opening: OpeningFacts | null
  readonly source: SourceFacts
  readonly stores: StoresFacts
  readonly queue: { readonly depth: number; readonly oldestMs: number }
  readonly guard: {
    readonly tripped: boolean
    readonly planHash: string | null
    readonly storeIds: ReadonlyArray<string>
  }
  readonly pauses: ReadonlyArray<{ readonly storeId: string | null; readonly since: number }>
  readonly lockdown: { readonly since: number; readonly actor: string } | null
  readonly messages: MessagesFacts
  readonly breakers: ReadonlyArray<BreakerFacts>
  readonly state: {
    readonly healthy: boolean
    readonly error: string | null
    /** False once a record of the audit trail does not fit the one before it; null: not checked yet. */
    readonly auditIntact: boolean | null
  }
  readonly machine: MachineFacts
  /** Null: there is none. */
  readonly newestBackupAgeMs: number | null
  readonly notifications: NotificationFacts
  readonly webhooks: { readonly configured: boolean; readonly rejections: number }
  /** For how long this server has had the oldest of its secrets; null: it has none. */
  readonly oldestSecret: { readonly variable: string; readonly ageMs: number } | null
  readonly day: DayFacts
}

/** Why nothing is reconciled with an Auth Worker. */
export interface Disabled {
  /** `switched-off`: by WORKSPACE_RECONCILE_ENABLED. The others: something that it needs is not configured. */
  readonly because: "switched-off" | "no-source" | "no-token"
  readonly reason: string
}

export interface ReconcilerFacts {
  readonly disabled: Disabled | null
  /** Workspaces that STORE_IDS names. */
  readonly pinned: number
  readonly intervalMs: number
  readonly isRunning: boolean
  /** How long ago the newest run began, or the loop was started; null while it has not been started. */
  readonly sinceRunBeganMs: number | null
  /** How long the loop has chosen to wait before the next run: longer than the interval where the source asks for it. */
  readonly waitMs: number
  readonly consecutiveFailures: number
}

export interface ConvergenceFacts {
  readonly converged: boolean
  readonly desired: number
  readonly monitored: number
  readonly missing: number
  readonly orphaned: number
  readonly notConvergedForMs: number
  /** Some of those that are missing or orphaned, the longest first. */
  readonly storeIds: ReadonlyArray<string>
}

/** Workspaces are being opened: after a start, after a pause, or because many are new. */
export interface OpeningFacts {
  readonly opened: number
  readonly total: number
  /** By the rate of the last half minute; null while none has been opened. */
  readonly etaMs: number | null
}

export interface SourceFacts {
  readonly name: Source
  readonly fresh: boolean
  /** Infinite: from a time that is yet to come. */
  readonly ageMs: number | null
  /** Why it could not be read when it was asked last; null: it could. */
  readonly error: { readonly code: string; readonly message: string } | null
}

export interface StoresFacts {
  readonly total: number
  readonly connected: number
  readonly connecting: number
  readonly disconnected: number
  readonly error: number
  /** Since when no store hears the sync backend; null while one does, or there is none. */
  readonly unheardSince: number | null
  /** Whether any of them has ever heard it since it was opened. */
  readonly everHeard: boolean
  /** Workspaces whose newest reconcile failed. */
  readonly failing: number
  readonly failingIds: ReadonlyArray<string>
}

export interface MessagesFacts {
  readonly isHandled: boolean
  readonly pending: number
  readonly parked: number
  readonly active: number
  /** Since when the oldest open message has been known; null: none is open. */
  readonly oldestOpenAt: number | null
  readonly errorRate: number
}

export interface BreakerFacts {
  readonly name: string
  readonly state: "closed" | "open" | "half-open"
  readonly openedAt: number | null
  readonly willResetAt: number | null
  readonly lastError: string | null
}

export interface MachineFacts {
  /** Null: unknown. */
  readonly disk: { readonly freeBytes: number; readonly totalBytes: number } | null
  /** What is used of what is allowed: the larger of resident memory and heap. */
  readonly memoryRatio: number
  /** The longest delay of the event loop in the last minute. */
  readonly eventLoopDelayMs: number
  /** Log lines that could not be written, and reports and spans that could not be sent, in the last day. */
  readonly logLinesDropped: number
  readonly telemetryDropped: number
}

/** How notifications of incidents are delivered; the part that tells people knows it. */
export interface NotificationFacts {
  readonly configured: boolean
  readonly pending: number
  readonly lastError: string | null
}

/** What has happened in the last day, or since the start. */
export interface DayFacts {
  readonly since: number
  /** Runs of the whole loop. */
  readonly runs: { readonly completed: number; readonly failed: number }
  /** Reconciles of single workspaces. */
  readonly reconciles: { readonly done: number; readonly failed: number }
  readonly breakerOpenings: number
  readonly errors: number
  readonly longestStallMs: number
}
