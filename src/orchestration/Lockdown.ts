/**
 * The lockdown: while it stands, nothing that comes from outside changes anything. The loop itself goes on, for what the
 * source of truth says is still true (law 12); `Pauses` hold it. A lockdown survives restarts and never ends by itself.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { gauge } from "../telemetry/Metrics.ts"
import { StateStore, type LockdownState, type StateWriteFailed } from "./StateStore.ts"

export class Lockdown extends Context.Tag("workspace-orchestrator/orchestration/Lockdown")<
  Lockdown,
  {
    /** Undefined: nothing is locked down. */
    readonly current: () => LockdownState | undefined
    /** Locks down, once that is written, or leaves the lockdown that stands as it is. Answers the one that stands now. */
    readonly lock: (lockdown: LockdownState) => Effect.Effect<LockdownState, StateWriteFailed>
    /** Lifts it; answers what was lifted, if anything. */
    readonly lift: Effect.Effect<LockdownState | undefined, StateWriteFailed>
  }
>() {}

const locked = gauge("wso_lockdown", "1 while webhooks and the admin API are locked down")

export const make = Effect.gen(function* () {
  const { lockdown: store } = yield* StateStore
  let current = yield* store.load
  locked.set(current === undefined ? 0 : 1)
  return Lockdown.of({
    current: () => current,
    lock: (lockdown) =>
      Effect.suspend(() => {
        // Written again: the file may have been replaced since, and then a restart would end it.
        const standing = current ?? lockdown
        return Effect.zipRight(
          store.save(standing),
          Effect.sync(() => {
            current = standing
            locked.set(1)
            return standing
          })
        )
      }).pipe(Effect.uninterruptible),
    lift: Effect.suspend(() => {
      const lifted = current
      return Effect.zipRight(
        store.remove,
        Effect.sync(() => {
          current = undefined
          locked.set(0)
          return lifted
        })
      )
    }).pipe(Effect.uninterruptible)
  })
})

export const layer: Layer.Layer<Lockdown, never, StateStore> = Layer.effect(Lockdown, make)
