/**
 * Health for who may not know which workspaces there are: counts, times and states stay; whatever could name a workspace
 * goes. What is not known to be harmless goes too, so that a field added elsewhere does not leak here.
 */
import * as Predicate from "effect/Predicate"

/** Blocks of the body whose keys are ours; within them the rules below hold. */
const BLOCKS = new Set([
  "convergence",
  "globalResources",
  "liveStoreTotals",
  "processedMessages",
  "orchestrator",
  "reconciliation",
  "manualReconcile",
  "removalGuard",
  "circuitBreakers",
  "lockdown",
  "queue",
  "opening"
])

/** Texts that come from a fixed vocabulary, a clock or the configuration. */
const HARMLESS_TEXTS = new Set([
  "status",
  "timestamp",
  "version",
  "storage",
  "state",
  "source",
  "revision",
  "code",
  "systemHealth",
  "fetchedAt"
])

const ISO_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/

/** Records whose keys are workspaces. */
const isKeyedByWorkspace = (key: string): boolean => /^by[A-Z]/.test(key)

const redactedValue = (key: string, value: unknown): unknown => {
  if (value === null || typeof value === "number" || typeof value === "boolean") return value
  if (typeof value === "string") {
    // The query of a dashboard may name a workspace, or let in whoever has it.
    if (key === "incidentDashboardUrl") return value.replace(/[?#].*$/s, "").replace(/\/\/[^/]*@/, "//")
    return HARMLESS_TEXTS.has(key) || ISO_TIME.test(value) ? value : undefined
  }
  if (!Predicate.isRecord(value) || isKeyedByWorkspace(key)) return undefined
  return redactedRecord(value)
}

const redactedRecord = (record: Readonly<Record<string, unknown>>): Record<string, unknown> => {
  const entries = Object.entries(record).map(([key, value]) => [key, redactedValue(key, value)] as const)
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined))
}

/** Which checks are not ok, without what was found: that may repeat the words of others. */
const redactedChecks = (checks: unknown): ReadonlyArray<Record<string, unknown>> | undefined =>
  Array.isArray(checks)
    ? checks.filter(Predicate.isRecord).map(({ name, since, status }) => ({ name, status, since }))
    : undefined

/** The body of `GET /health` without what names a workspace. */
export const redactHealth = (health: Readonly<Record<string, unknown>>): Record<string, unknown> => {
  const shown = Object.entries(health).filter(([key, value]) => BLOCKS.has(key) || !Predicate.isRecord(value))
  const redacted = redactedRecord(Object.fromEntries(shown))
  const checks = redactedChecks(health["checks"])
  const withChecks = checks === undefined ? redacted : { ...redacted, checks }
  const reconciliation = health["reconciliation"]
  // Why there is no reconciler is a sentence of ours about the configuration.
  return Predicate.isRecord(reconciliation) && reconciliation["enabled"] === false
    ? { ...withChecks, reconciliation: { enabled: false, reason: reconciliation["reason"] } }
    : withChecks
}
