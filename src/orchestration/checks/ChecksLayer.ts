/** `Checks` over the running loop. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as BoundedAge from "../../controller/BoundedAge.ts"
import type { EventProcessor } from "../../stores/EventProcessor.ts"
import type { StoreManager } from "../../stores/StoreManager.ts"
import { gauges } from "../../telemetry/Metrics.ts"
import type { DesiredState } from "../../workspaces/DesiredState.ts"
import type { Lockdown } from "../Lockdown.ts"
import type { Pauses } from "../Pauses.ts"
import type { StateStore } from "../StateStore.ts"
import type { WorkspaceController } from "../WorkspaceController.ts"
import type { WorkspaceReconciler } from "../WorkspaceReconciler.ts"
import { Checks, evaluate } from "./Checks.ts"
import type { FactSources } from "./FactSources.ts"
import * as GatherFacts from "./GatherFacts.ts"

export type { Options } from "./GatherFacts.ts"

/** How old what is shown to anybody may be: what they cost together is one computation in this time. */
export const MAX_AGE_MS = 500

const LEVELS = { ok: 0, warn: 1, fail: 2 } as const
const level = gauges("wso_check", "What each check of the server says: 0 ok, 1 warn, 2 fail", ["check"])

const make = (options: GatherFacts.Options) =>
  Effect.gen(function* () {
    const gather = yield* GatherFacts.make(options)
    let since: ReadonlyMap<string, number> = new Map()
    const judge = Effect.map(gather, (facts) => {
      const snapshot = evaluate(facts, since)
      since = new Map(
        snapshot.results.flatMap((result) =>
          result.since === null ? [] : [[result.check.name, result.since] as const]
        )
      )
      for (const { check, status } of snapshot.results) level(check.name).set(LEVELS[status])
      return snapshot
    })
    return Checks.of(yield* BoundedAge.make(judge, MAX_AGE_MS))
  })

export const layer = (
  options: GatherFacts.Options
): Layer.Layer<
  Checks,
  never,
  | DesiredState
  | StoreManager
  | EventProcessor
  | WorkspaceController
  | WorkspaceReconciler
  | Pauses
  | Lockdown
  | StateStore
  | FactSources
> => Layer.scoped(Checks, make(options))
