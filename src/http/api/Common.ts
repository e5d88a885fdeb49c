/**
 * Shapes that the groups of the API share (wire contract, section 3).
 */
import * as Schema from "effect/Schema"

/** `2025-02-10T20:15:00.000Z` */
export const IsoTime = Schema.String.annotations({
  identifier: "IsoTime",
  description: "a time in ISO 8601",
  jsonSchema: { type: "string", format: "date-time" }
})

/** The id of a workspace and of its store. */
export const StoreId = Schema.String.pipe(Schema.pattern(/^[a-zA-Z0-9][a-zA-Z0-9_-]{2,63}$/)).annotations({
  identifier: "StoreId",
  description: "a workspace id: 3 to 64 letters, digits, _ and -, beginning with a letter or digit"
})

const MAX_REASON_LENGTH = 500

/** Why an operator does something; spaces alone are none. */
export const Reason = Schema.String.pipe(
  Schema.minLength(1),
  Schema.maxLength(MAX_REASON_LENGTH),
  Schema.pattern(/\S/)
).annotations({ description: `a text of 1 to ${MAX_REASON_LENGTH} characters` })

const ErrorDetail = Schema.Struct({
  code: Schema.String.annotations({ description: "SCREAMING_SNAKE, stable, for programs" }),
  message: Schema.String.annotations({ description: "a sentence, for people" }),
  requestId: Schema.String,
  traceId: Schema.optional(
    Schema.String.annotations({ description: "the trace that the request belongs to, where there is one" })
  )
}).annotations({ identifier: "Error" })

export const ErrorBody = Schema.Struct({ error: ErrorDetail }).annotations({
  description: "Why the request was not done"
})

/** Fields that a version may add; programs ignore those that they do not know. */
export const Open = Schema.Record({ key: Schema.String, value: Schema.Unknown })

/** What a check of the server says. Without the admin token in production: `name`, `status` and `since` only. */
export const Check = Schema.Struct({
  name: Schema.String.annotations({ description: "kebab-case, stable" }),
  status: Schema.Literal("ok", "warn", "fail"),
  since: Schema.NullOr(IsoTime).annotations({ description: "since when it is not ok; null while it is" }),
  found: Schema.optional(Schema.String),
  wanted: Schema.optional(Schema.String),
  next: Schema.optional(
    Schema.NullOr(Schema.String).annotations({ description: "what to do; null while it is ok" })
  ),
  runbook: Schema.optional(Schema.String)
}).annotations({ identifier: "Check" })

export const Held = Schema.Struct({
  storeId: Schema.String,
  reason: Schema.String.annotations({ description: "what holds it: evidence, grace, guard, paused, …" })
}).annotations({ identifier: "Held" })

/** A workspace that exists and cannot be opened, because its id is none that LiveStore takes. */
export const Unsupported = Schema.Struct({ instanceId: Schema.String, reason: Schema.String }).annotations({
  identifier: "Unsupported"
})

export const FailedChange = Schema.Struct({ storeId: Schema.String, error: Schema.String }).annotations({
  identifier: "FailedChange"
})

export const RunResult = Schema.Struct({
  added: Schema.Array(Schema.String),
  removed: Schema.Array(Schema.String),
  failedAdds: Schema.Array(FailedChange),
  failedRemovals: Schema.Array(FailedChange),
  held: Schema.Array(Held),
  authoritativeCount: Schema.Int,
  monitoredCount: Schema.Int,
  driftCount: Schema.Int
}).annotations({ identifier: "RunResult" })

export const Reconciliation = Schema.Union(
  Schema.Struct({ enabled: Schema.Literal(false), reason: Schema.String }),
  Schema.Struct({
    enabled: Schema.Literal(true),
    intervalMs: Schema.Number,
    isRunning: Schema.Boolean,
    lastRunStartedAt: Schema.NullOr(IsoTime),
    lastRunCompletedAt: Schema.NullOr(IsoTime),
    lastSuccessAt: Schema.NullOr(IsoTime),
    lastDurationMs: Schema.NullOr(Schema.Number),
    consecutiveFailures: Schema.Int,
    totals: Schema.Struct({ runs: Schema.Int, successes: Schema.Int, failures: Schema.Int }),
    lastResult: Schema.NullOr(Schema.partial(RunResult)),
    lastError: Schema.NullOr(
      Schema.Struct({ code: Schema.String, message: Schema.optional(Schema.String), at: IsoTime })
    ),
    nextRunAt: Schema.NullOr(IsoTime)
  })
).annotations({ identifier: "Reconciliation" })

export const ManualReconcile = Schema.Struct({
  lastTriggeredAt: Schema.NullOr(IsoTime),
  minIntervalMs: Schema.Number,
  inFlight: Schema.Boolean,
  incidentDashboardUrl: Schema.NullOr(Schema.String)
}).annotations({ identifier: "ManualReconcile" })

export const Orchestrator = Schema.Struct({
  monitoredStoreIds: Schema.optional(Schema.Array(Schema.String)),
  lastProvisionedAt: Schema.NullOr(IsoTime),
  lastDeprovisionedAt: Schema.NullOr(IsoTime),
  totalProvisioned: Schema.Int,
  totalDeprovisioned: Schema.Int,
  provisionFailures: Schema.Int
}).annotations({ identifier: "Orchestrator" })

export const StoreStatus = Schema.Literal("connected", "connecting", "disconnected", "error")
