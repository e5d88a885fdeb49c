/**
 * Handlers of what administrators ask of the loop: authentication first, then conflict, then rate.
 */
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as Effect from "effect/Effect"
import {
  type ManualRun,
  Operations,
  type ReconcilerDisabled,
  type RunFailed,
  type RunInFlight,
  type RunTooSoon
} from "../../orchestration/Operations.ts"
import { Administrators } from "../Administrators.ts"
import { answer, json } from "../Answer.ts"
import { Api } from "../Api.ts"
import { Refusal } from "../Refusal.ts"

/** Named as the runbook names it, in the log and in the tags of an error report. */
const MANUAL_TRIGGER = "workspace_reconciler.manual_trigger"

type RunError = ReconcilerDisabled | RunInFlight | RunTooSoon | RunFailed

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
    ? Effect.logError(MANUAL_TRIGGER, error, { outcome: "failed", durationMs: error.durationMs })
    : Effect.logInfo(MANUAL_TRIGGER, { outcome: "refused", reason: error._tag })

export const layer = HttpApiBuilder.group(Api, "admin", (handlers) =>
  Effect.gen(function* () {
    const operations = yield* Operations
    const administrators = yield* Administrators

    const reconcile = Effect.gen(function* () {
      const actor = yield* administrators.require
      const run = yield* operations.reconcile(actor).pipe(
        Effect.tap(logRun),
        Effect.tapError(logError),
        Effect.mapError(refusalOf),
        Effect.annotateLogs({
          category: "workspace_orchestration",
          operation: MANUAL_TRIGGER,
          actor: actor.name
        })
      )
      return json(run)
    })

    return handlers.handleRaw("reconcile", () => answer(reconcile))
  })
)
