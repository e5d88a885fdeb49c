import { describe, expect, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Ref from "effect/Ref"
import * as Schedule from "effect/Schedule"
import * as TestClock from "effect/TestClock"
import { punctual } from "../../../src/stores/livestore/PunctualClock.ts"

/** Node's timers, as they are at times: a long one ends a millisecond early. */
const early = (clock: Clock.Clock): Clock.Clock => ({
  ...punctual(clock),
  sleep: (duration) => {
    const millis = Duration.toMillis(duration)
    return clock.sleep(Duration.millis(millis > 10 ? millis - 1 : millis))
  }
})

/** How often LiveStore's schedule of pings runs in a minute on a clock, the first at once. */
const pingsInAMinute = (clockOf: (clock: Clock.Clock) => Clock.Clock) =>
  Effect.gen(function* () {
    const clock = yield* Effect.clock
    const pings = yield* Ref.make(0)
    const pinging = yield* Ref.update(pings, (count) => count + 1).pipe(
      Effect.schedule(Schedule.fixed("10 seconds")),
      Effect.withClock(clockOf(clock)),
      Effect.fork
    )
    yield* TestClock.adjust("61 seconds")
    yield* Fiber.interrupt(pinging)
    return yield* Ref.get(pings)
  })

describe("the punctual clock", () => {
  it.effect("keeps a fixed schedule from running twice when the timers are early", () =>
    Effect.gen(function* () {
      expect(yield* pingsInAMinute(early)).toBeGreaterThan(6)
      expect(yield* pingsInAMinute((clock) => punctual(early(clock)))).toBe(6)
    })
  )

  it.effect("tells the same time", () =>
    Effect.gen(function* () {
      yield* TestClock.adjust("5 seconds")
      const clock = yield* Effect.clock
      expect(yield* Clock.currentTimeMillis.pipe(Effect.withClock(punctual(clock)))).toBe(5_000)
      expect(punctual(clock).unsafeCurrentTimeMillis()).toBe(5_000)
    })
  )
})
