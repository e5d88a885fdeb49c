/**
 * What operators have paused: the whole loop, or single workspaces. A pause says who, why and until when, survives
 * restarts, and ends by itself when it expires.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { isOver, monotonicMsOf } from "../controller/Elapsed.ts"
import { StateStore, type Pause, type StateWriteFailed } from "./StateStore.ts"

export class Pauses extends Context.Tag("workspace-orchestrator/orchestration/Pauses")<
  Pauses,
  {
    /** The pause that holds the workspace now: its own, else the loop's. */
    readonly holding: (storeId: string) => Pause | undefined
    /** The pauses that have not expired; the loop's has no `storeId`. */
    readonly list: () => ReadonlyArray<Pause>
    /** Pauses, once that is written: a pause that a restart would end is none. */
    readonly pause: (pause: Pause) => Effect.Effect<void, StateWriteFailed>
    /** Ends a pause, once that is written; false if there was none. */
    readonly resume: (storeId: string | null) => Effect.Effect<boolean, StateWriteFailed>
  }
>() {}

export const make = Effect.gen(function* () {
  const store = yield* StateStore
  const clock = yield* Effect.clock
  const pauses = new Map((yield* store.pauses.load).map((pause) => [pause.storeId, pause]))
  /** When each ends on the clock that only goes forward: one that is set must neither extend a pause nor end it. */
  const endsAt = new WeakMap<Pause, number>()
  const hold = (pause: Pause): void => {
    if (pause.expiresAt === null) return
    const now = clock.unsafeCurrentTimeMillis()
    const left = isOver(pause.since, pause.expiresAt - pause.since, now) ? 0 : pause.expiresAt - now
    endsAt.set(pause, monotonicMsOf(clock) + left)
  }
  for (const pause of pauses.values()) hold(pause)

  const isActive = (pause: Pause): boolean => (endsAt.get(pause) ?? Infinity) > monotonicMsOf(clock)
  const active = (storeId: string | null): Pause | undefined => {
    const pause = pauses.get(storeId)
    return pause !== undefined && isActive(pause) ? pause : undefined
  }

  return Pauses.of({
    holding: (storeId) => (pauses.size === 0 ? undefined : (active(storeId) ?? active(null))),
    list: () => [...pauses.values()].filter(isActive),
    pause: (pause) =>
      Effect.zipRight(
        store.pauses.save(pause),
        Effect.sync(() => {
          hold(pause)
          pauses.set(pause.storeId, pause)
        })
      ).pipe(Effect.uninterruptible),
    resume: (storeId) =>
      Effect.suspend(() => {
        const wasActive = active(storeId) !== undefined
        return Effect.zipRight(
          store.pauses.remove(storeId),
          Effect.sync(() => {
            pauses.delete(storeId)
            return wasActive
          })
        )
      }).pipe(Effect.uninterruptible)
  })
})

export const layer: Layer.Layer<Pauses, never, StateStore> = Layer.effect(Pauses, make)
