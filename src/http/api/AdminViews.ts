/**
 * What the admin routes answer (wire contract, section 3).
 */
import * as Schema from "effect/Schema"
import { ErrorBody, IsoTime, RunResult } from "./Common.ts"
import { Pause, Plan } from "./Views.ts"

export const ReconcileAnswer = Schema.Struct({
  status: Schema.Literal("completed", "partial"),
  durationMs: Schema.Number,
  driftCount: Schema.Int,
  result: RunResult,
  incidentDashboardUrl: Schema.NullOr(Schema.String),
  triggeredAt: IsoTime
}).annotations({ identifier: "ReconcileAnswer" })

/** What has become of the one workspace, as a webhook would be told. */
export const ReconcileOneAnswer = Schema.Struct({
  status: Schema.Literal(
    "monitoring_started",
    "already_monitored",
    "monitoring_stopped",
    "already_stopped",
    "reconcile_queued"
  ),
  storeId: Schema.String,
  reason: Schema.optional(Schema.String),
  durationMs: Schema.Number
}).annotations({ identifier: "ReconcileOneAnswer" })

export const DryRunAnswer = Schema.Struct({
  status: Schema.Literal("planned"),
  ...Plan.fields
}).annotations({
  identifier: "DryRunAnswer"
})

export const ReconcileFailure = Schema.Struct({
  status: Schema.Literal("failed"),
  durationMs: Schema.Number,
  ...ErrorBody.fields
}).annotations({ identifier: "ReconcileFailure" })

export const TooSoon = Schema.Struct({ retryAfterMs: Schema.Number, ...ErrorBody.fields }).annotations({
  identifier: "ReconcileTooSoon"
})

export const Disabled = Schema.Struct({ reason: Schema.String, ...ErrorBody.fields }).annotations({
  identifier: "Disabled"
})

export const ApproveAnswer = Schema.Struct({
  status: Schema.Literal("approved"),
  planHash: Schema.String,
  storeIds: Schema.Array(Schema.String)
}).annotations({ identifier: "ApproveAnswer" })

export const RejectAnswer = Schema.Struct({
  status: Schema.Literal("rejected"),
  planHash: Schema.String,
  storeIds: Schema.Array(Schema.String)
}).annotations({ identifier: "RejectAnswer" })

export const PlanChanged = Schema.Struct({
  currentPlanHash: Schema.NullOr(Schema.String),
  ...ErrorBody.fields
}).annotations({ identifier: "PlanChanged" })

export const PauseAnswer = Schema.Struct({ status: Schema.Literal("paused"), pause: Pause }).annotations({
  identifier: "PauseAnswer"
})

export const ResumeAnswer = Schema.Struct({
  status: Schema.Literal("resumed", "not_paused"),
  storeId: Schema.NullOr(Schema.String)
}).annotations({ identifier: "ResumeAnswer" })
