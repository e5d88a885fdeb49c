/**
 * `wso status`: the health of the server on one screen.
 */
import type { Health } from "../../http/api/HealthViews.ts"
import type { Screen, Tone } from "../Screen.ts"
import { pairs } from "../Table.ts"
import { checkLines } from "./ChecksText.ts"
import { count, duration, relative } from "../Words.ts"

type Paint = (typeof Screen)["Service"]["paint"]

const tone: Readonly<Record<typeof Health.Type.status, Tone>> = {
  healthy: "good",
  degraded: "warning",
  unhealthy: "bad"
}

const convergenceText = ({ convergence }: typeof Health.Type): string => {
  const { converged, desiredCount, driftCount, monitoredCount, notConvergedForMs } = convergence
  const counts = `${monitoredCount} of ${desiredCount} monitored`
  return converged
    ? `yes, ${counts}`
    : `no for ${duration(notConvergedForMs)}, ${counts}, ${driftCount} drifting`
}

const desiredText = ({ convergence: { desired } }: typeof Health.Type): string => {
  const revision = desired.revision === null ? "" : ` revision ${desired.revision}`
  const age = desired.ageMs === null ? "never read" : `${duration(desired.ageMs)} old`
  return `${desired.source}${revision}, ${age}, ${desired.fresh ? "fresh" : "stale"}`
}

const reconciliationText = ({ reconciliation }: typeof Health.Type, now: number): string => {
  if (!reconciliation.enabled) return `disabled: ${reconciliation.reason}`
  const { isRunning, lastDurationMs, lastError, lastSuccessAt, nextRunAt, totals } = reconciliation
  const parts = [
    isRunning ? "running now" : `next run ${relative(nextRunAt, now)}`,
    `last success ${relative(lastSuccessAt, now)}${lastDurationMs === null ? "" : ` in ${duration(lastDurationMs)}`}`,
    `${count(totals.runs, "run")}, ${totals.failures} failed`,
    ...(lastError === null ? [] : [`last error ${lastError.code} ${relative(lastError.at, now)}`])
  ]
  return parts.join("; ")
}

/** Messages are shown always: that none waits is worth knowing, too. */
const messagesText = ({ globalResources }: typeof Health.Type, now: number): string => {
  const oldest = globalResources["oldestPendingAt"]
  const since = typeof oldest === "string" ? `, the oldest since ${relative(oldest, now)}` : ""
  return `${number(globalResources, "pendingUserMessages")} pending${since}, ${number(globalResources, "activeHandlers")} being handled, ${number(globalResources, "parkedUserMessages")} parked`
}

const openingRow = ({ opening }: typeof Health.Type): ReadonlyArray<readonly [string, string]> => {
  if (opening == null) return []
  const left = opening.etaMs === null ? "" : `, ${duration(opening.etaMs)} left`
  return [["Opening", `${opening.opened} of ${opening.total}${left}`]]
}

const number = (record: Readonly<Record<string, unknown>>, key: string): string => {
  const value = record[key]
  return typeof value === "number" ? String(value) : "?"
}

/** Which workspaces need a look, by name where the server tells us names. */
const attention = ({ convergence }: typeof Health.Type): ReadonlyArray<readonly [string, string]> => {
  const first = (ids: ReadonlyArray<string> | undefined): string => {
    if (ids === undefined || ids.length === 0) return ""
    const shown = ids.slice(0, 5).join(", ")
    return ids.length > 5 ? `${shown} and ${ids.length - 5} more` : shown
  }
  const rows: ReadonlyArray<readonly [string, string]> = [
    ["Missing", first(convergence.missing)],
    ["Orphaned", first(convergence.orphaned)],
    ["Held", first(convergence.held?.map(({ reason, storeId }) => `${storeId} (${reason})`))],
    ["Failing", first(convergence.failing?.map(({ error, storeId }) => `${storeId} (${error})`))],
    [
      "Unsupported",
      first(
        convergence.unsupported?.map(({ instanceId, reason }) => `${JSON.stringify(instanceId)} (${reason})`)
      )
    ],
    ["Alike but for case", first(convergence.lookalikes?.map(([one, other]) => `${one} and ${other}`))]
  ]
  return rows.filter(([, ids]) => ids !== "")
}

/** A lockdown is nothing that one looks for: it is shown only while it stands. */
const lockdownRow = (
  { lockdown }: typeof Health.Type,
  now: number,
  paint: Paint
): ReadonlyArray<readonly [string, string]> => {
  if (lockdown?.active !== true) return []
  const by = lockdown.actor == null ? "" : ` by ${lockdown.actor} (${lockdown.reason ?? ""})`
  return [
    ["Lockdown", paint(`since ${relative(lockdown.since, now)}${by}; wso lockdown lift ends it`, "bad")]
  ]
}

/** `now` is in epoch milliseconds. */
export const statusText = (health: typeof Health.Type, now: number, paint: Paint): string => {
  const breakers = Object.entries(health.circuitBreakers).map(
    ([name, { state }]) => `${name} ${String(state)}`
  )
  const rows = pairs([
    ["Status", paint(health.status, tone[health.status])],
    ["Version", `${health.version}, up ${duration(health.uptime * 1_000)}`],
    ["Converged", convergenceText(health)],
    ...openingRow(health),
    ["Desired", desiredText(health)],
    ["Reconciler", reconciliationText(health, now)],
    [
      "Queue",
      `${number(health.queue, "depth")} ready, ${number(health.queue, "running")} running, ${number(health.queue, "waiting")} waiting`
    ],
    [
      "Guard",
      health.removalGuard.tripped ? paint("tripped; wso diff shows the plan", "warning") : "not tripped"
    ],
    ...lockdownRow(health, now, paint),
    ["Messages", messagesText(health, now)],
    ["Circuits", breakers.length === 0 ? "none" : breakers.join(", ")],
    ...attention(health)
  ])
  return [rows, ...checkLines(health.checks ?? [], now, paint)].join("\n")
}
