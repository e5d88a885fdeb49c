import { it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/TestClock"
import { describe, expect } from "vitest"
import * as Traffic from "../../../src/sync-worker/Traffic.ts"

describe("the traffic of a connection", () => {
  it("keeps a bounded number of frames waiting", () => {
    const connection = new Traffic.Connection()
    let waiting = 0
    while (waiting < 10_000 && connection.begin(100)) waiting += 1
    expect(waiting).toBe(200)
    connection.done(100)
    expect(connection.begin(100)).toBe(true)
  })

  it("keeps a bounded size of frames waiting", () => {
    const connection = new Traffic.Connection()
    let size = 0
    while (size < 100_000_000 && connection.begin(900_000)) size += 900_000
    expect(size).toBeLessThan(8_400_000)
  })

  it.effect("lets frames wait once they come faster than for ever", () =>
    Effect.gen(function* () {
      const connection = new Traffic.Connection()
      let handled = 0
      const all = yield* Effect.fork(
        Effect.repeatN(
          Effect.zipRight(
            connection.turn,
            Effect.sync(() => (handled += 1))
          ),
          999
        )
      )
      yield* TestClock.adjust("1 second")
      expect(handled).toBe(600)
      yield* TestClock.adjust("2 seconds")
      expect(handled).toBe(1_000)
      yield* Fiber.join(all)
    })
  )

  it.effect("lets the pulls of one user wait, and not those of another", () =>
    Effect.gen(function* () {
      const pulls = new Traffic.UserPulls()
      let begun = 0
      const many = yield* Effect.fork(
        Effect.repeatN(
          Effect.zipRight(
            pulls.turn("alice"),
            Effect.sync(() => (begun += 1))
          ),
          99
        )
      )
      yield* TestClock.adjust("4 seconds")
      expect(begun).toBe(10)
      yield* pulls.turn("bob")
      yield* Fiber.interrupt(many)
    })
  )
})
