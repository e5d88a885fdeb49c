import { describe, expect, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/TestClock"
import * as ReplayMap from "../../../src/http/ReplayMap.ts"

const counting = () => {
  let runs = 0
  return { run: Effect.sync(() => ++runs), runs: () => runs }
}

describe("the replay map", () => {
  it.effect("runs once under an id, and remembers the outcome", () =>
    Effect.gen(function* () {
      const { run } = counting()
      const map = ReplayMap.make<number>()
      expect(yield* map.once("a", run)).toEqual({ outcome: 1, isFirst: true })
      expect(yield* map.once("a", run)).toEqual({ outcome: 1, isFirst: false })
      expect(yield* map.once("b", run)).toEqual({ outcome: 2, isFirst: true })
    })
  )

  it.effect("forgets after its time, measured from the first delivery", () =>
    Effect.gen(function* () {
      const { run, runs } = counting()
      const map = ReplayMap.make<number>({ ttlMs: 1_000 })
      yield* map.once("a", run)
      yield* TestClock.adjust("999 millis")
      yield* map.once("a", run)
      expect(runs()).toBe(1)
      yield* TestClock.adjust("1 millis")
      yield* map.once("a", run)
      expect(runs()).toBe(2)
    })
  )

  it.effect("forgets the oldest when it is full, and only that", () =>
    Effect.gen(function* () {
      const { run } = counting()
      const map = ReplayMap.make<number>({ capacity: 3 })
      for (const id of ["a", "b", "c", "d"]) yield* map.once(id, run)
      const isFirst = (id: string) => Effect.map(map.once(id, run), (replayed) => replayed.isFirst)
      expect([yield* isFirst("b"), yield* isFirst("c"), yield* isFirst("d")]).toEqual([false, false, false])
      expect(yield* isFirst("a")).toBe(true)
    })
  )

  it.effect("lets those that come meanwhile share the one outcome", () =>
    Effect.gen(function* () {
      const latch = yield* Deferred.make<void>()
      const { run, runs } = counting()
      const map = ReplayMap.make<number>()
      const slow = Effect.zipRight(Deferred.await(latch), run)
      const fibers = yield* Effect.forEach([1, 2, 3], () => Effect.fork(map.once("a", slow)))
      yield* Effect.yieldNow()
      yield* Deferred.succeed(latch, undefined)
      const replayed = yield* Effect.forEach(fibers, Fiber.join)
      expect(replayed.map(({ isFirst }) => isFirst)).toEqual([true, false, false])
      expect(runs()).toBe(1)
    })
  )

  it.effect("forgets what failed or was interrupted, and one of those that waited runs its own", () =>
    Effect.gen(function* () {
      const { run, runs } = counting()
      const map = ReplayMap.make<number>()
      expect(yield* Effect.flip(map.once("a", Effect.fail("no")))).toBe("no")
      expect(yield* map.once("a", run)).toEqual({ outcome: 1, isFirst: true })
      const first = yield* Effect.fork(map.once("b", Effect.never))
      yield* Effect.yieldNow()
      const waiting = yield* Effect.forEach([1, 2, 3], () => Effect.fork(map.once("b", run)))
      yield* Effect.yieldNow()
      yield* Fiber.interrupt(first)
      const replayed = yield* Effect.forEach(waiting, Fiber.join)
      expect(replayed.filter(({ isFirst }) => isFirst)).toHaveLength(1)
      expect(runs()).toBe(2)
    })
  )
})
