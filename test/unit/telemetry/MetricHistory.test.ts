import { it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/TestClock"
import { expect } from "vitest"
import * as Clock from "effect/Clock"
import { counters, gauge } from "../../../src/telemetry/Metrics.ts"
import * as MetricHistory from "../../../src/telemetry/MetricHistory.ts"

const HOUR = 3_600_000
const counted = counters("test_history_total", "Of this test", ["kind"])
const stall = gauge("test_history_stall", "Of this test")
const lag = gauge("test_history_lag", "Of this test")

it.scoped("says by how much counters grew in the window, and forgets what is older", () =>
  Effect.gen(function* () {
    counted("old").add(100)
    const history = yield* MetricHistory.make({
      counters: ["test_history_total"],
      gauges: ["test_history_lag"],
      windowMs: 24 * HOUR,
      everyMs: HOUR
    })
    const now = Clock.currentTimeMillis
    const grown = Effect.map(now, (at) =>
      history.growth("test_history_total", at).map(({ count, labels }) => [labels["kind"], count])
    )
    // What was counted before it looked is not of this process' day.
    expect(yield* grown).toEqual([])
    expect(history.highest("test_history_lag", yield* now)).toBeUndefined()

    yield* TestClock.adjust(10 * HOUR)
    counted("old").add(2)
    counted("new").add(1)
    lag.set(7)
    expect(yield* grown).toEqual([
      ["old", 2],
      ["new", 1]
    ])
    expect(history.since(yield* now)).toBe(0)

    yield* TestClock.adjust(HOUR)
    lag.set(1)
    yield* TestClock.adjust(12 * HOUR)
    counted("new").add(1)
    expect(history.highest("test_history_lag", yield* now)).toBe(7)
    expect(yield* grown).toEqual([
      ["old", 2],
      ["new", 2]
    ])

    yield* TestClock.adjust(13 * HOUR)
    expect(yield* grown).toEqual([["new", 1]])
    expect(history.highest("test_history_lag", yield* now)).toBe(1)
    expect(history.since(yield* now)).toBe((yield* now) - 24 * HOUR)
  })
)

it.scoped("forgets what is older although the wall clock was set back by a year", () =>
  Effect.gen(function* () {
    const clock = yield* Effect.clock
    let aheadMs = 365 * 24 * HOUR
    const wall: Clock.Clock = {
      [Clock.ClockTypeId]: Clock.ClockTypeId,
      unsafeCurrentTimeMillis: () => clock.unsafeCurrentTimeMillis() + aheadMs,
      unsafeCurrentTimeNanos: () => clock.unsafeCurrentTimeNanos(),
      currentTimeMillis: Effect.map(clock.currentTimeMillis, (now) => now + aheadMs),
      currentTimeNanos: clock.currentTimeNanos,
      sleep: (duration) => clock.sleep(duration)
    }
    const history = yield* Effect.withClock(
      MetricHistory.make({
        counters: [],
        gauges: ["test_history_stall"],
        windowMs: 4 * HOUR,
        everyMs: HOUR
      }),
      wall
    )
    stall.set(7)
    yield* TestClock.adjust(2 * HOUR)
    stall.set(1)
    aheadMs = 0
    yield* TestClock.adjust(10 * HOUR)
    expect(history.highest("test_history_stall", clock.unsafeCurrentTimeMillis())).toBe(1)
  })
)
