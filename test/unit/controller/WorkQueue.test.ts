import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as TestClock from "effect/TestClock"
import * as WorkQueue from "../../../src/controller/WorkQueue.ts"
import { VirtualClock } from "./VirtualClock.ts"
import { AGING_INTERVAL } from "../../../src/controller/internal/QueueCore.ts"

/** No jitter, so that the times are exact: 1 s, 2 s, 4 s, … 60 s. */
const backoff = { baseMs: 1_000, maxMs: 60_000, jitter: 0 }
const make = WorkQueue.make({ backoff })

const takeKey = (queue: WorkQueue.WorkQueue) =>
  Effect.map(queue.take, (taken) => Option.getOrUndefined(taken)?.key)

/** Takes all that is ready, gives it back, and answers the keys in the order in which they came. */
const takeAll = (queue: WorkQueue.WorkQueue) =>
  Effect.gen(function* () {
    const keys: Array<string> = []
    while ((yield* queue.stats).ready > 0) {
      const key = yield* takeKey(queue)
      if (key === undefined) break
      keys.push(key)
      yield* queue.done(key)
    }
    return keys
  })

const tagOf = (queue: WorkQueue.WorkQueue, key: string) =>
  Effect.map(queue.inspect(key), ({ state }) => state._tag)

describe("WorkQueue: what client-go's queue promises", () => {
  it.scoped("hands out keys in the order of their adds", () =>
    Effect.gen(function* () {
      const queue = yield* make
      yield* queue.addAll(["a", "b", "c"])
      expect(yield* takeAll(queue)).toEqual(["a", "b", "c"])
    })
  )

  it.scoped("collapses adds of a key that is already queued", () =>
    Effect.gen(function* () {
      const queue = yield* make
      for (let i = 0; i < 10; i++) yield* queue.add("a")
      expect(yield* takeAll(queue)).toEqual(["a"])
      expect((yield* queue.stats).adds).toBe(1)
    })
  )

  it.scoped("does not hand out a key that is being processed, and hands it out once more after done", () =>
    Effect.gen(function* () {
      const queue = yield* make
      yield* queue.add("a")
      expect(yield* takeKey(queue)).toBe("a")
      yield* queue.add("a")
      expect((yield* queue.stats).ready).toBe(0)
      expect((yield* queue.inspect("a")).state).toMatchObject({ _tag: "Running", dirty: true })
      yield* queue.done("a")
      expect(yield* takeAll(queue)).toEqual(["a"])
    })
  )

  it.scoped("collapses all adds during processing into one more run", () =>
    Effect.gen(function* () {
      const queue = yield* make
      yield* queue.add("a")
      yield* queue.take
      for (let i = 0; i < 10; i++) yield* queue.add("a")
      yield* queue.done("a")
      expect(yield* takeAll(queue)).toEqual(["a"])
    })
  )

  it.scoped("takes a key again that is added after done", () =>
    Effect.gen(function* () {
      const queue = yield* make
      yield* queue.add("a")
      expect(yield* takeAll(queue)).toEqual(["a"])
      yield* queue.add("a")
      expect(yield* takeAll(queue)).toEqual(["a"])
    })
  )

  it.scoped("ignores a done of a key that nobody holds", () =>
    Effect.gen(function* () {
      const queue = yield* make
      yield* queue.add("a")
      yield* queue.done("a")
      yield* queue.done("never seen")
      expect(yield* takeAll(queue)).toEqual(["a"])
    })
  )

  it.scoped("wakes one waiting taker per key", () =>
    Effect.gen(function* () {
      const queue = yield* make
      const takers = yield* Effect.forEach([1, 2, 3], () => Effect.fork(takeKey(queue)))
      yield* TestClock.adjust(0)
      yield* queue.add("a")
      yield* queue.addAll(["b", "c"])
      expect(new Set(yield* Fiber.join(Fiber.all(takers)))).toEqual(new Set(["a", "b", "c"]))
    })
  )

  it.scoped("loses no key when a taker is interrupted just as it is woken", () =>
    Effect.gen(function* () {
      const queue = yield* make
      const first = yield* Effect.fork(queue.take)
      yield* TestClock.adjust(0)
      const second = yield* Effect.fork(takeKey(queue))
      yield* TestClock.adjust(0)
      yield* queue.add("a")
      yield* Fiber.interrupt(first)
      expect(yield* Fiber.join(second)).toBe("a")
    })
  )

  it.scoped("leaves no key behind in the books once it is settled", () =>
    Effect.gen(function* () {
      const queue = yield* make
      yield* queue.add("a")
      yield* queue.take
      yield* queue.retry("a")
      yield* queue.forget("a")
      yield* queue.done("a")
      expect(yield* queue.snapshot(10)).toEqual([])
      expect(yield* queue.inspect("a")).toEqual({ key: "a", state: { _tag: "Absent" }, failures: 0 })
    })
  )
})

describe("WorkQueue: shutdown", () => {
  it.scoped("drains: hands out what is ready, accepts nothing new, then ends the takers", () =>
    Effect.gen(function* () {
      const queue = yield* make
      yield* queue.addAll(["a", "b"])
      yield* queue.add("late", { afterMs: 1_000 })
      yield* queue.shutdown("drain")
      yield* queue.add("c")
      expect(yield* queue.isShuttingDown).toBe(true)
      expect(yield* takeAll(queue)).toEqual(["a", "b"])
      expect(Option.isNone(yield* queue.take)).toBe(true)
      yield* TestClock.adjust("1 minute")
      expect(Option.isNone(yield* queue.take)).toBe(true)
    })
  )

  it.scoped("drains a dirty key: it runs once more before the takers end", () =>
    Effect.gen(function* () {
      const queue = yield* make
      yield* queue.add("a")
      yield* queue.take
      yield* queue.add("a")
      yield* queue.shutdown("drain")
      yield* queue.add("a")
      yield* queue.done("a")
      expect(yield* takeAll(queue)).toEqual(["a"])
      expect(Option.isNone(yield* queue.take)).toBe(true)
    })
  )

  it.scoped("discards: takers end at once, a dirty key does not run again", () =>
    Effect.gen(function* () {
      const queue = yield* make
      yield* queue.addAll(["a", "b"])
      yield* queue.take
      yield* queue.add("a")
      yield* queue.shutdown("discard")
      expect(Option.isNone(yield* queue.take)).toBe(true)
      yield* queue.done("a")
      expect(Option.isNone(yield* queue.take)).toBe(true)
      expect(yield* queue.snapshot(10)).toEqual([])
    })
  )

  it.scoped("ends takers that wait for a key, or for a hand to become free", () =>
    Effect.gen(function* () {
      const queue = yield* make
      yield* queue.setLimit(1)
      yield* queue.addAll(["a", "b"])
      yield* queue.take
      const takers = yield* Effect.forEach([1, 2, 3], () => Effect.fork(takeKey(queue)))
      yield* TestClock.adjust(0)
      yield* queue.shutdown("drain")
      yield* TestClock.adjust(0)
      yield* queue.done("a")
      yield* TestClock.adjust(0)
      yield* queue.done("b")
      expect((yield* Fiber.join(Fiber.all(takers))).toSorted()).toEqual(["b", undefined, undefined])
    })
  )
})

describe("WorkQueue: delays", () => {
  it.scoped("hands out a delayed key when its time has come, not before", () =>
    Effect.gen(function* () {
      const queue = yield* make
      yield* queue.add("a", { afterMs: 1_000 })
      yield* TestClock.adjust(999)
      expect(yield* takeAll(queue)).toEqual([])
      yield* TestClock.adjust(1)
      expect(yield* takeAll(queue)).toEqual(["a"])
    })
  )

  it.scoped("keeps the earliest of several delays, whichever came first", () =>
    Effect.gen(function* () {
      const queue = yield* make
      yield* queue.add("a", { afterMs: 5_000 })
      yield* queue.add("a", { afterMs: 1_000 })
      yield* queue.add("a", { afterMs: 9_000 })
      yield* TestClock.adjust(1_000)
      expect(yield* takeAll(queue)).toEqual(["a"])
      yield* TestClock.adjust("1 minute")
      expect(yield* takeAll(queue)).toEqual([])
    })
  )

  it.scoped("takes an add without delay as the earliest, and forgets the delay", () =>
    Effect.gen(function* () {
      const queue = yield* make
      yield* queue.add("a", { afterMs: 5_000 })
      yield* queue.add("a")
      expect(yield* takeAll(queue)).toEqual(["a"])
      yield* TestClock.adjust("1 minute")
      expect((yield* queue.stats).adds).toBe(1)
    })
  )

  it.scoped("hands out delayed keys in the order of their times", () =>
    Effect.gen(function* () {
      const queue = yield* make
      for (const [key, afterMs] of [
        ["c", 3],
        ["a", 1],
        ["d", 4],
        ["b", 2]
      ] as const) {
        yield* queue.add(key, { afterMs })
      }
      yield* TestClock.adjust(10)
      expect(yield* takeAll(queue)).toEqual(["a", "b", "c", "d"])
    })
  )

  it.scoped("marks a running key dirty when its delay comes due", () =>
    Effect.gen(function* () {
      const queue = yield* make
      yield* queue.add("a")
      yield* queue.take
      yield* queue.add("a", { afterMs: 1_000 })
      yield* TestClock.adjust(1_000)
      expect((yield* queue.inspect("a")).state).toMatchObject({ _tag: "Running", dirty: true })
      yield* queue.done("a")
      expect(yield* takeAll(queue)).toEqual(["a"])
    })
  )

  it.scoped("keeps a delay far longer than a timer of JavaScript can be", () => {
    const clock = new VirtualClock()
    const day = 86_400_000
    return Effect.gen(function* () {
      const queue = yield* make
      yield* queue.add("a", { afterMs: 90 * day })
      yield* queue.add("b", { afterMs: day / 2 })
      yield* clock.advance(day / 2)
      expect(yield* takeAll(queue)).toEqual(["b"])
      yield* clock.advance(89 * day)
      expect(yield* takeAll(queue)).toEqual([])
      yield* clock.advance(day / 2)
      expect(yield* takeAll(queue)).toEqual(["a"])
    }).pipe(Effect.withClock(clock))
  })

  it.scoped("wakes a waiting taker when a delay comes due", () =>
    Effect.gen(function* () {
      const queue = yield* make
      const taker = yield* Effect.fork(takeKey(queue))
      yield* queue.add("a", { afterMs: 1_000 })
      yield* TestClock.adjust(1_000)
      expect(yield* Fiber.join(taker)).toBe("a")
    })
  )

  it.effect("runs its timer even when it was made where nothing can be interrupted", () =>
    Effect.gen(function* () {
      yield* Effect.scoped(
        Effect.gen(function* () {
          const queue = yield* Effect.uninterruptible(make)
          yield* queue.add("a", { afterMs: 1_000 })
          yield* queue.add("b", { afterMs: 5_000 })
          yield* TestClock.adjust(1_000)
          expect(yield* takeAll(queue)).toEqual(["a"])
        })
      )
    })
  )
})

describe("WorkQueue: retries", () => {
  /** One failed attempt: taken, retried, given back. */
  const fail = (queue: WorkQueue.WorkQueue, key: string) =>
    Effect.gen(function* () {
      yield* queue.take
      yield* queue.retry(key)
      yield* queue.done(key)
    })
  const waitMs = (queue: WorkQueue.WorkQueue, key: string) =>
    Effect.gen(function* () {
      const { state } = yield* queue.inspect(key)
      const now = yield* Effect.map(Effect.clock, (clock) => clock.unsafeCurrentTimeMillis())
      return state._tag === "Waiting" ? state.until - now : undefined
    })

  it.scoped("doubles the delay with each failure up to the maximum, and starts anew after forget", () =>
    Effect.gen(function* () {
      const queue = yield* make
      const delays: Array<number | undefined> = []
      for (let i = 0; i < 8; i++) {
        yield* queue.add("a")
        yield* fail(queue, "a")
        delays.push(yield* waitMs(queue, "a"))
      }
      expect(delays).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000])
      expect(yield* queue.failures("a")).toBe(8)
      yield* queue.forget("a")
      expect(yield* queue.failures("a")).toBe(0)
      yield* queue.add("a")
      yield* fail(queue, "a")
      expect(yield* waitMs(queue, "a")).toBe(1_000)
    })
  )

  it.scoped("delays the thousandth failing key no longer than the first", () =>
    Effect.gen(function* () {
      const queue = yield* make
      const keys = Array.from({ length: 1_000 }, (_, index) => `key-${index}`)
      yield* queue.addAll(keys)
      for (const key of keys) yield* fail(queue, key)
      yield* TestClock.adjust(1_000)
      expect(new Set(yield* takeAll(queue))).toEqual(new Set(keys))
    })
  )

  it.scoped("cancels a pending backoff on forget, so that no needless run follows", () =>
    Effect.gen(function* () {
      const queue = yield* make
      yield* queue.add("a")
      yield* fail(queue, "a")
      yield* queue.forget("a")
      yield* TestClock.adjust("1 hour")
      expect(yield* takeAll(queue)).toEqual([])
    })
  )

  it.scoped("cancels a pending delayed add on forget", () =>
    Effect.gen(function* () {
      const queue = yield* make
      yield* queue.add("a", { afterMs: 1_000 })
      yield* queue.forget("a")
      yield* TestClock.adjust("1 hour")
      expect(yield* takeAll(queue)).toEqual([])
    })
  )

  it.scoped("keeps, on forget, a delay that was asked for while the key was running", () =>
    Effect.gen(function* () {
      const queue = yield* make
      yield* queue.add("a")
      yield* queue.take
      yield* queue.add("a", { afterMs: 1_000 })
      yield* queue.forget("a")
      yield* queue.done("a")
      yield* TestClock.adjust(1_000)
      expect(yield* takeAll(queue)).toEqual(["a"])
    })
  )

  it.scoped("leaves a ready key ready on forget", () =>
    Effect.gen(function* () {
      const queue = yield* make
      yield* queue.add("a")
      yield* queue.forget("a")
      expect(yield* takeAll(queue)).toEqual(["a"])
    })
  )

  it.scoped("cuts a backoff short for a nudge", () =>
    Effect.gen(function* () {
      const queue = yield* make
      yield* queue.add("a")
      yield* fail(queue, "a")
      yield* queue.add("a", { priority: "nudge" })
      expect(yield* takeAll(queue)).toEqual(["a"])
    })
  )

  it.scoped("does not cut a backoff short for a resync, but adds at once what is not backing off", () =>
    Effect.gen(function* () {
      const queue = yield* make
      yield* queue.addAll(["failing", "delayed"])
      yield* fail(queue, "failing")
      yield* takeAll(queue)
      yield* queue.add("delayed", { afterMs: 60_000 })
      yield* queue.addAll(["failing", "healthy", "delayed"], { respectBackoff: true })
      expect(yield* takeAll(queue)).toEqual(["healthy", "delayed"])
      yield* TestClock.adjust(1_000)
      expect(yield* takeAll(queue)).toEqual(["failing"])
    })
  )

  it.scoped("lets the backoff of a failing run go before a resync that came during the run", () =>
    Effect.gen(function* () {
      const queue = yield* make
      yield* queue.add("a")
      yield* queue.take
      yield* queue.add("a", { respectBackoff: true })
      yield* queue.retry("a")
      yield* queue.done("a")
      expect(yield* tagOf(queue, "a")).toBe("Waiting")
    })
  )

  it.scoped("lets a nudge that came during a failing run go before its backoff", () =>
    Effect.gen(function* () {
      const queue = yield* make
      yield* queue.add("a")
      yield* queue.take
      yield* queue.add("a", { respectBackoff: true })
      yield* queue.add("a", { priority: "nudge" })
      yield* queue.retry("a")
      yield* queue.done("a")
      expect((yield* queue.inspect("a")).state).toMatchObject({ _tag: "Ready", priority: "nudge" })
    })
  )

  it.scoped("runs a resync that came during a run which then succeeds", () =>
    Effect.gen(function* () {
      const queue = yield* make
      yield* queue.add("a")
      yield* queue.take
      yield* queue.add("a", { respectBackoff: true })
      yield* queue.forget("a")
      yield* queue.done("a")
      expect(yield* tagOf(queue, "a")).toBe("Ready")
    })
  )
})

describe("WorkQueue: priorities", () => {
  it.scoped("hands out nudges first, then what died, then drift", () =>
    Effect.gen(function* () {
      const queue = yield* make
      yield* queue.add("drift")
      yield* queue.add("died", { priority: "died" })
      yield* queue.add("nudge", { priority: "nudge" })
      expect(yield* takeAll(queue)).toEqual(["nudge", "died", "drift"])
    })
  )

  it.scoped("raises a queued key to the higher priority, and never lowers it", () =>
    Effect.gen(function* () {
      const queue = yield* make
      yield* queue.addAll(["a", "b"])
      yield* queue.add("b", { priority: "nudge" })
      yield* queue.add("b", { priority: "died" })
      expect((yield* queue.stats).readyByPriority).toEqual({ nudge: 1, died: 0, drift: 1, retry: 0 })
      expect(yield* takeAll(queue)).toEqual(["b", "a"])
    })
  )

  it.scoped("keeps the highest priority of what is dirty or delayed", () =>
    Effect.gen(function* () {
      const queue = yield* make
      yield* queue.addAll(["dirty", "other"])
      yield* queue.take
      yield* queue.add("dirty", { priority: "nudge" })
      yield* queue.add("dirty")
      yield* queue.done("dirty")
      yield* queue.add("delayed", { priority: "died", afterMs: 1_000 })
      yield* queue.add("delayed", { priority: "drift", afterMs: 500 })
      yield* TestClock.adjust(500)
      expect(yield* takeAll(queue)).toEqual(["dirty", "delayed", "other"])
    })
  )

  it.scoped("gives a retry the lowest priority, so that failing nudges do not delay healthy drift", () =>
    Effect.gen(function* () {
      const queue = yield* make
      yield* queue.add("a", { priority: "nudge" })
      yield* queue.take
      yield* queue.retry("a")
      yield* queue.done("a")
      expect((yield* queue.inspect("a")).state).toMatchObject({ _tag: "Waiting", priority: "retry" })
    })
  )

  it.scoped("starves no class under a flow of nudges that never ends", () =>
    Effect.gen(function* () {
      const queue = yield* make
      const waiting = ["died-0", "drift-0", "died-1", "drift-1"]
      for (const key of waiting)
        yield* queue.add(key, { priority: key.startsWith("died") ? "died" : "drift" })
      const found: Array<string> = []
      const bound = AGING_INTERVAL * waiting.length
      for (let i = 0; i < bound; i++) {
        yield* queue.add(`nudge-${i}`, { priority: "nudge" })
        const key = yield* takeKey(queue)
        if (key === undefined) break
        yield* queue.done(key)
        if (!key.startsWith("nudge")) found.push(key)
      }
      // In the order in which they became ready, one every AGING_INTERVAL takes.
      expect(found).toEqual(waiting)
    })
  )

  it.scoped("costs the nudges no more than their share under a deep backlog of drift", () =>
    Effect.gen(function* () {
      const queue = yield* make
      yield* queue.addAll(Array.from({ length: 10_000 }, (_, index) => `drift-${index}`))
      yield* queue.add("nudge", { priority: "nudge" })
      expect((yield* takeAll(queue)).indexOf("nudge")).toBeLessThan(2)
    })
  )
})

describe("WorkQueue: limit", () => {
  it.scoped("hands out no more keys at once than the limit, and goes on when one comes back", () =>
    Effect.gen(function* () {
      const queue = yield* make
      yield* queue.setLimit(1)
      yield* queue.addAll(["a", "b"])
      expect(yield* takeKey(queue)).toBe("a")
      const taker = yield* Effect.fork(takeKey(queue))
      yield* TestClock.adjust(0)
      expect(yield* tagOf(queue, "b")).toBe("Ready")
      yield* queue.done("a")
      expect(yield* Fiber.join(taker)).toBe("b")
    })
  )

  it.scoped("hands out nothing at a limit of 0, and goes on when it is raised", () =>
    Effect.gen(function* () {
      const queue = yield* make
      yield* queue.setLimit(0)
      yield* queue.addAll(["a", "b"])
      const takers = yield* Effect.forEach([1, 2], () => Effect.fork(takeKey(queue)))
      yield* TestClock.adjust("1 minute")
      expect((yield* queue.stats).running).toBe(0)
      yield* queue.setLimit(2)
      expect(new Set(yield* Fiber.join(Fiber.all(takers)))).toEqual(new Set(["a", "b"]))
    })
  )
})

describe("WorkQueue: waiting for it", () => {
  it.scoped("is idle when nothing is ready or running, whatever waits for its time", () =>
    Effect.gen(function* () {
      const queue = yield* make
      yield* queue.add("later", { afterMs: 1_000 })
      yield* queue.awaitIdle
      yield* queue.add("a")
      const idle = yield* Effect.fork(queue.awaitIdle)
      yield* queue.take
      yield* TestClock.adjust(0)
      expect(idle.unsafePoll()).toBeNull()
      yield* queue.done("a")
      yield* Fiber.join(idle)
    })
  )

  it.scoped("calls a key settled when it is neither ready nor running", () =>
    Effect.gen(function* () {
      const queue = yield* make
      yield* queue.awaitSettled("never seen")
      yield* queue.add("a")
      const settled = yield* Effect.fork(queue.awaitSettled("a"))
      yield* TestClock.adjust(0)
      yield* queue.take
      yield* queue.add("a")
      yield* queue.done("a")
      yield* TestClock.adjust(0)
      expect(settled.unsafePoll()).toBeNull()
      yield* queue.take
      yield* queue.retry("a")
      yield* queue.done("a")
      yield* Fiber.join(settled)
    })
  )

  it.scoped("lets an interrupted wait go, and still completes the others", () =>
    Effect.gen(function* () {
      const queue = yield* make
      yield* queue.add("a")
      const waits = yield* Effect.forEach([1, 2, 3], () => Effect.fork(queue.awaitSettled("a")))
      yield* TestClock.adjust(0)
      for (const wait of waits.slice(0, 2)) yield* Fiber.interrupt(wait)
      yield* queue.take
      yield* queue.done("a")
      const exits = yield* Effect.forEach(waits, Fiber.await)
      expect(exits.map(Exit.isSuccess)).toEqual([false, false, true])
    })
  )

  it.scoped("completes all waits at a discarding shutdown", () =>
    Effect.gen(function* () {
      const queue = yield* make
      yield* queue.addAll(["a", "b"])
      const waits = yield* Effect.forEach([queue.awaitSettled("a"), queue.awaitIdle], Effect.fork)
      yield* TestClock.adjust(0)
      yield* queue.shutdown("discard")
      yield* Fiber.join(Fiber.all(waits))
    })
  )
})

describe("WorkQueue: what an operator sees", () => {
  it.scoped("shows depth, ages and work in progress", () =>
    Effect.gen(function* () {
      const queue = yield* make
      yield* queue.add("running", { priority: "nudge" })
      yield* queue.take
      yield* queue.add("ready")
      yield* queue.add("later", { afterMs: 60_000 })
      yield* TestClock.adjust(3_000)
      yield* queue.add("died", { priority: "died" })
      yield* TestClock.adjust(1_000)
      expect(yield* queue.stats).toEqual({
        ready: 2,
        readyByPriority: { nudge: 0, died: 1, drift: 1, retry: 0 },
        waiting: 1,
        running: 1,
        oldestReadyMs: 4_000,
        longestRunningMs: 4_000,
        unfinishedWorkSeconds: 4,
        adds: 3,
        retries: 0
      })
    })
  )

  it.scoped("explains each key, with times on the wall clock", () =>
    Effect.gen(function* () {
      const queue = yield* make
      yield* TestClock.setTime(1_000_000)
      yield* queue.add("running")
      yield* queue.take
      yield* queue.add("ready", { priority: "nudge" })
      yield* queue.add("delayed", { afterMs: 500 })
      yield* queue.retry("failing")
      expect(yield* queue.snapshot(10)).toEqual([
        { key: "running", state: { _tag: "Running", since: 1_000_000, dirty: false }, failures: 0 },
        { key: "ready", state: { _tag: "Ready", priority: "nudge", since: 1_000_000 }, failures: 0 },
        {
          key: "delayed",
          state: { _tag: "Waiting", priority: "drift", until: 1_000_500, reason: "delay" },
          failures: 0
        },
        {
          key: "failing",
          state: { _tag: "Waiting", priority: "retry", until: 1_001_000, reason: "backoff" },
          failures: 1
        }
      ])
      expect((yield* queue.snapshot(3)).map(({ key }) => key)).toEqual(["running", "ready", "delayed"])
    })
  )

  it.scoped("measures the time in the queue from the add to the take", () =>
    Effect.gen(function* () {
      const queue = yield* make
      yield* queue.add("a", { afterMs: 1_000, priority: "died" })
      yield* TestClock.adjust(3_000)
      expect(yield* queue.take).toEqual(Option.some({ key: "a", priority: "died", queueMs: 2_000 }))
    })
  )
})
