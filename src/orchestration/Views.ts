/**
 * What operators and programs read about the loop: the shapes of the wire contract, section 3.
 * Times are ISO 8601 strings, durations milliseconds. Fields may be added, never renamed or removed.
 */

export interface DesiredView {
  readonly revision: string | null
  readonly source: "auth-worker" | "snapshot" | "static" | "none"
  readonly fetchedAt: string | null
  readonly ageMs: number | null
  readonly fresh: boolean
}

export interface HeldView {
  readonly storeId: string
  /** What holds it: `evidence`, `grace`, `guard`, `paused`, … */
  readonly reason: string
}

export interface FailingView {
  readonly storeId: string
  readonly error: string
  readonly attempts: number
  readonly nextAttemptAt: string | null
}

/** A workspace that exists and cannot be opened. */
export interface UnsupportedView {
  /** As the source has it, which is no id of ours. */
  readonly instanceId: string
  readonly reason: string
}

export interface ConvergenceView {
  readonly converged: boolean
  readonly desiredCount: number
  readonly monitoredCount: number
  readonly driftCount: number
  readonly missing: ReadonlyArray<string>
  readonly orphaned: ReadonlyArray<string>
  readonly held: ReadonlyArray<HeldView>
  readonly failing: ReadonlyArray<FailingView>
  /** Neither desired nor drift: nothing that the loop does would open them. */
  readonly unsupportedCount: number
  readonly unsupported: ReadonlyArray<UnsupportedView>
  /** Pairs of ids that differ only by case. */
  readonly lookalikes: ReadonlyArray<readonly [string, string]>
  readonly lastConvergedAt: string | null
  readonly notConvergedForMs: number
  readonly desired: DesiredView
}

export interface RunResult {
  readonly added: ReadonlyArray<string>
  readonly removed: ReadonlyArray<string>
  readonly failedAdds: ReadonlyArray<{ readonly storeId: string; readonly error: string }>
  readonly failedRemovals: ReadonlyArray<{ readonly storeId: string; readonly error: string }>
  readonly held: ReadonlyArray<HeldView>
  readonly authoritativeCount: number
  readonly monitoredCount: number
  readonly driftCount: number
}

export interface ErrorView {
  readonly code: string
  readonly message: string
}

export type ReconciliationView =
  | { readonly enabled: false; readonly reason: string }
  | {
      readonly enabled: true
      readonly intervalMs: number
      readonly isRunning: boolean
      readonly lastRunStartedAt: string | null
      readonly lastRunCompletedAt: string | null
      readonly lastSuccessAt: string | null
      readonly lastDurationMs: number | null
      readonly consecutiveFailures: number
      readonly totals: { readonly runs: number; readonly successes: number; readonly failures: number }
      readonly lastResult: RunResult | null
      readonly lastError: (ErrorView & { readonly at: string }) | null
      readonly nextRunAt: string | null
    }

export interface ManualReconcileView {
  readonly lastTriggeredAt: string | null
  readonly minIntervalMs: number
  readonly inFlight: boolean
  readonly incidentDashboardUrl: string | null
}

export interface OrchestratorView {
  readonly monitoredStoreIds: ReadonlyArray<string>
  readonly lastProvisionedAt: string | null
  readonly lastDeprovisionedAt: string | null
  readonly totalProvisioned: number
  readonly totalDeprovisioned: number
  readonly provisionFailures: number
}
