/**
 * The reason chain of one workspace in plain words: from facts to what blocks it and what to do. Pure, so that every
 * sentence that a person reads at three in the morning is tested.
 */
import type { Blocker, Explanation } from "./Administration.ts"

/** How the whole server is, as far as what an operator may do about one workspace depends on it. Steps are the checks'. */
export interface ServerSituation {
  /** The server refuses whatever would change anything. */
  readonly locked: boolean
  /** The step of a reconciler that is off; null: it is on. A run by hand is refused while it is off. */
  readonly reconcilerOff: string | null
  /** The step while the source cannot be asked; null: it can. A run by hand fails as a scheduled one does. */
  readonly sourceDown: string | null
  /** What is found, and the step, while no store hears the sync backend. */
  readonly backendDown: { readonly found: string; readonly nextStep: string } | null
}

/** Everything that the sentences are made of. Times are milliseconds since the epoch. */
export interface Situation {
  readonly storeId: string
  readonly monitored: boolean
  readonly desired: "present" | "absent" | "unknown"
  readonly owned: boolean
  readonly pause: {
    readonly whole: boolean
    readonly reason: string
    readonly actor: string
    readonly until: number | null
  } | null
  readonly absence: {
    readonly kind: "deleted" | "absent"
    readonly confirmations: number
    readonly confirmationsNeeded: number
    readonly graceUntil: number | null
  } | null
  /** The plan that holds it, if the guard does. */
  readonly guardPlan: {
    readonly hash: string
    readonly count: number
    readonly why: string
    readonly since?: number
  } | null
  /** Who has rejected its removal, and when. */
  readonly rejection?: { readonly actor: string; readonly rejectedAt: number } | null
  /** Who deleted it and when, as far as the changes feed says. */
  readonly deleted?: { readonly by: string | null; readonly at: number | null } | null
  readonly lastActivityAt?: number | null
  readonly waiting: {
    readonly reason: "grace" | "flapping" | "paused" | "backoff"
    readonly until: number
  } | null
  readonly sourceDisagrees: boolean
  readonly lastError: { readonly code: string; readonly message: string } | null
  readonly attempts: number
  readonly queue: "none" | "ready" | "running" | "waiting"
  /** The directory's breaker, when it is not closed. */
  readonly breaker: {
    readonly name: string
    readonly until: number | null
    readonly lastError: string | null
  } | null
  readonly fresh: boolean
  readonly everListed: boolean
  /** What keeps commands from working, and messages from flowing, at this moment. */
  readonly server: ServerSituation
  /** User messages of this workspace. */
  readonly messages: { readonly pending: number; readonly parked: number }
  readonly observed: "closed" | "opening" | "open" | "dead"
  readonly isConnected: boolean | null
  readonly now: number
}

const iso = (at: number | null): string | null => (at === null ? null : new Date(at).toISOString())

/** "in 12 s", for people. */
const inWords = (ms: number): string =>
  ms < 1_000
    ? "in less than a second"
    : ms < 120_000
      ? `in ${Math.round(ms / 1_000)} s`
      : ms < 7_200_000
        ? `in ${Math.round(ms / 60_000)} min`
        : `in ${Math.round(ms / 3_600_000)} h`

const untilWords = (until: number | null, now: number): string =>
  until === null ? "until somebody resumes it" : `for now; it ends ${inWords(Math.max(0, until - now))}`

/** How to have the workspace looked at now; where that cannot work, what has to happen before. */
const lookNow = ({ server, storeId }: Situation): string => {
  if (server.reconcilerOff !== null) return server.reconcilerOff
  return server.sourceDown ?? `wso reconcile ${storeId}`
}

const canLookNow = ({ server }: Situation): boolean =>
  server.reconcilerOff === null && server.sourceDown === null

const CHANGES = /\bwso (reconcile|resume|approve|reject|suspend|circuits reset|messages)\b/

/** Under a lockdown, commands that change anything are refused until it is lifted. */
const withLockdown = ({ server }: Situation, step: string): string =>
  server.locked && CHANGES.test(step)
    ? `The server is locked down and refuses changes: wso lockdown lift -r <reason>, then ${step}`
    : step

const pauseBlocker = (s: Situation): Blocker | null =>
  s.pause === null
    ? null
    : {
        reason: "paused",
        message: `${s.pause.whole ? "The whole loop" : "This workspace"} is paused by ${s.pause.actor} (${s.pause.reason}) ${untilWords(s.pause.until, s.now)}.`,
        until: iso(s.pause.until),
        nextStep: s.pause.whole ? "wso resume" : `wso resume ${s.storeId}`
      }

const ownerBlocker = (s: Situation): Blocker | null =>
  s.owned
    ? null
    : {
        reason: "not-owner",
        message: "Another replica is responsible for this workspace.",
        until: null,
        nextStep: "Ask the replica that owns it."
      }

/** What speaks for its removal, who said so, and when it was last used: what an approval is decided by. */
const evidenceWords = (s: Situation): string => {
  const who = s.deleted?.by == null ? "" : ` by ${s.deleted.by}`
  const when = s.deleted?.at == null ? "" : ` at ${new Date(s.deleted.at).toISOString()}`
  const gone =
    s.absence?.kind === "deleted"
      ? `It was deleted${who}${when}.`
      : "It is missing from the directory's lists."
  const active =
    s.lastActivityAt == null ? "" : ` Its last activity was at ${new Date(s.lastActivityAt).toISOString()}.`
  return `${gone}${active}`
}

const removalBlocker = (s: Situation): Blocker | null => {
  if (s.absence === null) return null
  const { confirmations, confirmationsNeeded, graceUntil, kind } = s.absence
  if (kind === "absent" && confirmations < confirmationsNeeded) {
    return {
      reason: "evidence",
      message: `It is missing from the directory's list, in ${confirmations} of the ${confirmationsNeeded} complete lists that are needed before it is stopped.`,
      until: null,
      nextStep: canLookNow(s)
        ? `Nothing, the next resync looks again; to look now: ${lookNow(s)}`
        : lookNow(s)
    }
  }
  if (graceUntil !== null && graceUntil > s.now) {
    return {
      reason: "grace",
      message: `It is gone from the directory and stays monitored for the grace period, which ends ${inWords(graceUntil - s.now)}.`,
      until: iso(graceUntil),
      nextStep:
        "Nothing. If it should stay, bring it back in the Auth Worker: reappearing cancels the removal."
    }
  }
  if (s.rejection != null) {
    return {
      reason: "rejected",
      message: `${evidenceWords(s)} Its removal was rejected by ${s.rejection.actor} at ${new Date(s.rejection.rejectedAt).toISOString()}, so it stays monitored.`,
      until: null,
      nextStep:
        "Nothing: it stays until it comes back, or until the source has newer evidence of its removal. To stop it now, delete it in the Auth Worker once more."
    }
  }
  if (s.guardPlan !== null) {
    const others = s.guardPlan.count - 1
    const together = others === 0 ? "" : ` together with ${others} ${others === 1 ? "other" : "others"}`
    return {
      reason: "guard",
      message: `${evidenceWords(s)} The removal guard holds it${together}${s.guardPlan.since === undefined ? "" : ` since ${new Date(s.guardPlan.since).toISOString()}`}, because ${s.guardPlan.why}.`,
      until: null,
      nextStep: `If ${others === 0 ? "it is" : "they are"} really gone: wso approve ${s.guardPlan.hash}; to keep ${others === 0 ? "it" : "them"}: wso reject ${s.guardPlan.hash}. It is held until then, or until it comes back; time alone ends nothing.`
    }
  }
  return s.sourceDisagrees
    ? {
        reason: "source-disagrees",
        message:
          "The directory's list does not have it, but the directory says that it exists when asked for it by id.",
        until: null,
        nextStep: "Look at the Auth Worker: its list and its records contradict each other."
      }
    : null
}

const waitingBlocker = (s: Situation): Blocker | null => {
  if (s.waiting === null) return null
  const when = inWords(Math.max(0, s.waiting.until - s.now))
  if (s.waiting.reason === "backoff") {
    return {
      reason: "backoff",
      message: `The last ${s.attempts === 1 ? "attempt" : `${s.attempts} attempts`} failed${s.lastError === null ? "" : ` (${s.lastError.message})`}; the next is ${when}.`,
      until: iso(s.waiting.until),
      nextStep: canLookNow(s)
        ? `To try now: ${lookNow(s)}`
        : `Nothing for this workspace: it is tried again by itself ${when}. ${lookNow(s)}`
    }
  }
  return s.waiting.reason === "flapping"
    ? {
        reason: "flapping",
        message: `Its store keeps dying soon after it was opened; it is opened again ${when}.`,
        until: iso(s.waiting.until),
        nextStep: `See why it dies: wso describe ${s.storeId}; ${canLookNow(s) ? "to try now: " : ""}${lookNow(s)}`
      }
    : null
}

const breakerBlocker = (s: Situation): Blocker | null =>
  s.breaker === null || (s.desired === "present" && s.monitored)
    ? null
    : {
        reason: "breaker",
        message: `The directory cannot be asked: its circuit breaker is open${s.breaker.lastError === null ? "" : ` (${s.breaker.lastError})`}, so what is known may be old.`,
        until: iso(s.breaker.until),
        nextStep:
          s.server.sourceDown ??
          `See wso circuits; once the Auth Worker answers again: wso circuits reset ${s.breaker.name}`
      }

/** Monitored or not, no message reaches it and no answer leaves. */
const backendBlocker = (s: Situation): Blocker | null =>
  s.server.backendDown === null || s.desired !== "present" || s.isConnected === true
    ? null
    : {
        reason: "sync-backend",
        message: `Its messages neither arrive nor leave: ${s.server.backendDown.found}.`,
        until: null,
        nextStep: s.server.backendDown.nextStep
      }

/** Everything that blocks the workspace, what weighs most first. */
export const blockers = (s: Situation): ReadonlyArray<Blocker> =>
  [
    ownerBlocker(s),
    pauseBlocker(s),
    removalBlocker(s),
    backendBlocker(s),
    waitingBlocker(s),
    breakerBlocker(s)
  ]
    .filter((blocker) => blocker !== null)
    .map((blocker) => ({ ...blocker, nextStep: withLockdown(s, blocker.nextStep) }))

const monitoredSummary = (s: Situation): string => {
  if (s.desired === "absent") return "It is gone from the directory and still monitored."
  return s.isConnected === false
    ? "It is monitored, but its store does not hear the sync backend at the moment."
    : "It is monitored: its store is open and its event processor runs."
}

const monitoredStep = (s: Situation): string => {
  const { parked, pending } = s.messages
  if (parked > 0) return `wso messages shows which of its messages were given up, and why (${parked})`
  if (s.isConnected === false) {
    return `Nothing: it connects again by itself, and is opened afresh after two minutes; see wso describe ${s.storeId}`
  }
  return pending > 0
    ? `Nothing to do for the store; ${pending} of its messages wait: wso status says for how long`
    : "Nothing to do."
}

const plainSummary = (s: Situation): { readonly summary: string; readonly nextStep: string } => {
  if (s.desired === "unknown") {
    return s.everListed
      ? {
          summary:
            "It is not monitored, because it is not desired: the directory does not have it any more, and it was stopped.",
          nextStep: "If it should exist, look for it in the Auth Worker."
        }
      : {
          summary:
            "It is not monitored: the newest list that the directory gave does not have it, and it has never been monitored here.",
          nextStep: canLookNow(s)
            ? `Check the id, and look for it in the Auth Worker; if it has just been created: ${lookNow(s)}`
            : `Check the id. ${lookNow(s)}`
        }
  }
  switch (s.queue) {
    case "running":
      return {
        summary: "It is being opened right now.",
        nextStep: `Watch it: wso reconcile --watch ${s.storeId}`
      }
    case "ready":
      return { summary: "It waits for a free worker.", nextStep: "See the queue: wso queue" }
    case "waiting":
    case "none":
      return s.lastError === null
        ? { summary: "It is not monitored yet.", nextStep: lookNow(s) }
        : { summary: `It is not monitored: ${s.lastError.message}`, nextStep: lookNow(s) }
  }
}

/** Of a workspace that exists and is never opened. `reason` completes "its id …". */
export const unsupportedSummary = (reason: string): Pick<Explanation, "summary" | "nextStep"> => ({
  summary: `It is not supported: its id ${reason}. It is never opened, and counts neither as missing nor as drift.`,
  nextStep:
    "Make it again in the Auth Worker under an id of 3 to 64 letters, digits, _ and -, beginning with a letter or a digit."
})

/** One sentence and one step, from the weightiest reason that there is. */
export const summarize = (
  s: Situation,
  blockedBy: ReadonlyArray<Blocker>
): Pick<Explanation, "summary" | "nextStep"> => {
  const [first] = blockedBy
  if (s.monitored) {
    const isAsItShouldBe =
      s.desired === "present" && first?.reason !== "paused" && first?.reason !== "sync-backend"
    return {
      summary:
        first === undefined || isAsItShouldBe
          ? monitoredSummary(s)
          : `${monitoredSummary(s)} ${first.message}`,
      nextStep: first === undefined || isAsItShouldBe ? withLockdown(s, monitoredStep(s)) : first.nextStep
    }
  }
  const { nextStep, summary } = plainSummary(s)
  const plain = { summary, nextStep: withLockdown(s, nextStep) }
  if (first === undefined || (s.desired === "unknown" && s.everListed)) return plain
  return { summary: `It is not monitored. ${first.message}`, nextStep: first.nextStep }
}
