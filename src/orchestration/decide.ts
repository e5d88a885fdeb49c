/**
 * The one place where policy lives: what to do about one workspace, from what is desired, what is observed and what
 * is believed. Pure and total, so that every law about decisions is a property of this function.
 */
import type { Desired } from "../workspaces/DesiredState.ts"
import type { Observed } from "../stores/StoreManager.ts"

export interface Policy {
  /** Complete lists in which a workspace must be missing before its absence counts (`REMOVAL_CONFIRMATIONS`). */
  readonly removalConfirmations: number
  /** From the first sign of removal to the removal (`WORKSPACE_REMOVAL_GRACE_MS`). */
  readonly removalGraceMs: number
  /** A store that hears nothing from its backend for longer than this is opened afresh. */
  readonly disconnectedLimitMs: number
  /** Before opening a store that keeps dying: this · 2^(deaths - 2), from the second death on. */
  readonly flappingBaseMs: number
  readonly flappingMaxMs: number
}

/** What the directory says when it is asked for this one id. */
export type ById =
  /** It cannot be asked: it does not offer `get`. */
  "not-offered" | "not-asked" | "gone" | "exists"

export interface Facts {
  readonly desired: Desired
  readonly observed: Observed
  /** Its event processor runs. */
  readonly processing: boolean
  /** This replica is responsible for the key. */
  readonly owned: boolean
  /** Somebody has paused the workspace, or the whole loop, until then (null: until it is resumed). */
  readonly paused: { readonly until: number | null } | null
  /** Whether the removal guard lets this one removal pass, or an operator has said that the workspace stays. */
  readonly guard: "admits" | "holds" | "rejected"
  readonly byId: ById
  /** Milliseconds since the epoch. */
  readonly now: number
}

export type HoldReason = "paused" | "evidence" | "guard" | "rejected" | "source-disagrees" | "no-evidence"
export type WaitReason = "grace" | "flapping" | "paused"

export type Action =
  | { readonly _tag: "Nothing" }
  | { readonly _tag: "EnsureMonitored"; readonly because: "desired" | "died" | "disconnected" | "processor" }
  | { readonly _tag: "StopMonitoring"; readonly because: "deleted" | "absent" | "not-owner" }
  /** Ask the directory for this one id, and decide again. */
  | { readonly _tag: "AskById" }
  /** Time alone will change the decision. */
  | { readonly _tag: "Wait"; readonly reason: WaitReason; readonly afterMs: number }
  /** Something else must change first: another list, a human, the end of a pause. */
  | { readonly _tag: "Hold"; readonly reason: HoldReason }

const Nothing: Action = { _tag: "Nothing" }
const hold = (reason: HoldReason): Action => ({ _tag: "Hold", reason })

/** When a store that has died `deaths` times lately may be opened again, counted from its newest death. */
export const flappingDelayMs = (deaths: number, policy: Policy): number =>
  deaths < 2 ? 0 : Math.min(policy.flappingMaxMs, policy.flappingBaseMs * 2 ** Math.min(deaths - 2, 30))

/** What lies ahead was noted before the clock was set back: it is long ago, or it would hold things up until then (law 9). */
const noLaterThan = (now: number, at: number): number => (at > now ? -Infinity : at)

/** Keeps a workspace that is believed to exist monitored, or says `otherwise` if it is. */
const keepMonitored = (facts: Facts, policy: Policy, otherwise: Action): Action => {
  const { observed, now } = facts
  switch (observed._tag) {
    case "Closed":
    case "Opening":
      return { _tag: "EnsureMonitored", because: "desired" }
    case "Dead": {
      const afterMs = noLaterThan(now, observed.at) + flappingDelayMs(observed.deaths, policy) - now
      return afterMs > 0
        ? { _tag: "Wait", reason: "flapping", afterMs }
        : { _tag: "EnsureMonitored", because: "died" }
    }
    case "Open": {
      if (!facts.processing) return { _tag: "EnsureMonitored", because: "processor" }
      const { isConnected, since } = observed.connectivity
      if (isConnected) return otherwise
      const deafSince = Math.max(noLaterThan(now, since), noLaterThan(now, observed.since))
      return now - deafSince >= policy.disconnectedLimitMs
        ? { _tag: "EnsureMonitored", because: "disconnected" }
        : otherwise
    }
  }
}

/** Law 6: evidence, then the grace, then the guard, then (where it can be asked) the directory itself. */
const decideAbsent = (
  absence: Extract<Desired, { readonly _tag: "Absent" }>["absence"],
  facts: Facts,
  policy: Policy
): Action => {
  const isProven = absence.kind === "deleted" || absence.confirmations >= policy.removalConfirmations
  if (!isProven) return keepMonitored(facts, policy, hold("evidence"))
  const graceMs = noLaterThan(facts.now, absence.since) + policy.removalGraceMs - facts.now
  if (graceMs > 0) return keepMonitored(facts, policy, { _tag: "Wait", reason: "grace", afterMs: graceMs })
  if (facts.guard === "rejected") return keepMonitored(facts, policy, hold("rejected"))
  if (facts.guard === "holds") return keepMonitored(facts, policy, hold("guard"))
  if (absence.kind === "absent") {
    if (facts.byId === "not-asked") return { _tag: "AskById" }
    if (facts.byId === "exists") return keepMonitored(facts, policy, hold("source-disagrees"))
  }
  return { _tag: "StopMonitoring", because: absence.kind }
}

/** What to do now. The content, order and number of nudges are no argument of it (law 1). */
export const decide = (facts: Facts, policy: Policy): Action => {
  if (!facts.owned) {
    return facts.observed._tag === "Closed" ? Nothing : { _tag: "StopMonitoring", because: "not-owner" }
  }
  if (facts.paused !== null) {
    return facts.paused.until === null
      ? hold("paused")
      : { _tag: "Wait", reason: "paused", afterMs: Math.max(1, facts.paused.until - facts.now) }
  }
  switch (facts.desired._tag) {
    case "Present":
      return keepMonitored(facts, policy, Nothing)
    case "Absent":
      return decideAbsent(facts.desired.absence, facts, policy)
    case "Unknown":
      // Nobody has said that it is gone either: what runs keeps running until there is evidence (law 6).
      return facts.observed._tag === "Closed" ? Nothing : hold("no-evidence")
  }
}
