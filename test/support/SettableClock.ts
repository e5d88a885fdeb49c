import * as Effect from "effect/Effect"
import type * as Clock from "effect/Clock"

/** The clock of the test with a wall time that may be set, back and forth; the monotonic one goes on as it was. */
export const settableClock = Effect.map(Effect.clock, (clock) => {
  let offsetMs = 0
  const wall = (): number => clock.unsafeCurrentTimeMillis() + offsetMs
  const set: Partial<Clock.Clock> = {
    unsafeCurrentTimeMillis: wall,
    currentTimeMillis: Effect.sync(wall),
    unsafeCurrentTimeNanos: () => clock.unsafeCurrentTimeNanos(),
    currentTimeNanos: Effect.sync(() => clock.unsafeCurrentTimeNanos())
  }
  const made = new Proxy(clock, {
    get: (target, property): unknown => {
      const overridden: unknown = Reflect.get(set, property)
      return overridden ?? Reflect.get(target, property, target)
    }
  })
  return { clock: made, set: (byMs: number) => (offsetMs += byMs) }
})
