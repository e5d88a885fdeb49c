/**
 * Handlers of the reports.
 */
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as Effect from "effect/Effect"
import { Reports } from "../../orchestration/Reports.ts"
import { Administrators } from "../Administrators.ts"
import { answer, json } from "../Answer.ts"
import { Api } from "../Api.ts"
import { noFilter } from "../api/Query.ts"
import type { Configuration } from "../api/ReportsViews.ts"
import { noInput } from "../RequestBody.ts"

export interface Options {
  /** The configuration as it may be shown: secrets are fingerprints. */
  readonly variables: (typeof Configuration.Type)["variables"]
}

export const layer = ({ variables }: Options) =>
  HttpApiBuilder.group(Api, "reports", (handlers) =>
    Effect.gen(function* () {
      const reports = yield* Reports
      const administrators = yield* Administrators

      const daily = Effect.gen(function* () {
        yield* administrators.requireReader
        yield* noFilter
        return json(yield* reports.daily)
      })

      const verify = Effect.gen(function* () {
        yield* administrators.require
        yield* noInput
        return json(yield* reports.verify)
      })

      const configuration = Effect.gen(function* () {
        yield* administrators.require
        yield* noFilter
        return json({ variables })
      })

      return handlers
        .handleRaw("daily", () => answer(daily))
        .handleRaw("verify", () => answer(verify))
        .handleRaw("configuration", () => answer(configuration))
    })
  )
