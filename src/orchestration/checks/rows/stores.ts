/** Checks of the observed side: the stores' way to their sync backend, and their user messages. */
import { type Check, judged, magnitude, verdict } from "../Check.ts"
import { count, duration, percent } from "../words.ts"

const MINUTE_MS = 60_000
const SECOND_MS = 1_000

/** A store that was just opened gets so long to connect before its silence is held against the backend. */
export const FIRST_CONNECT_MS = 15 * SECOND_MS
/** A person hears of a dead backend within a minute of its death. */
const BACKEND_INCIDENT_MS = 20 * SECOND_MS

const syncBackend: Check = {
  name: "sync-backend",
  looksAt: "whether the open stores hear their sync backend",
  wanted: "at least one store hears it, where there is one",
  judge: ({ now, stores: { connected, everHeard, total, unheardSince } }) => {
    if (unheardSince === null) return verdict("ok", `${connected} of ${count(total, "store")} hear it`, "")
    const silentMs = now - unheardSince
    const isDead = everHeard || silentMs >= FIRST_CONNECT_MS
    return verdict(
      isDead ? "fail" : "ok",
      `${everHeard ? "no store hears it any more" : "no store hears it"}, ${connected} of ${total} connected`,
      "start the Sync Worker, or mend the way to it (LIVESTORE_SYNC_URL); wso doctor opens a store of its own to try it. The stores connect again by themselves",
      { since: unheardSince, counts: { stores: total }, fingerprint: String(isDead) }
    )
  },
  weighs: { warn: "degraded", fail: "degraded" },
  incident: { kind: "sync-backend", severity: "critical", from: "fail", afterMs: BACKEND_INCIDENT_MS },
  alerts: ["WsoSyncBackendDown"],
  runbook: "wsosyncbackenddown",
  leftOut: {}
}

/** Parts of the stores that may be without a connection; WsoMostStoresUnhealthy fires at a half. */
const DISCONNECTED = { warn: 0.000001, fail: 0.5 }

const disconnected: Check = {
  name: "disconnected-stores",
  looksAt: "stores that have lost their sync backend",
  wanted: "none; fails from half of them on",
  judge: ({ stores: { disconnected: lost, total } }) =>
    verdict(
      total === 0 ? "ok" : judged(lost / total, DISCONNECTED),
      lost === 0 ? "none" : `${lost} of ${count(total, "store")} do not hear the sync backend`,
      "wso get --status disconnected, then wso explain <id>; a store that stays deaf for two minutes is opened afresh by itself",
      { counts: { disconnected: lost }, fingerprint: magnitude(lost) }
    ),
  weighs: { warn: "healthy", fail: "degraded" },
  incident: { kind: "stores-disconnected", severity: "high", from: "warn", afterMs: 5 * MINUTE_MS },
  alerts: ["WsoMostStoresUnhealthy"],
  runbook: "wsomoststoresunhealthy",
  leftOut: { explain: "the explanation says it of the workspace itself" }
}

const WAITING_MS = { warn: MINUTE_MS, fail: 10 * MINUTE_MS }

const waiting: Check = {
  name: "waiting-messages",
  looksAt: "for how long the oldest user message has waited for its answer",
  wanted: `handled within ${duration(WAITING_MS.warn)}; fails after ${duration(WAITING_MS.fail)}`,
  judge: ({ breakers, messages: { active, isHandled, oldestOpenAt, pending }, now }) => {
    if (!isHandled) return verdict("ok", "no handler is configured: messages are only counted", "")
    const waitedMs = oldestOpenAt === null ? 0 : Math.max(0, now - oldestOpenAt)
    const breaker = breakers.find(({ name, state }) => name === "message-handler" && state !== "closed")
    return verdict(
      judged(waitedMs, WAITING_MS),
      pending === 0
        ? "none"
        : `${pending} pending, ${active} being handled${oldestOpenAt === null ? "" : `, the oldest for ${duration(waitedMs)}`}`,
      breaker === undefined
        ? 'curl -s -H "Authorization: Bearer $SERVER_BYPASS_TOKEN" $WSO_URL/recent-errors says why attempts fail; look at the message handler'
        : `the handler's circuit breaker is open: mend what answers MESSAGE_HANDLER_URL; once it answers: wso circuits reset ${breaker.name}, or wait`,
      {
        since: oldestOpenAt ?? undefined,
        counts: { pending },
        fingerprint: magnitude(Math.floor(pending / 10))
      }
    )
  },
  weighs: { warn: "healthy", fail: "degraded" },
  incident: { kind: "messages-waiting", severity: "high", from: "fail", afterMs: 0 },
  alerts: ["WsoMessagesWaiting", "WsoMessagesFailing"],
  runbook: "wsomessageswaiting",
  leftOut: {}
}

const PARKED = { warn: 1, fail: 100 }

const parked: Check = {
  name: "parked-messages",
  looksAt: "user messages that were given up and wait for a decision",
  wanted: "none",
  judge: ({ messages: { parked: many } }) =>
    verdict(
      judged(many, PARKED),
      many === 0 ? "none" : `${count(many, "user message")} ${many === 1 ? "was" : "were"} given up`,
      "wso messages shows why; then wso messages retry <workspace> <message>, or drop",
      { counts: { parked: many }, fingerprint: magnitude(many) }
    ),
  weighs: { warn: "healthy", fail: "degraded" },
  incident: { kind: "messages-parked", severity: "medium", from: "warn", afterMs: 5 * MINUTE_MS },
  alerts: ["WsoMessagesParked"],
  runbook: "wsomessagesparked",
  leftOut: { stuck: "it is about messages; the workspaces that they are in are in place" }
}

/** Part of the newest attempts that failed. */
const ERROR_RATE = { warn: 0.5, fail: 1.1 }

const handler: Check = {
  name: "message-handler",
  looksAt: "how many of the newest attempts to handle a user message failed",
  wanted: `below ${percent(ERROR_RATE.warn)}`,
  judge: ({ messages: { errorRate, isHandled, pending } }) =>
    verdict(
      // The newest attempts may be of yesterday: without a message that waits, they say nothing about now.
      isHandled && pending > 0 ? judged(errorRate, ERROR_RATE) : "ok",
      isHandled ? `${percent(errorRate)} of the newest attempts failed` : "no handler is configured",
      'curl -s -H "Authorization: Bearer $SERVER_BYPASS_TOKEN" $WSO_URL/recent-errors says why; look at the message handler',
      {}
    ),
  weighs: { warn: "healthy", fail: "healthy" },
  incident: { none: "waiting-messages and circuit-breakers have it, once it keeps a message waiting" },
  alerts: ["WsoMessagesFailing"],
  runbook: "wsomessagesfailing",
  leftOut: {
    stuck: "it is about messages; the workspaces that they are in are in place",
    incidents: "waiting-messages and circuit-breakers have it, once it keeps a message waiting"
  }
}

export const storesChecks: ReadonlyArray<Check> = [syncBackend, disconnected, waiting, parked, handler]
