/**
 * Facts that the loop does not have itself: those who have them contribute them, whatever folder they are in. What is not
 * contributed counts as well.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Facts } from "./Facts.ts"

/** Each fact as an effect that is run when facts are gathered. */
export interface Contributed {
  readonly auditIntact: Effect.Effect<boolean | null>
  readonly machine: Effect.Effect<Facts["machine"]>
  readonly newestBackupAgeMs: Effect.Effect<Facts["newestBackupAgeMs"]>
  readonly notifications: Effect.Effect<Facts["notifications"]>
  readonly webhookRejections: Effect.Effect<number>
  readonly oldestSecret: Effect.Effect<Facts["oldestSecret"]>
  readonly day: Effect.Effect<Facts["day"]>
}

const nothing: Contributed = {
  auditIntact: Effect.succeed(null),
  machine: Effect.succeed({
    disk: null,
    memoryRatio: 0,
    eventLoopDelayMs: 0,
    logLinesDropped: 0,
    telemetryDropped: 0
  }),
  newestBackupAgeMs: Effect.succeed(null),
  notifications: Effect.succeed({ configured: false, pending: 0, lastError: null }),
  webhookRejections: Effect.succeed(0),
  oldestSecret: Effect.succeed(null),
  day: Effect.succeed({
    since: 0,
    runs: { completed: 0, failed: 0 },
    reconciles: { done: 0, failed: 0 },
    breakerOpenings: 0,
    errors: 0,
    longestStallMs: 0
  })
}

export class FactSources extends Context.Tag("workspace-orchestrator/orchestration/FactSources")<
  FactSources,
  {
    readonly contribute: (facts: Partial<Contributed>) => Effect.Effect<void>
    readonly read: () => Contributed
  }
>() {}

export const layer: Layer.Layer<FactSources> = Layer.sync(FactSources, () => {
  let known = nothing
  return FactSources.of({
    contribute: (facts) =>
      Effect.sync(() => {
        known = { ...known, ...facts }
      }),
    read: () => known
  })
})
