/**
 * Handlers of limits, secrets and the lockdown.
 */
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as Effect from "effect/Effect"
import { Administration } from "../../orchestration/Administration.ts"
import { Credentials } from "../../orchestration/Credentials.ts"
import { Administrators } from "../Administrators.ts"
import { answer, json } from "../Answer.ts"
import { Api } from "../Api.ts"
import { noFilter } from "../api/Query.ts"
import { LiftBody, LockdownBody } from "../api/SecurityApi.ts"
import { Limits } from "../Limits.ts"
import { stateUnavailable } from "../Refusal.ts"
import { readBody } from "../RequestBody.ts"

export const layer = HttpApiBuilder.group(Api, "security", (handlers) =>
  Effect.gen(function* () {
    const administration = yield* Administration
    const administrators = yield* Administrators
    const credentials = yield* Credentials
    const limiters = yield* Limits

    const limits = Effect.gen(function* () {
      yield* administrators.requireReader
      yield* noFilter
      return json({ limits: yield* limiters.views })
    })

    const secrets = Effect.gen(function* () {
      yield* administrators.require
      yield* noFilter
      return json({ secrets: yield* credentials.views })
    })

    const lockdown = Effect.gen(function* () {
      const actor = yield* administrators.require
      const { reason } = yield* readBody(LockdownBody)
      const { isNew, lockdown: standing } = yield* Effect.mapError(
        administration.lockDown(reason, actor),
        () => stateUnavailable
      )
      return json({ status: isNew ? "locked_down" : "already_locked_down", lockdown: standing })
    })

    const lift = Effect.gen(function* () {
      const actor = yield* administrators.require
      const { reason } = yield* readBody(LiftBody)
      const lifted = yield* Effect.mapError(
        administration.liftLockdown(reason, actor),
        () => stateUnavailable
      )
      return json({ status: lifted === null ? "not_locked_down" : "lifted", lockdown: lifted })
    })

    return handlers
      .handleRaw("limits", () => answer(limits))
      .handleRaw("secrets", () => answer(secrets))
      .handleRaw("lockdown", () => answer(lockdown))
      .handleRaw("lift", () => answer(lift))
  })
)
