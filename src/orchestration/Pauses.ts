/**
 * What operators have paused: the whole loop, or single workspaces. A pause says who, why and until when, survives
 * restarts, and ends by itself when it expires.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { isOver, monotonicMsOf } from "../controller/Elapsed.ts"
import { StateStore, type Pause } from "./StateStore.ts"

export class Pauses extends Context.Tag("workspace-orchestrator/orchestration/Pauses")<
  Pauses,
  {
    /** The pause that holds the workspace now: its own, else the loop's. */
    readonly holding: (storeId: string) => Pause | undefined
    /** The pauses that have not expired; the loop's has no `storeId`. */
    readonly list: () => ReadonlyArray<Pause>
    readonly pause: (pause: Pause) => Effect.Effect<void>
    /** Ends a pause; false if there was none. */
    readonly resume: (storeId: string | null) => Effect.Effect<boolean>
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
      Effect.suspend(() => {
        hold(pause)
        pauses.set(pause.storeId, pause)
        return store.pauses.save(pause)
      }),
    resume: (storeId) =>
      Effect.suspend(() => {
        const wasActive = active(storeId) !== undefined
        pauses.delete(storeId)
        return Effect.as(store.pauses.remove(storeId), wasActive)
      })
  })
})

export const layer: Layer.Layer<Pauses, never, StateStore> = Layer.effect(Pauses, make)
