/**
 * What administrators ask of the loop.
 */
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as OpenApi from "@effect/platform/OpenApi"
import * as Schema from "effect/Schema"
import * as HttpApiSchema from "@effect/platform/HttpApiSchema"
import { adminOnly } from "./AdminSecurity.ts"
import {
  ApproveAnswer,
  Disabled,
  DryRunAnswer,
  PauseAnswer,
  PlanChanged,
  RejectAnswer,
  ReconcileAnswer,
  ReconcileFailure,
  ReconcileOneAnswer,
  ResumeAnswer,
  TooSoon
} from "./AdminViews.ts"
import { ErrorBody, Reason, StoreId } from "./Common.ts"
import { Probe } from "./HealthViews.ts"
import { describeQuery, Flag, shortText, wholeNumber } from "./Query.ts"
import { Audit, Breaker, Plan } from "./Views.ts"

/**
 * `storeId` reconciles one workspace; `dryRun` answers the plan and changes nothing; `allowUnknown` takes a `storeId`
 * that the source does not know (yet).
 */
export const ReconcileQuery = Schema.Struct({
  storeId: Schema.optional(StoreId),
  dryRun: Schema.optional(Flag),
  allowUnknown: Schema.optional(Flag)
})

const reconcile = HttpApiEndpoint.post("reconcile", "/admin/reconcile")
  .addSuccess(Schema.Union(ReconcileAnswer, DryRunAnswer, ReconcileOneAnswer))
  .addSuccess(ReconcileOneAnswer, { status: 202 })
  .addError(ErrorBody, { status: 400 })
  .addError(ErrorBody, { status: 401 })
  .addError(ErrorBody, { status: 404 })
  .addError(ErrorBody, { status: 409 })
  .addError(TooSoon, { status: 429 })
  .addError(ReconcileFailure, { status: 500 })
  .addError(Disabled, { status: 503 })
  .annotateContext(
    OpenApi.annotations({
      summary: "Reconcile now",
      description:
        "One whole run: a fresh list, every drifting workspace attempted once, and the result. With `storeId` one workspace only; with `dryRun=true` the plan, and nothing is changed. 404 for a workspace that the source does not know, unless `allowUnknown=true`.",
      override: adminOnly,
      transform: describeQuery(ReconcileQuery)
    })
  )

const plan = HttpApiEndpoint.get("plan", "/admin/plan")
  .addSuccess(Plan)
  .addError(ErrorBody, { status: 400 })
  .addError(ErrorBody, { status: 401 })
  .annotateContext(OpenApi.annotations({ summary: "What would be done now", override: adminOnly }))

const MAX_HASH_LENGTH = 128

export const ApproveRequest = Schema.Struct({
  planHash: Schema.String.pipe(Schema.minLength(1), Schema.maxLength(MAX_HASH_LENGTH)).annotations({
    description: "the hash of the plan that is held"
  })
}).annotations({ identifier: "ApproveRequest", description: "a JSON object" })

const approve = HttpApiEndpoint.post("approve", "/admin/removals/approve")
  .setPayload(ApproveRequest)
  .addSuccess(ApproveAnswer)
  .addError(ErrorBody, { status: 400 })
  .addError(ErrorBody, { status: 401 })
  .addError(PlanChanged, { status: 409 })
  .addError(ErrorBody, { status: 503 })
  .annotateContext(
    OpenApi.annotations({
      summary: "Let the removals of exactly this held plan pass the guard",
      description: "409 when the plan has changed since it was shown.",
      override: adminOnly
    })
  )

const reject = HttpApiEndpoint.post("reject", "/admin/removals/reject")
  .setPayload(ApproveRequest)
  .addSuccess(RejectAnswer)
  .addError(ErrorBody, { status: 400 })
  .addError(ErrorBody, { status: 401 })
  .addError(PlanChanged, { status: 409 })
  .addError(ErrorBody, { status: 503 })
  .annotateContext(
    OpenApi.annotations({
      summary: "Keep the workspaces of exactly this held plan",
      description:
        "They stay monitored, over restarts too, until they come back or the source has newer evidence of their removal. 409 when the plan has changed since it was shown.",
      override: adminOnly
    })
  )

const MIN_PAUSE_MS = 1_000
/** A month: a pause that nobody remembers is worse than one that ends. */
const MAX_PAUSE_MS = 2_678_400_000

export const PauseBody = Schema.Struct({
  storeId: Schema.optional(StoreId),
  allowUnknown: Schema.optional(
    Schema.Boolean.annotations({
      description: "true or false: whether the workspace may be one that is not known"
    })
  ),
  reason: Reason,
  expiresInMs: Schema.optional(
    Schema.Int.pipe(Schema.between(MIN_PAUSE_MS, MAX_PAUSE_MS)).annotations({
      description: `a whole number from ${MIN_PAUSE_MS} to ${MAX_PAUSE_MS}`
    })
  )
}).annotations({ identifier: "PauseRequest", description: "a JSON object" })

const pause = HttpApiEndpoint.post("pause", "/admin/pause")
  .setPayload(PauseBody)
  .addSuccess(PauseAnswer)
  .addError(ErrorBody, { status: 400 })
  .addError(ErrorBody, { status: 401 })
  .addError(ErrorBody, { status: 404 })
  .addError(ErrorBody, { status: 503 })
  .annotateContext(
    OpenApi.annotations({
      summary: "Pause the loop, or one workspace",
      description: "404 for a workspace that is not known, unless `allowUnknown` is true.",
      override: adminOnly
    })
  )

export const ResumeBody = Schema.Struct({ storeId: Schema.optional(StoreId) }).annotations({
  identifier: "ResumeRequest",
  description: "a JSON object"
})

const resume = HttpApiEndpoint.post("resume", "/admin/resume")
  .setPayload(ResumeBody)
  .addSuccess(ResumeAnswer)
  .addError(ErrorBody, { status: 400 })
  .addError(ErrorBody, { status: 401 })
  .addError(ErrorBody, { status: 404 })
  .addError(ErrorBody, { status: 503 })
  .annotateContext(
    OpenApi.annotations({
      summary: "Resume the loop, or one workspace",
      description: "Everything that was held is looked at again.",
      override: adminOnly
    })
  )

const MAX_AUDIT_PAGE = 1_000
const MAX_ACTION_LENGTH = 64
const MAX_SEQUENCE = 999_999_999

export const AuditQuery = Schema.Struct({
  limit: Schema.optional(wholeNumber(1, MAX_AUDIT_PAGE)),
  before: Schema.optional(wholeNumber(1, MAX_SEQUENCE)),
  action: Schema.optional(shortText(MAX_ACTION_LENGTH)),
  verify: Schema.optional(Flag)
})

const audit = HttpApiEndpoint.get("audit", "/admin/audit")
  .addSuccess(Audit)
  .addError(ErrorBody, { status: 400 })
  .addError(ErrorBody, { status: 401 })
  .annotateContext(
    OpenApi.annotations({
      summary: "Who did what from where, with the outcome",
      description: "The newest first. With `verify=true` the whole chain is checked.",
      override: adminOnly,
      transform: describeQuery(AuditQuery)
    })
  )

const resetBreaker = HttpApiEndpoint.post(
  "resetBreaker"
)`/admin/circuit-breakers/${HttpApiSchema.param("name", Schema.String)}/reset`
  .addSuccess(Breaker)
  .addError(ErrorBody, { status: 400 })
  .addError(ErrorBody, { status: 401 })
  .addError(ErrorBody, { status: 404 })
  .annotateContext(
    OpenApi.annotations({ summary: "Let an open circuit breaker admit a probe now", override: adminOnly })
  )

const selfTest = HttpApiEndpoint.post("selfTest", "/admin/selftest/livestore")
  .addSuccess(Probe)
  .addSuccess(Probe, { status: 503 })
  .addError(ErrorBody, { status: 400 })
  .addError(ErrorBody, { status: 401 })
  .annotateContext(
    OpenApi.annotations({
      summary: "Whether this server can open a store at all",
      description:
        "Opens a store of its own, reads it, closes it and deletes it. No workspace is touched. Requests while a test runs share it.",
      override: adminOnly
    })
  )

export class AdminApi extends HttpApiGroup.make("admin")
  .add(reconcile)
  .add(plan)
  .add(approve)
  .add(reject)
  .add(pause)
  .add(resume)
  .add(audit)
  .add(resetBreaker)
  .add(selfTest) {}
