/** What is written of the server's own state, and what could not be. */
import type { AuditEntry } from "../orchestration/Audit.ts"
import { counters } from "../telemetry/Metrics.ts"

const failures = counters(
  "wso_state_write_failures_total",
  "Writes of the server's own state that failed, by what was to be written",
  ["write"]
)
const audited = counters(
  "wso_audit_records_total",
  "Records that the audit trail has got, by their outcome",
  ["outcome"]
)

// Zero from the beginning: an alert on an increase sees the first one.
for (const write of ["approval", "audit", "pause", "removal", "retired", "snapshot", "transitions"]) {
  failures(write)
}
for (const outcome of ["succeeded", "refused", "failed"] as const) audited(outcome)

/** `write` is one of the few names that writes have in this folder. */
export const writeFailed = (write: string): void => failures(write).add()
export const recorded = (outcome: AuditEntry["outcome"]): void => audited(outcome).add()
