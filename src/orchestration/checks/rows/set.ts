/** Checks of the set: whether what is monitored is what is desired, and what keeps it from that. */
import { type Check, judged, magnitude, verdict, worst } from "../Check.ts"
import type { Facts } from "../Facts.ts"
import { duration, workspaces } from "../words.ts"
import { sourceNextStep } from "./source.ts"

const MINUTE_MS = 60_000
/** Workspaces that a check names; the counts beside them are exact. */
export const MAX_STORE_IDS = 20

/** WsoNotConverged waits as long. */
const NOT_CONVERGED_MS = { warn: 1, fail: 10 * MINUTE_MS }

const convergence: Check = {
  name: "convergence",
  looksAt: "whether the monitored set equals the desired one, freshly known",
  wanted: `converged; fails after ${duration(NOT_CONVERGED_MS.fail)}`,
  judge: (facts) => {
    const { desired, missing, monitored, notConvergedForMs, orphaned, storeIds } = facts.convergence
    const drift = missing + orphaned
    const counts = `${monitored} of ${desired} monitored, drift ${drift}`
    if (notConvergedForMs <= 0) return verdict("ok", counts, "")
    const what =
      drift === 0
        ? "what the source said is stale"
        : `${workspaces(missing)} missing, ${workspaces(orphaned)} orphaned`
    return verdict(
      judged(notConvergedForMs, NOT_CONVERGED_MS),
      `${counts}, not converged for ${duration(notConvergedForMs)}: ${what}`,
      drift === 0 ? sourceNextStep(facts) : "wso stuck --older-than 1s, then wso explain <id> of one of them",
      {
        since: facts.now - notConvergedForMs,
        counts: { missing, orphaned },
        storeIds,
        fingerprint: magnitude(drift)
      }
    )
  },
  weighs: { warn: "degraded", fail: "degraded" },
  incident: { kind: "not-converged", severity: "critical", from: "fail", afterMs: 10 * MINUTE_MS },
  alerts: ["WsoNotConverged", "WsoWorkspaceWaiting", "WsoOrphan"],
  runbook: "wsonotconverged",
  leftOut: { explain: "the explanation says it of the workspace itself" }
}

const remaining = ({ etaMs }: NonNullable<Facts["opening"]>): string =>
  etaMs === null ? "" : `, ${duration(etaMs)} left`

/** "opening 37 of 100, 12 s left", for people. */
export const openingWords = (opening: NonNullable<Facts["opening"]>): string =>
  `opening ${opening.opened} of ${opening.total}${remaining(opening)}`

const opening: Check = {
  name: "opening",
  looksAt: "how far the opening of the stores is, after a start or where many are new",
  wanted: "nothing to be opened",
  judge: ({ opening: progress }) =>
    progress === null
      ? verdict("ok", "nothing to be opened", "")
      : verdict("warn", openingWords(progress), "wso status --watch; one that does not come: wso stuck"),
  weighs: { warn: "healthy", fail: "healthy" },
  incident: { none: "convergence has it, once it takes too long" },
  alerts: { none: "WsoNotConverged and WsoProvisionSlow fire once it takes too long" },
  runbook: "wsoprovisionslow",
  leftOut: {
    explain: "the explanation says it of the workspace itself",
    verify: "convergence is waited for, and says it",
    report: "convergence has it, once it takes too long",
    incidents: "convergence has it, once it takes too long"
  }
}

const failing: Check = {
  name: "failing-stores",
  looksAt: "workspaces whose newest reconcile failed",
  wanted: "none",
  judge: ({ stores: { error, failing: count, failingIds } }) => {
    const total = Math.max(count, error)
    return verdict(
      total === 0 ? "ok" : "warn",
      total === 0 ? "none" : `${workspaces(total)} cannot be opened, or died`,
      failingIds.length === 0
        ? "wso get --status error, then wso explain <id>"
        : "wso stuck --older-than 1s names them; wso explain <id> says why and when it is tried again",
      { counts: { failing: total }, storeIds: failingIds, fingerprint: magnitude(total) }
    )
  },
  weighs: { warn: "degraded", fail: "degraded" },
  incident: { kind: "stores-failing", severity: "high", from: "warn", afterMs: 5 * MINUTE_MS },
  alerts: ["WsoStoresFailing"],
  runbook: "wsostoresfailing",
  leftOut: { explain: "the explanation says it of the workspace itself" }
}

/** Workspaces that wait for a worker, or this part of the set if that is more; and for how long the oldest has. */
const QUEUE = {
  depth: { warn: 50, fail: 100 },
  ratio: { warn: 0.2, fail: 0.5 },
  oldestMs: { warn: MINUTE_MS, fail: 5 * MINUTE_MS }
}

const queue: Check = {
  name: "queue",
  looksAt: "how many workspaces wait for a worker, and for how long",
  wanted: `below ${QUEUE.depth.warn} and a fifth of the set, taken within ${duration(QUEUE.oldestMs.warn)}`,
  judge: ({ convergence: { desired }, queue: { depth, oldestMs } }) => {
    const atMost = (kind: "warn" | "fail"): number =>
      Math.max(QUEUE.depth[kind], Math.ceil(desired * QUEUE.ratio[kind]))
    return verdict(
      worst([
        judged(depth, { warn: atMost("warn"), fail: atMost("fail") }),
        judged(oldestMs, QUEUE.oldestMs)
      ]),
      `${depth} ready, the oldest for ${duration(oldestMs)}`,
      "wso queue"
    )
  },
  weighs: { warn: "healthy", fail: "degraded" },
  incident: { none: "convergence has it, once it keeps a workspace waiting" },
  alerts: ["WsoQueueBacklog", "WsoQueueDeep", "WsoQueueVeryDeep"],
  runbook: "wsoqueuebacklog",
  leftOut: { incidents: "convergence has it, once it keeps a workspace waiting" }
}

const guard: Check = {
  name: "removal-guard",
  looksAt: "whether removals wait for a person",
  wanted: "no removal waits for an approval",
  judge: ({ guard: { planHash, storeIds, tripped } }) =>
    verdict(
      tripped ? "fail" : "ok",
      tripped
        ? `it holds back the removal of ${workspaces(storeIds.length)}${planHash === null ? "" : `; plan ${planHash}`}`
        : "not tripped",
      `wso diff shows them. If they are really gone: wso approve ${planHash ?? "<hash>"}; else mend the Auth Worker's list`,
      {
        counts: { held: storeIds.length },
        storeIds: storeIds.slice(0, MAX_STORE_IDS),
        fingerprint: planHash ?? ""
      }
    ),
  weighs: { warn: "degraded", fail: "degraded" },
  incident: { kind: "removal-guard", severity: "high", from: "fail", afterMs: 0 },
  alerts: ["WsoRemovalGuardTripped"],
  runbook: "wsoremovalguardtripped",
  leftOut: { explain: "the explanation of each workspace that is held says it" }
}

const pauses: Check = {
  name: "pauses",
  looksAt: "whether the loop or a workspace is paused",
  wanted: "none",
  judge: ({ pauses: standing }) => {
    const ofWorkspaces = standing.flatMap(({ storeId }) => storeId ?? [])
    const loop = standing.length - ofWorkspaces.length
    const what = [
      ...(loop > 0 ? ["the whole loop"] : []),
      ...(ofWorkspaces.length > 0 ? [workspaces(ofWorkspaces.length)] : [])
    ]
    return verdict(
      standing.length === 0 ? "ok" : "warn",
      standing.length === 0 ? "none" : `paused: ${what.join(" and ")}`,
      loop > 0
        ? "wso diff says by whom and why; wso resume"
        : "wso diff says which, by whom and why; wso resume <id>",
      {
        since: standing.length === 0 ? undefined : Math.min(...standing.map(({ since }) => since)),
        counts: { loop, workspaces: ofWorkspaces.length },
        storeIds: ofWorkspaces.slice(0, MAX_STORE_IDS),
        fingerprint: `${loop} ${magnitude(ofWorkspaces.length)}`
      }
    )
  },
  weighs: { warn: "degraded", fail: "degraded" },
  incident: { kind: "paused", severity: "medium", from: "warn", afterMs: 60 * MINUTE_MS },
  alerts: ["WsoPaused"],
  runbook: "wsopaused",
  leftOut: { explain: "the explanation says it of the workspace itself" }
}

const lockdown: Check = {
  name: "lockdown",
  looksAt: "whether the server is locked down",
  wanted: "not locked down",
  judge: ({ lockdown: standing }) =>
    verdict(
      standing === null ? "ok" : "fail",
      standing === null ? "not locked down" : "locked down: webhooks and changes are refused",
      "wso lockdown lift -r <reason>",
      { since: standing?.since }
    ),
  weighs: { warn: "degraded", fail: "degraded" },
  incident: { kind: "lockdown", severity: "high", from: "fail", afterMs: 60 * MINUTE_MS },
  alerts: ["WsoLockdown"],
  runbook: "wsolockdown",
  leftOut: {}
}

export const setChecks: ReadonlyArray<Check> = [convergence, opening, failing, queue, guard, pauses, lockdown]
