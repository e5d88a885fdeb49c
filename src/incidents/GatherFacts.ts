/** The facts of incidents, read off the running loop: as much work as there is trouble. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as CircuitBreaker from "../controller/CircuitBreaker.ts"
import { Lockdown } from "../orchestration/Lockdown.ts"
import { Pauses } from "../orchestration/Pauses.ts"
import { StateStore } from "../orchestration/StateStore.ts"
import { WorkspaceController } from "../orchestration/WorkspaceController.ts"
import { EventProcessor } from "../stores/EventProcessor.ts"
import { DesiredState } from "../workspaces/DesiredState.ts"
import { MAX_STORE_IDS, type Facts } from "./incidentsOf.ts"

/** The first of both, those that have drifted longest first: they were put in as time went by. */
const longest = (
  missing: ReadonlyMap<string, number>,
  orphaned: ReadonlyMap<string, number>
): ReadonlyArray<string> => {
  const first = (times: ReadonlyMap<string, number>): ReadonlyArray<readonly [string, number]> => {
    const some: Array<readonly [string, number]> = []
    for (const entry of times) {
      if (some.length === MAX_STORE_IDS) break
      some.push(entry)
    }
    return some
  }
  return [...first(missing), ...first(orphaned)]
    .sort(([, one], [, other]) => one - other)
    .map(([storeId]) => storeId)
}

export const make = (breakers: ReadonlyArray<CircuitBreaker.CircuitBreaker>) =>
  Effect.gen(function* () {
    const controller = yield* WorkspaceController
    const desired = yield* DesiredState
    const processor = yield* EventProcessor
    const lockdown = yield* Lockdown
    const pauses = yield* Pauses
    const state = yield* StateStore

    return Effect.gen(function* () {
      const now = yield* Clock.currentTimeMillis
      const { plan, tripped } = yield* controller.verdict
      const statuses = yield* Effect.forEach(breakers, ({ status }) => status)
      const { missing, orphaned } = controller.drift
      const facts: Facts = {
        now,
        convergence: {
          notConvergedForMs: controller.convergence().notConvergedForMs,
          missing: missing.size,
          orphaned: orphaned.size,
          storeIds: longest(missing, orphaned)
        },
        guard: tripped && plan !== null ? { planHash: plan.hash, storeIds: plan.storeIds } : null,
        openBreakers: statuses.flatMap((breaker) => (breaker.state === "closed" ? [] : [breaker.name])),
        source: { name: desired.view().source, fresh: controller.isFresh() },
        storageHealthy: state.health().healthy,
        pauses: pauses.list(),
        lockedDownSince: lockdown.current()?.since ?? null,
        parkedMessages: processor.totals().parkedUserMessages
      }
      return facts
    })
  })
