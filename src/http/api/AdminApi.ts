/**
 * What administrators ask of the loop.
 */
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as OpenApi from "@effect/platform/OpenApi"
import * as Schema from "effect/Schema"
import { adminOnly } from "./AdminSecurity.ts"
import { ErrorBody, IsoTime, RunResult } from "./Common.ts"

export const ReconcileAnswer = Schema.Struct({
  status: Schema.Literal("completed", "partial"),
  durationMs: Schema.Number,
  driftCount: Schema.Int,
  result: RunResult,
  incidentDashboardUrl: Schema.NullOr(Schema.String),
  triggeredAt: IsoTime
}).annotations({ identifier: "ReconcileAnswer" })

const ReconcileFailure = Schema.Struct({
  status: Schema.Literal("failed"),
  durationMs: Schema.Number,
  ...ErrorBody.fields
}).annotations({ identifier: "ReconcileFailure" })

const TooSoon = Schema.Struct({ retryAfterMs: Schema.Number, ...ErrorBody.fields }).annotations({
  identifier: "ReconcileTooSoon"
})

const Disabled = Schema.Struct({ reason: Schema.String, ...ErrorBody.fields }).annotations({
  identifier: "Disabled"
})

const reconcile = HttpApiEndpoint.post("reconcile", "/admin/reconcile")
  .addSuccess(ReconcileAnswer)
  .addError(ErrorBody, { status: 401 })
  .addError(ErrorBody, { status: 409 })
  .addError(TooSoon, { status: 429 })
  .addError(ReconcileFailure, { status: 500 })
  .addError(Disabled, { status: 503 })
  .annotateContext(
    OpenApi.annotations({
      summary: "Reconcile now",
      description: "One whole run: a fresh list, every drifting workspace attempted once, and the result.",
      override: adminOnly
    })
  )

export class AdminApi extends HttpApiGroup.make("admin").add(reconcile) {}
