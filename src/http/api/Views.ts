/**
 * What operators read, as the API describes it and as its clients decode it: the schemas of `Administration`'s views.
 * Times are ISO 8601 strings, durations milliseconds. Fields may be added, never renamed or removed.
 */
import * as Schema from "effect/Schema"
import { Check, IsoTime } from "./Common.ts"

const Nullable = {
  string: Schema.NullOr(Schema.String),
  time: Schema.NullOr(IsoTime),
  number: Schema.NullOr(Schema.Number)
}

const Desired = Schema.Struct({
  revision: Nullable.string,
  source: Schema.Literal("auth-worker", "snapshot", "static", "none"),
  fetchedAt: Nullable.time,
  ageMs: Nullable.number,
  fresh: Schema.Boolean
})

/** A pause of the loop (`storeId` null) or of one workspace. */
export const Pause = Schema.Struct({
  storeId: Nullable.string,
  reason: Schema.String,
  actor: Schema.String,
  since: IsoTime,
  expiresAt: Nullable.time
}).annotations({ identifier: "Pause" })

const PlanHeld = Schema.Struct({
  storeId: Schema.String,
  reason: Schema.String,
  evidence: Schema.optional(
    Schema.NullOr(Schema.Literal("deleted", "absent")).annotations({
      description: "what speaks for its removal; null where it is not about a removal"
    })
  ),
  evidenceSince: Schema.optional(Nullable.time),
  deletedBy: Schema.optional(Nullable.string),
  deletedAt: Schema.optional(Nullable.time),
  lastActivityAt: Schema.optional(Nullable.time),
  heldSince: Schema.optional(Nullable.time),
  rejectedBy: Schema.optional(Nullable.string),
  endsWhen: Schema.optional(Schema.String.annotations({ description: "what ends the hold" }))
}).annotations({ identifier: "PlanHeld" })

/** What would be done now. */
export const Plan = Schema.Struct({
  desired: Desired,
  differs: Schema.Boolean,
  counts: Schema.Struct({ add: Schema.Int, remove: Schema.Int, held: Schema.Int, waiting: Schema.Int }),
  add: Schema.Array(Schema.Struct({ storeId: Schema.String, because: Schema.String })),
  remove: Schema.Array(Schema.Struct({ storeId: Schema.String, because: Schema.String })),
  held: Schema.Array(PlanHeld),
  waiting: Schema.Array(Schema.Struct({ storeId: Schema.String, reason: Schema.String, until: IsoTime })),
  guard: Schema.Struct({
    tripped: Schema.Boolean,
    reason: Nullable.string,
    planHash: Nullable.string,
    storeIds: Schema.Array(Schema.String),
    limit: Schema.Number,
    deleteLimit: Schema.optional(Schema.Number),
    recentRemovals: Schema.Number
  }),
  paused: Schema.Array(Pause)
}).annotations({ identifier: "Plan", description: "What would be done now; lists are cut at 1,000" })

const Blocker = Schema.Struct({
  reason: Schema.String.annotations({ description: "guard, grace, paused, backoff, breaker, evidence, …" }),
  message: Schema.String,
  until: Nullable.time,
  nextStep: Schema.String
}).annotations({ identifier: "Blocker" })

const Condition = Schema.Struct({
  type: Schema.String,
  status: Schema.Literal("True", "False", "Unknown"),
  reason: Schema.String,
  message: Schema.String,
  lastTransitionTime: IsoTime,
  observedRevision: Nullable.string
}).annotations({ identifier: "Condition" })

/** Why one workspace is as it is. */
export const Explanation = Schema.Struct({
  storeId: Schema.String,
  monitored: Schema.Boolean,
  summary: Schema.String,
  nextStep: Schema.String,
  desired: Schema.Struct({
    ...Desired.fields,
    state: Schema.Literal("present", "absent", "unknown"),
    pinned: Schema.Boolean,
    wasKnown: Schema.optional(Schema.Boolean).annotations({
      description: "whether this server remembers having monitored it"
    }),
    absence: Schema.NullOr(
      Schema.Struct({
        kind: Schema.Literal("deleted", "absent"),
        confirmations: Schema.Int,
        confirmationsNeeded: Schema.Int,
        since: IsoTime,
        graceUntil: Nullable.time
      })
    )
  }),
  observed: Schema.Struct({
    state: Schema.Literal("closed", "opening", "open", "dead"),
    since: Nullable.time,
    status: Nullable.string,
    isConnected: Schema.NullOr(Schema.Boolean),
    processing: Schema.Boolean,
    message: Nullable.string
  }),
  queue: Schema.Struct({
    state: Schema.Literal("none", "ready", "running", "waiting"),
    priority: Nullable.string,
    since: Nullable.time,
    until: Nullable.time
  }),
  attempts: Schema.Int,
  lastError: Schema.NullOr(Schema.Struct({ code: Schema.String, message: Schema.String, at: IsoTime })),
  nextAttemptAt: Nullable.time,
  blockedBy: Schema.Array(Blocker),
  checks: Schema.optional(
    Schema.Array(Check).annotations({ description: "what is not well with the whole server" })
  ),
  conditions: Schema.Array(Condition),
  transitions: Schema.Array(Schema.Struct({ at: IsoTime, type: Schema.String, message: Schema.String }))
}).annotations({ identifier: "Explanation" })

export const AuditRecord = Schema.Struct({
  seq: Schema.Int,
  at: IsoTime,
  actor: Schema.String,
  address: Schema.String,
  action: Schema.String,
  subject: Schema.String,
  detail: Schema.String,
  outcome: Schema.Literal("succeeded", "refused", "failed"),
  hash: Schema.String
}).annotations({ identifier: "AuditRecord" })

export const Verification = Schema.Struct({
  intact: Schema.Boolean,
  records: Schema.Int,
  firstBrokenSeq: Schema.NullOr(Schema.Int)
}).annotations({ identifier: "AuditVerification" })

/** The newest first; `nextBefore` is where the next page begins. */
export const Audit = Schema.Struct({
  records: Schema.Array(AuditRecord),
  nextBefore: Schema.NullOr(Schema.Int),
  verification: Schema.optional(Verification)
}).annotations({ identifier: "Audit" })

export const Queue = Schema.Struct({
  depth: Schema.Int,
  byPriority: Schema.Record({ key: Schema.String, value: Schema.Int }),
  running: Schema.Int,
  waiting: Schema.Int,
  workers: Schema.Int,
  oldestMs: Schema.Number,
  longestRunningMs: Schema.Number,
  unfinishedWorkSeconds: Schema.Number,
  adds: Schema.Int,
  retries: Schema.Int,
  items: Schema.Array(
    Schema.Struct({
      storeId: Schema.String,
      state: Schema.Literal("ready", "running", "waiting"),
      priority: Nullable.string,
      since: Nullable.time,
      until: Nullable.time,
      reason: Nullable.string,
      attempts: Schema.Int
    })
  )
}).annotations({ identifier: "Queue" })

export const Stuck = Schema.Struct({
  storeId: Schema.String,
  kind: Schema.Literal("missing", "orphaned"),
  since: IsoTime,
  forMs: Schema.Number,
  reason: Schema.String,
  message: Schema.String
}).annotations({ identifier: "Stuck" })

export const Breaker = Schema.Struct({
  name: Schema.String,
  state: Schema.Literal("closed", "open", "half-open"),
  failureCount: Schema.Int,
  openedAt: Nullable.time,
  willResetAt: Nullable.time,
  lastError: Nullable.string,
  history: Schema.Array(
    Schema.Struct({ at: IsoTime, from: Schema.String, to: Schema.String, reason: Schema.String })
  )
}).annotations({ identifier: "CircuitBreaker" })

/** Errors of one kind, counted. */
export const ErrorGroup = Schema.Struct({
  component: Schema.String,
  code: Schema.String,
  count: Schema.Int,
  firstSeenAt: IsoTime,
  lastSeenAt: IsoTime,
  lastMessage: Schema.String,
  lastStoreId: Nullable.string
}).annotations({ identifier: "ErrorGroup" })

/** A transition, live. */
export const Event = Schema.Struct({
  id: Schema.Int,
  at: IsoTime,
  type: Schema.String,
  storeId: Nullable.string,
  message: Schema.String
}).annotations({ identifier: "Event" })

export const StuckList = Schema.Struct({
  stuck: Schema.Array(Stuck),
  checks: Schema.optional(
    Schema.Array(Check).annotations({ description: "what is not well with the whole server" })
  )
})

export const CircuitBreakers = Schema.Struct({ circuitBreakers: Schema.Array(Breaker) })

export const RecentErrors = Schema.Struct({ errors: Schema.Array(ErrorGroup) })
