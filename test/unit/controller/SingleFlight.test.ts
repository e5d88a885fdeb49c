import { describe, expect, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as SingleFlight from "../../../src/controller/SingleFlight.ts"

const settled = Effect.yieldNow().pipe(Effect.repeatN(50))

describe("a single flight", () => {
  it.scoped("is shared by all who ask while it runs, and begins anew for who asks after it", () =>
    Effect.gen(function* () {
      let runs = 0
      const gate = yield* Deferred.make<void>()
      const shared = yield* SingleFlight.make(
        Effect.zipRight(
          Effect.sync(() => runs++),
          Effect.as(Deferred.await(gate), "done")
        )
      )
      const asking = yield* Effect.fork(Effect.replicateEffect(shared, 5, { concurrency: "unbounded" }))
      yield* settled
      yield* Deferred.succeed(gate, undefined)
      expect(yield* Fiber.join(asking)).toEqual(["done", "done", "done", "done", "done"])
      expect(runs).toBe(1)
      yield* settled
      yield* shared
      expect(runs).toBe(2)
    })
  )

  it.scoped("ends for nobody else when who asked first is interrupted, at whatever moment", () =>
    Effect.gen(function* () {
      // A fiber lets others run after so many steps: what it does before moves that moment through the call.
      const budget = 64
      for (let before = 0; before < budget; before++) {
        const shared = yield* SingleFlight.make(Effect.yieldNow())
        const late = Array.from({ length: before }).reduce<Effect.Effect<void>>(
          (all) => Effect.flatMap(all, () => Effect.void),
          Effect.void
        )
        const first = yield* Effect.fork(Effect.withMaxOpsBeforeYield(Effect.zipRight(late, shared), budget))
        yield* Effect.yieldNow()
        yield* Fiber.interrupt(first)
        const second = yield* Effect.fork(shared)
        yield* settled
        expect([before, second.unsafePoll()]).toEqual([before, Exit.void])
      }
    })
  )
})
