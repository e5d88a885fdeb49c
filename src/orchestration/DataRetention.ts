/**
 * The local data of a removed workspace outlives it for a while, so that an accidental delete costs nothing, and then
 * goes. Data of a workspace that is desired again, or that is open, is never touched.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import { stopwatch } from "../controller/Elapsed.ts"
import * as Supervised from "../controller/Supervised.ts"
import { EventProcessor } from "../stores/EventProcessor.ts"
import { StoreManager } from "../stores/StoreManager.ts"
import { DesiredState } from "../workspaces/DesiredState.ts"
import { StateStore } from "./StateStore.ts"

export interface Options {
  /** How long the data is kept after the removal, in milliseconds (`STORE_DATA_RETENTION_MS`). */
  readonly retentionMs: number
}

/** The collection runs four times in a retention, but no more often and no more seldom than this. */
const MIN_INTERVAL_MS = 1_000
const MAX_INTERVAL_MS = 600_000

const purging = (storeId: string, durationMs: number) => ({
  category: "workspace_orchestration",
  operation: "purge",
  storeId,
  durationMs
})

export const layer = (
  options: Options
): Layer.Layer<never, never, StateStore | StoreManager | EventProcessor | DesiredState> =>
  Layer.scopedDiscard(
    Effect.gen(function* () {
      const state = yield* StateStore
      const manager = yield* StoreManager
      const processor = yield* EventProcessor
      const desired = yield* DesiredState

      const collect = (storeId: string) =>
        Effect.gen(function* () {
          const elapsedMs = yield* stopwatch
          // The manager has the last word: only it knows whether the store is open, or is going to be.
          const isGone = desired.get(storeId)._tag === "Unknown" && (yield* manager.purge(storeId))
          if (isGone) {
            yield* processor.forget(storeId)
            yield* state.transitions.forget(storeId)
            yield* Effect.logInfo("workspace_orchestration.data_deleted").pipe(
              Effect.annotateLogs(purging(storeId, Math.round(yield* elapsedMs)))
            )
          }
          yield* state.retired.remove(storeId)
        })

      /** One that cannot be deleted must not keep the others. */
      const collectOrLog = (storeId: string) =>
        Effect.flatMap(stopwatch, (elapsedMs) =>
          Effect.catchAllCause(collect(storeId), (cause) =>
            Effect.gen(function* () {
              const durationMs = Math.round(yield* elapsedMs)
              yield* Effect.logError("workspace_orchestration.purge_failed", cause).pipe(
                Effect.annotateLogs(purging(storeId, durationMs))
              )
            })
          )
        )

      const intervalMs = Math.min(MAX_INTERVAL_MS, Math.max(MIN_INTERVAL_MS, options.retentionMs / 4))
      const collectDue = Effect.gen(function* () {
        const now = yield* Clock.currentTimeMillis
        const due = yield* state.retired.before(now - options.retentionMs)
        yield* Effect.forEach(due, collectOrLog, { discard: true })
      })
      yield* Supervised.run("data-retention", Effect.repeat(collectDue, Schedule.spaced(intervalMs)))
    })
  )
