/**
 * `wso explain` and `wso describe`: why one workspace is as it is, in plain words.
 */
import type { Explanation } from "../../http/api/Views.ts"
import { pairs, table } from "../Table.ts"
import { count, duration, relative } from "../Words.ts"

type Why = typeof Explanation.Type

const sourceNames: Readonly<Record<Why["desired"]["source"], string>> = {
  "auth-worker": "the Auth Worker",
  snapshot: "the last snapshot, kept since before the restart",
  static: "STORE_IDS alone",
  none: "nothing yet"
}

const desiredSentence = ({ desired, monitored }: Why): string => {
  const age = desired.ageMs === null ? "" : `, read ${duration(desired.ageMs)} ago`
  const from = `according to ${sourceNames[desired.source]}${age}${desired.fresh ? "" : ", which is stale"}`
  if (desired.pinned) return "It is desired: STORE_IDS names it."
  switch (desired.state) {
    case "present":
      return `It is desired, ${from}.`
    case "unknown":
      return desired.wasKnown === true && !monitored
        ? `It is not desired any more: it was monitored here, and has been stopped, ${from}.`
        : `It is not desired: the list does not have it, ${from}.`
    case "absent":
      return `It is desired no more, ${from}.`
  }
}

const evidenceSentence = ({ desired: { absence } }: Why, now: number): ReadonlyArray<string> => {
  if (absence === null) return []
  const since = relative(absence.since, now)
  const grace = absence.graceUntil === null ? "" : ` Its grace ends ${relative(absence.graceUntil, now)}.`
  return absence.kind === "deleted"
    ? [`The source said ${since} that it was deleted, which is evidence enough.${grace}`]
    : [
        `It is missing from ${count(absence.confirmations, "complete list")} in a row since ${since}; ${absence.confirmationsNeeded} are needed.${grace}`
      ]
}

const observedSentence = ({ monitored, observed }: Why, now: number): string => {
  const since = observed.since === null ? "" : ` since ${relative(observed.since, now)}`
  switch (observed.state) {
    case "closed":
      return "Its store is closed."
    case "opening":
      return `Its store is being opened${since}.`
    case "dead":
      return `Its store died${since}${observed.message === null ? "" : `: ${observed.message}`}.`
    case "open":
      return [
        `Its store is open${since}`,
        observed.isConnected === false ? ", but does not hear its backend" : "",
        observed.processing ? "" : ", but its messages are not processed",
        monitored ? ": it is monitored." : "."
      ].join("")
  }
}

const queueSentence = ({ queue }: Why, now: number): ReadonlyArray<string> => {
  switch (queue.state) {
    case "none":
      return []
    case "ready":
      return ["It is queued and will be looked at as soon as a worker is free."]
    case "running":
      return [`It is being worked on since ${relative(queue.since, now)}.`]
    case "waiting":
      return [`It waits in the queue; its next turn is ${relative(queue.until, now)}.`]
  }
}

/** A backoff says itself what failed. */
const failureSentence = ({ attempts, blockedBy, lastError }: Why, now: number): ReadonlyArray<string> =>
  lastError === null || blockedBy.some(({ reason }) => reason === "backoff")
    ? []
    : [
        `Its last ${attempts > 1 ? `${attempts} attempts` : "attempt"} failed; the newest error, ${relative(lastError.at, now)}, was ${lastError.code}: ${lastError.message}`
      ]

/** The chain of reasons, each a sentence, and the next step. `now` is in epoch milliseconds. */
export const explanationText = (why: Why, now: number): string => {
  const blockers = why.blockedBy.map(({ message, reason }) => `Blocked by ${reason}: ${message}`)
  const chain = [
    desiredSentence(why),
    ...evidenceSentence(why, now),
    observedSentence(why, now),
    ...failureSentence(why, now),
    ...blockers,
    ...queueSentence(why, now)
  ]
  const steps = chain.map((sentence, index) => `  ${index + 1}. ${sentence}`)
  const checks = (why.checks ?? []).map(
    ({ found, name, next, status }) =>
      `  ${status.toUpperCase()} ${name}: ${found ?? ""}${next == null ? "" : `\n       next: ${next}`}`
  )
  const server = checks.length === 0 ? [] : ["", "About the whole server:", ...checks]
  return [`${why.storeId}: ${why.summary}`, "", ...steps, ...server, "", `Next step: ${why.nextStep}`].join(
    "\n"
  )
}

/** Everything that is known, for whoever wants more than the reasons. */
export const descriptionText = (why: Why, now: number): string => {
  const { desired, observed, queue } = why
  const conditions = table(
    ["CONDITION", "STATUS", "REASON", "SINCE", "MESSAGE"],
    why.conditions.map(({ lastTransitionTime, message, reason, status, type }) => [
      type,
      status,
      reason,
      relative(lastTransitionTime, now),
      message
    ])
  )
  const transitions = table(
    ["WHEN", "WHAT", "MESSAGE"],
    why.transitions.map(({ at, message, type }) => [relative(at, now), type, message])
  )
  return [
    pairs([
      ["Workspace", why.storeId],
      ["Monitored", why.monitored ? "yes" : "no"],
      ["Summary", why.summary],
      ["Desired", `${desired.state}${desired.pinned ? ", pinned by STORE_IDS" : ""}`],
      [
        "Source",
        `${desired.source}, revision ${desired.revision ?? "-"}, ${desired.fresh ? "fresh" : "stale"}`
      ],
      ["Store", `${observed.state}${observed.status === null ? "" : `, ${observed.status}`}`],
      ["Since", relative(observed.since, now)],
      ["Connected", observed.isConnected === null ? "-" : observed.isConnected ? "yes" : "no"],
      ["Queue", `${queue.state}${queue.until === null ? "" : `, ${relative(queue.until, now)}`}`],
      ["Attempts", String(why.attempts)],
      ["Last error", why.lastError === null ? "-" : `${why.lastError.code}: ${why.lastError.message}`],
      ["Blocked by", why.blockedBy.map(({ reason }) => reason).join(", ") || "-"]
    ]),
    conditions,
    transitions
  ].join("\n\n")
}
