import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as TestClock from "effect/TestClock"
import { type Knock, KNOCK_INTERVAL_MS, Knocks, layer, OTHERS } from "../../../src/http/Knocks.ts"
import * as StateStore from "../../../src/orchestration/StateStore.ts"

const knock: Knock = { door: "admin", reason: "wrong", address: "203.0.113.7", path: "/admin/plan" }

/** Runs with a fresh trail; `told` reads the details of its records, oldest first. */
const world = <A, E>(
  program: (told: Effect.Effect<ReadonlyArray<readonly [string, string]>>) => Effect.Effect<A, E, Knocks>
) =>
  Effect.gen(function* () {
    const { audit } = yield* StateStore.StateStore
    const told = Effect.map(audit.read({ limit: 1_000, before: null, action: "access.refused" }), (records) =>
      records.toReversed().map(({ address, detail }) => [address, detail] as const)
    )
    return yield* program(told).pipe(Effect.provide(layer))
  }).pipe(
    Effect.provide(Layer.merge(StateStore.layerMemory, Logger.replace(Logger.defaultLogger, Logger.none)))
  )

describe("who knocked", () => {
  it.scoped(
    "is told at once, and then once an interval with the count, also when nothing comes any more",
    () =>
      world((told) =>
        Effect.gen(function* () {
          const { knocked } = yield* Knocks
          for (let time = 0; time < 100; time++) yield* knocked(knock)
          expect(yield* told).toEqual([["203.0.113.7", "wrong once, /admin/plan"]])
          yield* TestClock.adjust(KNOCK_INTERVAL_MS)
          expect(yield* told).toEqual([
            ["203.0.113.7", "wrong once, /admin/plan"],
            ["203.0.113.7", "wrong 99 times, /admin/plan"]
          ])
          yield* TestClock.adjust(10 * KNOCK_INTERVAL_MS)
          expect(yield* told).toHaveLength(2)
          yield* knocked(knock)
          expect((yield* told).at(-1)).toEqual(["203.0.113.7", "wrong once, /admin/plan"])
        })
      )
  )

  it.scoped("is one for all addresses of an IPv6 subscriber, and another for another reason", () =>
    world((told) =>
      Effect.gen(function* () {
        const { knocked } = yield* Knocks
        yield* knocked({ ...knock, address: "2001:db8::1" })
        yield* knocked({ ...knock, address: "2001:db8::2" })
        yield* knocked({ ...knock, address: "2001:db8::3", reason: "locked-out" })
        expect((yield* told).map(([address]) => address)).toEqual(["2001:db8::1", "2001:db8::3"])
      })
    )
  )

  it.scoped("cannot fill the trail from many addresses: none is lost from the count", () =>
    world((told) =>
      Effect.gen(function* () {
        const { knocked } = yield* Knocks
        for (let address = 0; address < 5_000; address++) {
          yield* knocked({ ...knock, address: `203.0.${address >> 8}.${address & 0xff}` })
        }
        expect((yield* told).length).toBeLessThan(100)
        yield* TestClock.adjust(2 * KNOCK_INTERVAL_MS)
        const all = yield* told
        const counts = all.map(([, detail]) => Number(/(\d+) times/.exec(detail)?.[1] ?? 1))
        expect(counts.reduce((sum, count) => sum + count, 0)).toBe(5_000)
        expect(all.some(([address]) => address === OTHERS)).toBe(true)
      })
    )
  )
})
