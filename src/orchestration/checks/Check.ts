/**
 * What a check is: one row of the table that judges this server. Pure; see `table.ts` for the rows.
 */
import type { Facts } from "./Facts.ts"

/** `warn`: look at it today. `fail`: look at it now. */
export type Judgement = "ok" | "warn" | "fail"

/** Where people and programs read how the server is. Every check is in each, or says why it is not. */
export const views = [
  "health",
  "status",
  "explain",
  "stuck",
  "doctor",
  "verify",
  "report",
  "incidents",
  "chat"
] as const
export type View = (typeof views)[number]

/** `critical`: now, at any hour. `high`: within the hour. `medium`: on a working day. As the alerts have it. */
export type Severity = "critical" | "high" | "medium"

/** The kinds of incidents. At most one of each is open at a time. */
export const incidentKinds = [
  "not-converged",
  "removal-guard",
  "circuit-open",
  "source-stale",
  "storage-failing",
  "paused",
  "lockdown",
  "messages-parked",
  "reconciler-off",
  "loop-stopped",
  "sync-backend",
  "stores-disconnected",
  "stores-failing",
  "messages-waiting",
  "audit-chain",
  "disk-full",
  "memory-high",
  "telemetry-lost"
] as const
export type IncidentKind = (typeof incidentKinds)[number]

/** What a check says of the facts. */
export interface Verdict {
  readonly status: Judgement
  /** What was found, as a sentence without its end; names no workspace, no secret, nothing that a sender chose. */
  readonly found: string
  /** What to type or do next; null when the check is ok. The command in it works in this situation. */
  readonly next: string | null
  /** When it began, in milliseconds since the epoch; absent: when it is first seen. */
  readonly since?: number | undefined
  readonly counts?: Readonly<Record<string, number>>
  /** Some of the workspaces that it concerns. */
  readonly storeIds?: ReadonlyArray<string>
  /** Changes when there is something new to tell, and not with every figure. Absent: the status. */
  readonly fingerprint?: string
}

export interface Check {
  /** Kebab-case, stable: in `/health`, in metrics, in the runbook. */
  readonly name: string
  /** What it looks at, in words. */
  readonly looksAt: string
  /** What is asked for, in words. */
  readonly wanted: string
  readonly judge: (facts: Facts) => Verdict
  /** What a `warn` and a `fail` make of the `status` of `/health` (wire contract, section 3). */
  readonly weighs: {
    readonly warn: "healthy" | "degraded"
    readonly fail: "healthy" | "degraded" | "unhealthy"
  }
  /** The incident that opens once it has been so for so long, or why there is none. */
  readonly incident:
    | {
        readonly kind: IncidentKind
        readonly severity: Severity
        readonly from: "warn" | "fail"
        readonly afterMs: number
      }
    | { readonly none: string }
  /** The rules of `spec/alerts` that fire for it, or why there is none. */
  readonly alerts: ReadonlyArray<string> | { readonly none: string }
  /** The heading of its section in `docs/runbook.md`, as an anchor. */
  readonly runbook: string
  /** The views that do not show it, each with the reason. */
  readonly leftOut: Partial<Readonly<Record<View, string>>>
}

const rank: Readonly<Record<Judgement, number>> = { ok: 0, warn: 1, fail: 2 }

/** The worst of them; `ok` of none. */
export const worst = (judgements: Iterable<Judgement>): Judgement => {
  let found: Judgement = "ok"
  for (const one of judgements) if (rank[one] > rank[found]) found = one
  return found
}

export const isAtLeast = (status: Judgement, least: Judgement): boolean => rank[status] >= rank[least]

/** Where a figure stands between two limits. */
export const judged = (
  value: number,
  { fail, warn }: { readonly warn: number; readonly fail: number }
): Judgement => (value >= fail ? "fail" : value >= warn ? "warn" : "ok")

/** A verdict of a check that is ok asks for nothing. */
export const verdict = (
  status: Judgement,
  found: string,
  next: string,
  more: Pick<Verdict, "since" | "counts" | "storeIds" | "fingerprint"> = {}
): Verdict => ({ status, found, next: status === "ok" ? null : next, ...more })

/** A text that stands for a figure which need not be told again until it has doubled. */
export const magnitude = (count: number): string => String(Math.ceil(Math.log2(count + 1)))
