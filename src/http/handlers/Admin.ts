/**
 * Handlers of what administrators ask of the loop: authentication first, then conflict, then rate.
 */
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import {
  Administration,
  type PlanMismatch,
  type UnknownBreaker,
  type UnknownWorkspace,
  type Which
} from "../../orchestration/Administration.ts"
import {
  type Actor,
  type ManualRun,
  Operations,
  type ReconcilerDisabled,
  type RunFailed,
  type RunInFlight,
  type RunTooSoon
} from "../../orchestration/Operations.ts"
import type { StateWriteFailed } from "../../orchestration/StateStore.ts"
import { Administrators } from "../Administrators.ts"
import { answer, json } from "../Answer.ts"
import { Api } from "../Api.ts"
import { ApproveRequest, AuditQuery, PauseBody, ReconcileQuery, ResumeBody } from "../api/AdminApi.ts"
import { decodeQuery, noFilter } from "../api/Query.ts"
import { badRequest, Refusal, stateUnavailable } from "../Refusal.ts"
import { noBody, noInput, readBody } from "../RequestBody.ts"

/** Named as the runbook names it, in the log and in the tags of an error report. */
const MANUAL_TRIGGER = "workspace_reconciler.manual_trigger"

type RunError = ReconcilerDisabled | RunInFlight | RunTooSoon | RunFailed

/** Where a call says that the workspace may be unknown, for the sentence of its refusal. */
const unknownWorkspace =
  (how: string) =>
  (error: UnknownWorkspace | StateWriteFailed): Refusal =>
    error._tag === "StateWriteFailed"
      ? stateUnavailable
      : new Refusal({
          status: 404,
          code: "WORKSPACE_NOT_FOUND",
          message: `No workspace of this id is known: check the id (GET /stores lists the known ones). ${how}`
        })
const inQuery = unknownWorkspace("For one that does not exist yet: allowUnknown=true.")
const inBody = unknownWorkspace('For one that does not exist yet: "allowUnknown": true.')
const notPaused = unknownWorkspace("No pause of it stands either.")

const refusalOf = (error: RunError): Refusal => {
  switch (error._tag) {
    case "ReconcilerDisabled":
      return new Refusal({
        status: 503,
        code: "RECONCILER_DISABLED",
        message: `The reconciler is disabled: ${error.reason}.`,
        details: { reason: error.reason }
      })
    case "RunInFlight":
      return new Refusal({
        status: 409,
        code: "RECONCILE_IN_FLIGHT",
        message: `A run is in flight since ${error.startedAt}.`,
        details: { startedAt: error.startedAt }
      })
    case "RunTooSoon":
      return new Refusal({
        status: 429,
        code: "RECONCILE_TOO_SOON",
        message: "The last successful run is too recent.",
        retryAfterSeconds: Math.max(1, error.retryAfterMs / 1_000),
        details: { retryAfterMs: error.retryAfterMs }
      })
    case "RunFailed":
      return new Refusal({
        status: 500,
        code: error.code,
        message: error.message,
        details: { status: "failed", durationMs: error.durationMs }
      })
  }
}

const logRun = (run: ManualRun) =>
  Effect.logInfo(MANUAL_TRIGGER, {
    outcome: run.status,
    durationMs: run.durationMs,
    driftCount: run.driftCount,
    added: run.result.added.length,
    removed: run.result.removed.length,
    failedAdds: run.result.failedAdds.length,
    failedRemovals: run.result.failedRemovals.length,
    held: run.result.held.length
  })

const logError = (error: RunError) =>
  error._tag === "RunFailed"
    ? Effect.logError(MANUAL_TRIGGER, error, {
        phase: "read",
        outcome: "failed",
        durationMs: error.durationMs
      })
    : Effect.logInfo(MANUAL_TRIGGER, { outcome: "refused", reason: error._tag, durationMs: 0 })

const undecided = (error: PlanMismatch | StateWriteFailed): Refusal =>
  error._tag === "StateWriteFailed"
    ? stateUnavailable
    : new Refusal({
        status: 409,
        code: "PLAN_CHANGED",
        message:
          error.currentHash === null
            ? "No plan is held any more: there is nothing to decide."
            : "The held plan is not the one that was shown: look at it again.",
        details: { currentPlanHash: error.currentHash }
      })

const unknownBreaker = ({ known }: UnknownBreaker): Refusal =>
  new Refusal({
    status: 404,
    code: "BREAKER_NOT_FOUND",
    message: `The circuit breakers are: ${known.join(", ")}.`
  })

/** Who names no workspace but speaks of one has left it out. */
const aboutNothing = badRequest("allowUnknown is about a workspace: storeId is missing.")

const DEFAULT_AUDIT_PAGE = 100

export const layer = HttpApiBuilder.group(Api, "admin", (handlers) =>
  Effect.gen(function* () {
    const operations = yield* Operations
    const administration = yield* Administration
    const administrators = yield* Administrators

    const reconcileAll = (actor: Actor) => {
      // Of these lines alone: what is logged meanwhile is about other operations.
      const ofTrigger = Effect.annotateLogs({
        category: "workspace_orchestration",
        operation: MANUAL_TRIGGER,
        actor: actor.name
      })
      return operations.reconcile(actor).pipe(
        Effect.tap((run) => ofTrigger(logRun(run))),
        Effect.tapError((error) => ofTrigger(logError(error))),
        Effect.mapError(refusalOf),
        Effect.map((run) => json(run))
      )
    }

    const reconcileOne = (storeId: string, actor: Actor, which: Which) =>
      Effect.gen(function* () {
        const [duration, outcome] = yield* Effect.timed(
          administration
            .reconcileOne(storeId, actor, which)
            .pipe(
              Effect.mapError((error: ReconcilerDisabled | UnknownWorkspace) =>
                error._tag === "UnknownWorkspace" ? inQuery(error) : refusalOf(error)
              )
            )
        )
        const durationMs = Math.round(Duration.toMillis(duration))
        return json({ ...outcome, storeId, durationMs }, outcome.status === "reconcile_queued" ? 202 : 200)
      })

    const dryRun = (storeId: string | undefined, which: Which) =>
      (storeId === undefined
        ? administration.plan
        : Effect.mapError(administration.planOne(storeId, which), inQuery)
      ).pipe(Effect.map((plan) => json({ status: "planned", ...plan })))

    const reconcile = Effect.gen(function* () {
      const actor = yield* administrators.require
      const query = yield* decodeQuery(ReconcileQuery)
      yield* noBody
      const { allowUnknown = false, dryRun: isDry = false, storeId } = query
      if (storeId === undefined && query.allowUnknown !== undefined) return yield* aboutNothing
      if (isDry) return yield* dryRun(storeId, { allowUnknown })
      return yield* storeId === undefined
        ? reconcileAll(actor)
        : reconcileOne(storeId, actor, { allowUnknown })
    })

    const plan = Effect.gen(function* () {
      yield* administrators.require
      yield* noFilter
      return json(yield* administration.plan)
    })

    const approve = Effect.gen(function* () {
      const actor = yield* administrators.require
      const { planHash } = yield* readBody(ApproveRequest)
      const approved = yield* Effect.mapError(administration.approve(planHash, actor), undecided)
      return json({ status: "approved", ...approved })
    })

    const reject = Effect.gen(function* () {
      const actor = yield* administrators.require
      const { planHash } = yield* readBody(ApproveRequest)
      const rejected = yield* Effect.mapError(administration.reject(planHash, actor), undecided)
      return json({ status: "rejected", ...rejected })
    })

    const pause = Effect.gen(function* () {
      const actor = yield* administrators.require
      const body = yield* readBody(PauseBody)
      const { allowUnknown = false, expiresInMs = null, reason, storeId = null } = body
      if (storeId === null && body.allowUnknown !== undefined) return yield* aboutNothing
      return json({
        status: "paused",
        pause: yield* Effect.mapError(
          administration.pause({ storeId, reason, expiresInMs }, actor, { allowUnknown }),
          inBody
        )
      })
    })

    const resume = Effect.gen(function* () {
      const actor = yield* administrators.require
      const { storeId = null } = yield* readBody(ResumeBody, { whenEmpty: "{}" })
      const wasPaused = yield* Effect.mapError(administration.resume(storeId, actor), notPaused)
      return json({ status: wasPaused ? "resumed" : "not_paused", storeId })
    })

    const audit = Effect.gen(function* () {
      yield* administrators.require
      const {
        action = null,
        before = null,
        limit = DEFAULT_AUDIT_PAGE,
        verify
      } = yield* decodeQuery(AuditQuery, { call: "reads" })
      const records = yield* administration.audit({ limit, before, action })
      return json({
        records: records.map((record) => ({ ...record, at: new Date(record.at).toISOString() })),
        nextBefore: records.length < limit ? null : (records.at(-1)?.seq ?? null),
        ...(verify === true ? { verification: yield* administration.verifyAudit } : {})
      })
    })

    const resetBreaker = (name: string) =>
      Effect.gen(function* () {
        const actor = yield* administrators.require
        yield* noInput
        return json(yield* Effect.mapError(administration.resetBreaker(name, actor), unknownBreaker))
      })

    const selfTest = Effect.gen(function* () {
      yield* administrators.require
      yield* noInput
      const { detail, healthy } = yield* administration.selfTest
      const status = healthy ? "ok" : "unavailable"
      return json({ status, check: "livestore", ...detail }, healthy ? 200 : 503)
    })

    return handlers
      .handleRaw("reconcile", () => answer(reconcile))
      .handleRaw("plan", () => answer(plan))
      .handleRaw("approve", () => answer(approve))
      .handleRaw("reject", () => answer(reject))
      .handleRaw("pause", () => answer(pause))
      .handleRaw("resume", () => answer(resume))
      .handleRaw("audit", () => answer(audit))
      .handleRaw("resetBreaker", ({ path: { name } }) => answer(resetBreaker(name)))
      .handleRaw("selfTest", () => answer(selfTest))
  })
)
