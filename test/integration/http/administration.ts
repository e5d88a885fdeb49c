/**
 * An operators' side of the loop that a test scripts; what it does not script answers as a quiet, converged loop would.
 */
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type {
  Administration,
  Explanation,
  Plan,
  QueueView
} from "../../../src/orchestration/Administration.ts"

export type AdministrationService = typeof Administration.Service

export const T = "2025-02-10T20:15:00.000Z"

export const plan: Plan = {
  desired: { revision: "42", source: "auth-worker", fetchedAt: T, ageMs: 5, fresh: true },
  differs: true,
  counts: { add: 1, remove: 0, held: 2, waiting: 0 },
  add: [{ storeId: "ws-add", because: "desired" }],
  remove: [],
  held: [
    { storeId: "ws-held-1", reason: "guard" },
    { storeId: "ws-held-2", reason: "guard" }
  ],
  waiting: [],
  guard: {
    tripped: true,
    reason: "limit",
    planHash: "0123456789abcdef",
    storeIds: ["ws-held-1", "ws-held-2"],
    limit: 3,
    recentRemovals: 0
  },
  paused: []
}

export const converged: Plan = {
  ...plan,
  differs: false,
  counts: { add: 0, remove: 0, held: 0, waiting: 0 },
  add: [],
  held: [],
  guard: { ...plan.guard, tripped: false, reason: null, planHash: null, storeIds: [] }
}

export const explanation: Explanation = {
  storeId: "ws-1",
  monitored: true,
  summary: "It is desired and monitored.",
  nextStep: "Nothing needs to be done.",
  desired: { ...plan.desired, state: "present", pinned: false, wasKnown: true, absence: null },
  observed: {
    state: "open",
    since: T,
    status: "connected",
    isConnected: true,
    processing: true,
    message: null
  },
  queue: { state: "none", priority: null, since: null, until: null },
  attempts: 0,
  lastError: null,
  nextAttemptAt: null,
  checks: [],
  blockedBy: [],
  conditions: [
    {
      type: "Monitored",
      status: "True",
      reason: "StoreOpen",
      message: "The store is open",
      lastTransitionTime: DateTime.unsafeMake(T),
      observedRevision: "42"
    }
  ],
  transitions: [{ at: T, type: "monitoring_started", message: "Opened in 12 ms" }]
}

export const queue: QueueView = {
  depth: 1,
  byPriority: { nudge: 1, died: 0, drift: 0 },
  running: 1,
  waiting: 1,
  workers: 32,
  oldestMs: 5,
  longestRunningMs: 7,
  unfinishedWorkSeconds: 0.007,
  adds: 10,
  retries: 2,
  items: [
    { storeId: "ws-run", state: "running", priority: null, since: T, until: null, reason: null, attempts: 0 },
    {
      storeId: "ws-wait",
      state: "waiting",
      priority: "drift",
      since: null,
      until: T,
      reason: "backoff",
      attempts: 3
    }
  ]
}

export const breaker = {
  name: "auth-worker",
  state: "open" as const,
  failureCount: 5,
  openedAt: T,
  willResetAt: T,
  lastError: "DirectoryUnavailable",
  history: [{ at: T, from: "closed", to: "open", reason: "failures" }]
}

export const quietAdministration: AdministrationService = {
  checks: () => Effect.succeed([]),
  explain: () => Effect.succeed(explanation),
  plan: Effect.succeed(converged),
  planOne: () => Effect.succeed(converged),
  reconcileOne: () => Effect.succeed({ status: "already_monitored" }),
  reject: (planHash) => Effect.succeed({ planHash, storeIds: [] }),
  approve: (planHash) => Effect.succeed({ planHash, storeIds: [] }),
  pause: ({ reason, storeId }, actor) =>
    Effect.succeed({ storeId, reason, actor: actor.name, since: T, expiresAt: null }),
  resume: () => Effect.succeed(true),
  lockdown: () => null,
  lockDown: (reason, actor) =>
    Effect.succeed({ isNew: true, lockdown: { reason, actor: actor.name, since: T } }),
  liftLockdown: () => Effect.succeed(null),
  audit: () => Effect.succeed([]),
  verifyAudit: Effect.succeed({ intact: true, records: 0, firstBrokenSeq: null }),
  queue: Effect.succeed(queue),
  stuck: () => Effect.succeed([]),
  breakers: Effect.succeed([]),
  resetBreaker: () => Effect.succeed(breaker),
  recentErrors: Effect.succeed([]),
  events: () => Stream.never,
  probe: () => Effect.succeed({ healthy: true, detail: {} }),
  selfTest: Effect.succeed({ healthy: true, detail: { driver: "memory", openMs: 3, connected: true } }),
  measure: Effect.void
}
