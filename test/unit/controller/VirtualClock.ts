import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"

interface Sleeper {
  readonly at: number
  readonly wake: () => void
}

/** Node's timers overflow beyond it, and Effect's clock then never wakes the sleeper; nor does this one. */
const LONGEST_TIMER_MS = 2 ** 31 - 1

/** Turns of the event loop in which the fibers of a test come to rest; generous, since a turn costs microseconds. */
const TURNS = 4
const rest = Effect.replicateEffect(
  Effect.async<void>((resume) => {
    setImmediate(() => resume(Effect.void))
  }),
  TURNS,
  { discard: true }
)

/**
 * A clock that stands still until `advance`, which wakes each sleeper at its own time. Effect's TestClock does the same,
 * with some ten real milliseconds for each step: too slow for hundreds of steps.
 */
export class VirtualClock implements Clock.Clock {
  readonly [Clock.ClockTypeId]: Clock.ClockTypeId = Clock.ClockTypeId
  private now = 0
  private readonly sleepers = new Set<Sleeper>()

  unsafeCurrentTimeMillis(): number {
    return this.now
  }

  unsafeCurrentTimeNanos(): bigint {
    return BigInt(Math.round(this.now * 1_000_000))
  }

  readonly currentTimeMillis = Effect.sync(() => this.unsafeCurrentTimeMillis())

  readonly currentTimeNanos = Effect.sync(() => this.unsafeCurrentTimeNanos())

  sleep(duration: Duration.Duration): Effect.Effect<void> {
    return Effect.async((resume) => {
      const ms = Duration.toMillis(duration)
      if (ms > LONGEST_TIMER_MS) return
      const sleeper = { at: this.now + ms, wake: () => resume(Effect.void) }
      this.sleepers.add(sleeper)
      return Effect.sync(() => this.sleepers.delete(sleeper))
    })
  }

  advance(ms: number): Effect.Effect<void> {
    return Effect.gen(this, function* () {
      const end = this.now + ms
      for (;;) {
        yield* rest
        const next = Math.min(...Array.from(this.sleepers, ({ at }) => at))
        if (next > end) break
        this.now = Math.max(this.now, next)
        for (const sleeper of this.sleepers) {
          if (sleeper.at <= this.now && this.sleepers.delete(sleeper)) sleeper.wake()
        }
      }
      this.now = end
    })
  }
}
