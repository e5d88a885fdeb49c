/**
 * Time that moves only when nothing can run. There is one time for the whole world, and a clock for each life of the
 * server, whose sleepers end with it.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"

/** Node's timers overflow beyond it, and Effect's clock then never wakes the sleeper; nor does this one. */
const LONGEST_TIMER_MS = 2 ** 31 - 1
const NANOS_PER_MS = 1_000_000n

/** When the world begins, on its wall clock: a date, so that nobody mistakes 0 for "never". */
const EPOCH_MS = 1_800_000_000_000

export class VirtualTime {
  /** Milliseconds since the world began; only ever grows. */
  now = 0
  /** What the wall clock is ahead of that. */
  offset = EPOCH_MS

  get wall(): number {
    return this.now + this.offset
  }
}

interface Sleeper {
  readonly at: number
  readonly order: number
  wake: (() => void) | undefined
}

const isBefore = (one: Sleeper, other: Sleeper): boolean =>
  one.at < other.at || (one.at === other.at && one.order < other.order)

/** The clock of one life: an ordered heap of sleepers. Whole milliseconds, as Node's timers have them. */
export class VirtualClock implements Clock.Clock {
  readonly [Clock.ClockTypeId]: Clock.ClockTypeId = Clock.ClockTypeId
  private readonly heap: Array<Sleeper> = []
  private order = 0
  private readonly time: VirtualTime

  constructor(time: VirtualTime) {
    this.time = time
  }

  unsafeCurrentTimeMillis(): number {
    return this.time.wall
  }

  /** Monotonic, as Effect's own: a clock that is set moves the milliseconds only. */
  unsafeCurrentTimeNanos(): bigint {
    return BigInt(EPOCH_MS + this.time.now) * NANOS_PER_MS
  }

  readonly currentTimeMillis = Effect.sync(() => this.unsafeCurrentTimeMillis())
  readonly currentTimeNanos = Effect.sync(() => this.unsafeCurrentTimeNanos())

  sleep(duration: Duration.Duration): Effect.Effect<void> {
    return Effect.async((resume) => {
      const ms = Duration.toMillis(duration)
      if (ms > LONGEST_TIMER_MS) return
      const sleeper: Sleeper = {
        at: Math.ceil(this.time.now + Math.max(0, ms)),
        order: this.order++,
        wake: () => resume(Effect.void)
      }
      this.push(sleeper)
      return Effect.sync(() => {
        sleeper.wake = undefined
      })
    })
  }

  /** When the next sleeper is due; Infinity if nobody sleeps. */
  get nextDue(): number {
    for (let head = this.heap[0]; head !== undefined; head = this.heap[0]) {
      if (head.wake !== undefined) return head.at
      this.pop()
    }
    return Infinity
  }

  /** Wakes everybody who is due. */
  wakeDue(): void {
    while (this.nextDue <= this.time.now) this.pop()?.wake?.()
  }

  /** Nobody wakes any more. */
  clear(): void {
    this.heap.length = 0
  }

  private push(sleeper: Sleeper): void {
    const { heap } = this
    let index = heap.push(sleeper) - 1
    while (index > 0) {
      const above = (index - 1) >> 1
      const parent = heap[above]
      if (parent === undefined || !isBefore(sleeper, parent)) break
      heap[index] = parent
      index = above
    }
    heap[index] = sleeper
  }

  private pop(): Sleeper | undefined {
    const { heap } = this
    const head = heap[0]
    const last = heap.pop()
    if (head === undefined || last === undefined || head === last) return head
    let index = 0
    for (;;) {
      let least = 2 * index + 1
      const left = heap[least]
      if (left === undefined) break
      const right = heap[least + 1]
      let child = left
      if (right !== undefined && isBefore(right, left)) {
        least++
        child = right
      }
      if (!isBefore(child, last)) break
      heap[index] = child
      index = least
    }
    heap[index] = last
    return head
  }
}
