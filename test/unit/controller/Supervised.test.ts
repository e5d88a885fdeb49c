import { describe, expect, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as TestClock from "effect/TestClock"
import * as Supervised from "../../../src/controller/Supervised.ts"

const viewOf = (name: string) => Effect.map(Supervised.view, (all) => all.find((one) => one.name === name))

/** A log that throws at every line, as one whose disk is full once did. */
const throwing = Logger.replace(
  Logger.defaultLogger,
  Logger.make(() => {
    throw new Error("ENOSPC")
  })
)

describe("a supervised fiber", () => {
  it.scoped("runs again after it has ended, failed and died, though the log throws each time", () =>
    Effect.gen(function* () {
      let runs = 0
      const endings = [Effect.void, Effect.fail("no"), Effect.die(new Error("defect"))]
      yield* Supervised.run(
        "loop",
        Effect.suspend((): Effect.Effect<unknown, string> => endings[runs++] ?? Effect.never)
      )
      yield* TestClock.adjust("1 minute")
      expect(runs).toBe(4)
      expect(yield* viewOf("loop")).toMatchObject({ isRunning: true, restarts: 3, lastReason: "died" })
    }).pipe(Effect.provide([Supervised.layer, throwing]))
  )

  it.scoped("waits longer before each restart, up to a bound", () =>
    Effect.gen(function* () {
      let runs = 0
      yield* Supervised.run(
        "loop",
        Effect.sync(() => runs++)
      )
      yield* TestClock.adjust("10 minutes")
      expect(runs).toBeGreaterThan(15)
      expect(runs).toBeLessThan(40)
    }).pipe(Effect.provide(Supervised.layer))
  )

  it.scoped("is started again when it has begun no run in time, and is told to stand still meanwhile", () =>
    Effect.gen(function* () {
      let runs = 0
      const hangs = yield* Deferred.make<void>()
      yield* Supervised.run("loop", ({ beat }) =>
        Effect.suspend(() => {
          runs++
          return Effect.zipRight(beat(3_000), runs === 1 ? Deferred.await(hangs) : Effect.sleep(1_000))
        }).pipe(Effect.repeat({ while: () => true }))
      )
      yield* TestClock.adjust("2 seconds")
      expect(yield* viewOf("loop")).toMatchObject({ isStalled: false, restarts: 0 })
      yield* TestClock.adjust("10 seconds")
      expect(yield* viewOf("loop")).toMatchObject({ isStalled: false, restarts: 1, lastReason: "stalled" })
      expect(runs).toBeGreaterThan(3)
    }).pipe(Effect.provide(Supervised.layer))
  )

  it.scoped("is replaced though what stands still cannot be interrupted", () =>
    Effect.gen(function* () {
      let runs = 0
      yield* Supervised.run("loop", ({ beat }) =>
        Effect.suspend(() =>
          Effect.zipRight(
            beat(3_000),
            ++runs === 1 ? Effect.uninterruptible(Effect.sleep("2 minutes")) : Effect.sleep("1 second")
          )
        ).pipe(Effect.forever)
      )
      yield* TestClock.adjust("1 minute")
      expect(runs).toBeGreaterThan(10)
      yield* TestClock.adjust("2 minutes")
    }).pipe(Effect.provide(Supervised.layer))
  )

  it.effect("ends with its scope, and is no part of the view any more", () =>
    Effect.gen(function* () {
      let isOver = false
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* Supervised.run(
            "loop",
            Effect.onInterrupt(Effect.never, () => Effect.sync(() => (isOver = true)))
          )
          yield* TestClock.adjust("1 second")
          expect(yield* viewOf("loop")).toMatchObject({ isRunning: true })
        })
      )
      expect(isOver).toBe(true)
      expect(yield* viewOf("loop")).toBeUndefined()
    }).pipe(Effect.provide(Supervised.layer))
  )
})
