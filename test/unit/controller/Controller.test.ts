import { describe, expect, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Random from "effect/Random"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/TestClock"
import * as Controller from "../../../src/controller/Controller.ts"
import { VirtualClock } from "./VirtualClock.ts"

class Boom extends Schema.TaggedError<Boom>()("Boom", {}) {}

/** A controller with short, exact times; each test says what it reconciles. */
const make = <E, R>(
  options: Pick<Controller.Options<E, R>, "reconcile"> & Partial<Controller.Options<E, R>>
) =>
  Controller.make({
    name: "test",
    workers: 4,
    timeout: "10 seconds",
    // Nobody moves the clock while a test ends.
    shutdownGrace: 0,
    backoff: { baseMs: 1_000, maxMs: 60_000, jitter: 0 },
    ...options
  })

/** Lets all fibers run until each waits for something, without moving the clock. */
const settleFibers = TestClock.adjust(0)

/** Counts the runs of each key. */
const makeCounter = () => {
  const counts = new Map<string, number>()
  return {
    count: (key: string) => counts.get(key) ?? 0,
    hit: (key: string) => counts.set(key, (counts.get(key) ?? 0) + 1)
  }
}

describe("Controller", () => {
  it.scoped("reconciles what is added, once, and is then idle", () =>
    Effect.gen(function* () {
      const runs = makeCounter()
      const controller = yield* make({
        reconcile: (key) => Effect.sync(() => runs.hit(key)).pipe(Effect.as(Controller.Done))
      })
      yield* controller.addAll(["a", "b", "a"])
      yield* controller.awaitIdle
      expect([runs.count("a"), runs.count("b")]).toEqual([1, 1])
      yield* TestClock.adjust("1 day")
      expect((yield* controller.stats).adds).toBe(2)
    })
  )

  it.scoped("runs a key once more when it is nudged, however often, during its reconcile", () =>
    Effect.gen(function* () {
      const runs = makeCounter()
      const gate = yield* Deferred.make<void>()
      const controller = yield* make({
        reconcile: (key) =>
          Effect.suspend(() => {
            runs.hit(key)
            return Effect.as(Deferred.await(gate), Controller.Done)
          })
      })
      yield* controller.add("a")
      yield* settleFibers
      for (let i = 0; i < 100; i++) yield* controller.add("a", { priority: "nudge" })
      const settled = yield* Effect.fork(controller.awaitSettled("a"))
      yield* settleFibers
      expect(runs.count("a")).toBe(1)
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(settled)
      expect(runs.count("a")).toBe(2)
    })
  )

  it.effect.each([1, 2, 3, 4, 5, 6, 7, 8])(
    "never has one key in two hands, and loses no nudge, under random load (seed %i)",
    (seed) => {
      const clock = new VirtualClock()
      return underRandomLoad(clock).pipe(
        Effect.scoped,
        Effect.withClock(clock),
        Effect.withRandom(Random.make(seed)),
        Effect.provide(Logger.remove(Logger.defaultLogger))
      )
    }
  )

  const underRandomLoad = (clock: VirtualClock) =>
    Effect.gen(function* () {
      const inHands = new Set<string>()
      const violations: Array<string> = []
      let mostHands = 0
      /** The newest state of each key, and the newest that a reconcile which succeeded had read. */
      const state = new Map<string, number>()
      const handled = new Map<string, number>()
      const controller = yield* make<Boom, never>({
        backoff: { baseMs: 20, maxMs: 100, jitter: 0.5 },
        timeout: 40,
        reconcile: (key) =>
          Effect.gen(function* () {
            if (inHands.has(key)) violations.push(key)
            inHands.add(key)
            mostHands = Math.max(mostHands, inHands.size)
            const read = state.get(key) ?? 0
            const luck = yield* Random.next
            yield* Effect.sleep(yield* Random.nextIntBetween(0, 60))
            if (luck < 0.1) return yield* new Boom()
            if (luck < 0.15) return yield* Effect.dieMessage("a defect")
            handled.set(key, read)
            return luck < 0.3 ? Controller.RequeueAfter(50) : Controller.Done
          }).pipe(Effect.ensuring(Effect.sync(() => inHands.delete(key))))
      })
      for (let change = 1; change <= 500; change++) {
        const key = `key-${yield* Random.nextIntBetween(0, 12)}`
        state.set(key, change)
        yield* controller.add(key, { priority: (yield* Random.nextBoolean) ? "nudge" : "drift" })
        yield* clock.advance(yield* Random.nextIntBetween(0, 20))
      }
      // Faults go on, so this is long: each run has an even chance to come through.
      yield* clock.advance(10_000)
      expect(violations).toEqual([])
      expect(mostHands).toBe(4)
      expect(handled).toEqual(state)
      expect(yield* controller.snapshot(100)).toEqual([])
    })

  it.scoped("does not let a failing key delay a healthy one", () =>
    Effect.gen(function* () {
      const healthy = makeCounter()
      const controller = yield* make({
        workers: 1,
        reconcile: (key): Effect.Effect<Controller.Result, Boom> =>
          key.startsWith("failing")
            ? new Boom()
            : Effect.sync(() => healthy.hit(key)).pipe(Effect.as(Controller.Done))
      })
      yield* controller.addAll(Array.from({ length: 1_000 }, (_, index) => `failing-${index}`))
      yield* controller.add("healthy")
      yield* controller.awaitIdle
      expect(healthy.count("healthy")).toBe(1)
      expect((yield* controller.stats).waiting).toBe(1_000)
    })
  )

  it.scoped("retries a failure with growing delays until it succeeds, and then forgets it", () =>
    Effect.gen(function* () {
      const runs = makeCounter()
      const controller = yield* make({
        reconcile: (key): Effect.Effect<Controller.Result, Boom> =>
          Effect.suspend(() => {
            runs.hit(key)
            return runs.count(key) < 4 ? new Boom() : Effect.succeed(Controller.Done)
          })
      })
      yield* controller.add("a")
      const found: Array<number> = []
      for (const wait of [0, 1_000, 2_000, 4_000]) {
        yield* TestClock.adjust(wait)
        yield* controller.awaitIdle
        found.push(runs.count("a"))
      }
      expect(found).toEqual([1, 2, 3, 4])
      expect(yield* controller.inspect("a")).toEqual({ key: "a", state: { _tag: "Absent" }, failures: 0 })
    })
  )

  it.scoped("looks again after the time that a reconcile asks for", () =>
    Effect.gen(function* () {
      const runs = makeCounter()
      const controller = yield* make({
        reconcile: (key) =>
          Effect.sync(() => {
            runs.hit(key)
            return runs.count(key) === 1 ? Controller.RequeueAfter(30_000) : Controller.Done
          })
      })
      yield* controller.add("a")
      yield* controller.awaitIdle
      expect((yield* controller.inspect("a")).state).toMatchObject({ _tag: "Waiting", reason: "delay" })
      yield* TestClock.adjust("30 seconds")
      yield* controller.awaitIdle
      expect(runs.count("a")).toBe(2)
    })
  )

  it.scoped("survives defects: logs the cause, counts a failure, retries, and the workers live on", () =>
    Effect.gen(function* () {
      const logs: Array<string> = []
      const logger = Logger.make(({ cause, annotations }) => {
        logs.push(`${String([...annotations].toSorted())} ${Cause.pretty(cause)}`)
      })
      const runs = makeCounter()
      const controller = yield* make({
        workers: 1,
        reconcile: (key) => {
          runs.hit(key)
          if (key === "throws") throw new Error("before there is an effect")
          if (key === "dies" && runs.count(key) === 1) return Effect.dieMessage("in the effect")
          return Effect.succeed(Controller.Done)
        }
      }).pipe(Effect.provide(Logger.replace(Logger.defaultLogger, logger)))
      yield* controller.addAll(["throws", "dies", "fine"])
      yield* controller.awaitIdle
      expect(runs.count("fine")).toBe(1)
      expect(yield* controller.inspect("throws")).toMatchObject({ failures: 1, state: { _tag: "Waiting" } })
      expect(logs.join("\n")).toContain("before there is an effect")
      expect(logs.join("\n")).toContain("key,dies")
      yield* TestClock.adjust("1 second")
      yield* controller.awaitIdle
      expect(runs.count("dies")).toBe(2)
    })
  )

  it.scoped("interrupts a reconcile that takes too long, releases what it held, and retries it", () =>
    Effect.gen(function* () {
      const ends: Array<Controller.ReconcileEnd<never>> = []
      let released = 0
      const controller = yield* make({
        workers: 2,
        reconcile: (key) =>
          key === "hangs"
            ? Effect.acquireUseRelease(
                Effect.void,
                () => Effect.never,
                () => Effect.sync(() => released++)
              )
            : Effect.delay(Effect.succeed(Controller.Done), "9 seconds"),
        hooks: { onEnd: (end) => Effect.sync(() => ends.push(end)) }
      })
      yield* controller.add("hangs")
      yield* TestClock.adjust("5 seconds")
      yield* controller.add("slow")
      yield* TestClock.adjust("5 seconds")
      yield* controller.awaitSettled("hangs")
      expect(released).toBe(1)
      expect(ends).toMatchObject([{ key: "hangs", outcome: "timedOut", workMs: 10_000, failures: 1 }])
      expect(ends[0]?.exit).toEqual(
        Exit.fail(new Controller.ReconcileTimeout({ controller: "test", key: "hangs", timeoutMs: 10_000 }))
      )
      yield* TestClock.adjust("4 seconds")
      yield* controller.awaitSettled("slow")
      expect(ends[1]).toMatchObject({ key: "slow", outcome: "done" })
    })
  )

  it.scoped("keeps all its workers through many timeouts", () =>
    Effect.gen(function* () {
      const controller = yield* make({ workers: 3, reconcile: () => Effect.never })
      yield* controller.addAll(Array.from({ length: 30 }, (_, index) => `key-${index}`))
      for (let i = 0; i < 10; i++) yield* TestClock.adjust("10 seconds")
      expect((yield* controller.stats).running).toBe(3)
      expect((yield* controller.stats).retries).toBeGreaterThanOrEqual(27)
    })
  )

  it.scoped("keeps a key in the hand of a reconcile that cannot be interrupted, however late", () =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      const outcomes: Array<string> = []
      const controller = yield* make({
        reconcile: () => Effect.uninterruptible(Effect.as(Deferred.await(gate), Controller.Done)),
        hooks: { onEnd: ({ outcome }) => Effect.sync(() => outcomes.push(outcome)) }
      })
      yield* controller.add("a")
      yield* TestClock.adjust("1 hour")
      yield* controller.add("a")
      expect(yield* controller.stats).toMatchObject({ running: 1, ready: 0, longestRunningMs: 3_600_000 })
      yield* Deferred.succeed(gate, undefined)
      yield* controller.awaitSettled("a")
      expect(outcomes).toEqual(["timedOut", "done"])
    })
  )

  it.scoped("tells its hooks each add, start and end, with times and outcome", () =>
    Effect.gen(function* () {
      const told: Array<unknown> = []
      const controller = yield* make<Boom, never>({
        workers: 1,
        reconcile: (key) =>
          Effect.delay(
            key === "b" ? new Boom() : Effect.succeed(Controller.RequeueAfter(60_000)),
            "2 seconds"
          ),
        hooks: {
          onAdd: (key, priority) => told.push(["add", key, priority]),
          onRetry: (key, delayMs) => told.push(["retry", key, delayMs]),
          onStart: ({ key, priority, queueMs }) =>
            Effect.sync(() => told.push(["start", key, priority, queueMs])),
          onEnd: ({ key, outcome, queueMs, workMs, failures }) =>
            Effect.sync(() => told.push(["end", key, outcome, queueMs, workMs, failures]))
        }
      })
      yield* controller.addAll(["a", "b"], { priority: "nudge" })
      yield* TestClock.adjust("2 seconds")
      yield* TestClock.adjust("2 seconds")
      yield* controller.awaitIdle
      expect(told).toEqual([
        ["add", "a", "nudge"],
        ["add", "b", "nudge"],
        ["start", "a", "nudge", 0],
        ["end", "a", "requeued", 0, 2_000, 0],
        ["start", "b", "nudge", 2_000],
        ["retry", "b", 1_000],
        ["end", "b", "failed", 2_000, 2_000, 1]
      ])
    })
  )

  it.scoped("survives hooks that die", () =>
    Effect.gen(function* () {
      const controller = yield* make({
        workers: 1,
        reconcile: () => Effect.succeed(Controller.Done),
        hooks: {
          onStart: () => Effect.dieMessage("start"),
          onEnd: () => {
            throw new Error("end")
          }
        }
      }).pipe(Effect.provide(Logger.remove(Logger.defaultLogger)))
      yield* controller.addAll(["a", "b", "c"])
      yield* controller.awaitIdle
      expect(yield* controller.snapshot(10)).toEqual([])
    })
  )

  it.scoped("takes nothing while paused, and everything after resume", () =>
    Effect.gen(function* () {
      const runs = makeCounter()
      const controller = yield* make({
        reconcile: (key) => Effect.sync(() => runs.hit(key)).pipe(Effect.as(Controller.Done))
      })
      yield* controller.pause
      yield* controller.addAll(["a", "b"])
      yield* TestClock.adjust("1 hour")
      expect(yield* controller.isPaused).toBe(true)
      expect(yield* controller.stats).toMatchObject({ ready: 2, running: 0 })
      yield* controller.resume
      yield* controller.awaitIdle
      expect([runs.count("a"), runs.count("b")]).toEqual([1, 1])
    })
  )

  it.scoped("starts with as many workers as told, and changes their number while it runs", () =>
    Effect.gen(function* () {
      const controller = yield* make({
        workers: 8,
        concurrency: 2,
        timeout: "1 day",
        reconcile: () => Effect.never
      })
      const running = Effect.zipRight(
        settleFibers,
        Effect.map(controller.stats, (stats) => stats.running)
      )
      yield* controller.addAll(Array.from({ length: 20 }, (_, index) => `key-${index}`))
      expect(yield* running).toBe(2)
      yield* controller.setConcurrency(5)
      expect(yield* running).toBe(5)
      yield* controller.setConcurrency(100)
      expect(yield* running).toBe(8)
      yield* controller.setConcurrency(0)
      yield* controller.pause
      yield* controller.resume
      expect(yield* running).toBe(8)
    })
  )

  it.scoped("lets timers and sockets have their turn while it works through what needs nothing", () =>
    Effect.gen(function* () {
      let turns = 0
      const immediate = setInterval(() => turns++, 0)
      const controller = yield* make({ reconcile: () => Effect.succeed(Controller.Done) })
      yield* controller.addAll(Array.from({ length: 50_000 }, (_, index) => `key-${index}`))
      yield* controller.awaitIdle
      clearInterval(immediate)
      expect(turns).toBeGreaterThan(10)
    })
  )
})

describe("Controller: shutdown", () => {
  /** Holds a resource for as long as told, and counts what is acquired and released. */
  const makeHolder = (hold: Duration.DurationInput) => {
    const acquired = makeCounter()
    const released = makeCounter()
    const reconcile = (key: string) =>
      Effect.acquireUseRelease(
        Effect.sync(() => acquired.hit(key)),
        () => Effect.delay(Effect.succeed(Controller.Done), hold),
        () => Effect.sync(() => released.hit(key))
      )
    return { acquired, released, reconcile }
  }
  const keys = ["a", "b", "c", "d", "e", "f"]

  it.effect("lets running work finish within the grace, and starts nothing new", () =>
    Effect.gen(function* () {
      const outcomes: Array<string> = []
      const { acquired, released, reconcile } = makeHolder("3 seconds")
      const scope = yield* Scope.make()
      const controller = yield* make({
        workers: 4,
        reconcile,
        shutdownGrace: "5 seconds",
        hooks: { onEnd: ({ outcome }) => Effect.sync(() => outcomes.push(outcome)) }
      }).pipe(Scope.extend(scope))
      yield* controller.addAll(keys)
      yield* settleFibers
      const closed = yield* Effect.fork(Scope.close(scope, Exit.void))
      yield* settleFibers
      yield* controller.add("late")
      yield* TestClock.adjust("3 seconds")
      yield* Fiber.join(closed)
      expect(outcomes).toEqual(["done", "done", "done", "done"])
      expect(keys.map(acquired.count)).toEqual([1, 1, 1, 1, 0, 0])
      expect(keys.map(released.count)).toEqual([1, 1, 1, 1, 0, 0])
      expect(acquired.count("late")).toBe(0)
    })
  )

  it.effect("interrupts what is still running after the grace, and releases each resource exactly once", () =>
    Effect.gen(function* () {
      const outcomes: Array<string> = []
      const { acquired, released, reconcile } = makeHolder("9 seconds")
      const scope = yield* Scope.make()
      const controller = yield* make({
        workers: 4,
        reconcile,
        shutdownGrace: "5 seconds",
        hooks: { onEnd: ({ outcome }) => Effect.sync(() => outcomes.push(outcome)) }
      }).pipe(Scope.extend(scope))
      yield* controller.addAll(keys)
      yield* settleFibers
      const closed = yield* Effect.fork(Scope.close(scope, Exit.void))
      yield* TestClock.adjust("4 seconds")
      expect(closed.unsafePoll()).toBeNull()
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(closed)
      expect(outcomes).toEqual(["interrupted", "interrupted", "interrupted", "interrupted"])
      expect(keys.map(released.count)).toEqual(keys.map(acquired.count))
      expect(keys.map(released.count)).toEqual([1, 1, 1, 1, 0, 0])
    })
  )

  it.effect("keeps the grace when the fiber that shuts it down has been interrupted", () =>
    Effect.gen(function* () {
      const { released, reconcile } = makeHolder("3 seconds")
      const outcomes: Array<string> = []
      const scope = yield* Scope.make()
      const controller = yield* make({
        reconcile,
        shutdownGrace: "5 seconds",
        hooks: { onEnd: ({ outcome }) => Effect.sync(() => outcomes.push(outcome)) }
      }).pipe(Scope.extend(scope))
      yield* controller.add("a")
      const program = yield* Effect.fork(Effect.ensuring(Effect.never, controller.shutdown))
      yield* settleFibers
      const interrupted = yield* Effect.fork(Fiber.interrupt(program))
      yield* TestClock.adjust("3 seconds")
      yield* Fiber.join(interrupted)
      expect(outcomes).toEqual(["done"])
      expect(released.count("a")).toBe(1)
      yield* Scope.close(scope, Exit.void)
    })
  )

  it.effect("does not wait for the grace when nothing is running", () =>
    Effect.gen(function* () {
      const controller = yield* Effect.scoped(
        make({ shutdownGrace: "5 seconds", reconcile: () => Effect.succeed(Controller.Done) })
      )
      yield* controller.shutdown
      expect((yield* controller.stats).running).toBe(0)
    })
  )

  it.effect("skips the grace when who waits for it is interrupted (a second signal)", () =>
    Effect.gen(function* () {
      const { released, reconcile } = makeHolder("1 hour")
      yield* Effect.scoped(
        Effect.gen(function* () {
          const controller = yield* make({ reconcile, shutdownGrace: "1 hour", timeout: "1 day" })
          yield* controller.add("a")
          yield* settleFibers
          const shutdown = yield* Effect.fork(controller.shutdown)
          yield* settleFibers
          expect(released.count("a")).toBe(0)
          yield* Fiber.interrupt(shutdown)
          expect(released.count("a")).toBe(1)
        })
      )
    })
  )

  it.effect("works when it was made where nothing can be interrupted, as in a layer", () =>
    Effect.gen(function* () {
      const { released, reconcile } = makeHolder("1 hour")
      const outcomes: Array<string> = []
      const scope = yield* Scope.make()
      const controller = yield* make({
        reconcile,
        shutdownGrace: "5 seconds",
        hooks: { onEnd: ({ outcome }) => Effect.sync(() => outcomes.push(outcome)) }
      }).pipe(Scope.extend(scope), Effect.uninterruptible)
      yield* controller.add("a")
      yield* TestClock.adjust("10 seconds")
      yield* controller.awaitSettled("a")
      yield* TestClock.adjust("1 second")
      const closed = yield* Effect.fork(Scope.close(scope, Exit.void))
      yield* TestClock.adjust("5 seconds")
      yield* Fiber.join(closed)
      expect(outcomes).toEqual(["timedOut", "interrupted"])
      expect(released.count("a")).toBe(2)
    })
  )
})
