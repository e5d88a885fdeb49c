import { it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { describe, expect } from "vitest"
import { makeTurns } from "../../../src/controller/EventLoop.ts"

const STEPS_PER_TURN = 10
const WORKERS = 4

describe("makeTurns", () => {
  it.live("lets the event loop turn after so many steps of all workers together, however many they are", () =>
    Effect.gen(function* () {
      const turns = makeTurns(STEPS_PER_TURN)
      let steps = 0
      let atLastTurn = 0
      let longest = 0
      let isOver = false
      const look = () => {
        longest = Math.max(longest, steps - atLastTurn)
        atLastTurn = steps
        if (!isOver) setImmediate(look)
      }
      setImmediate(look)
      const work = Effect.suspend(() => {
        steps++
        return turns.step() ?? Effect.void
      })
      yield* Effect.all(
        Array.from({ length: WORKERS }, () => Effect.repeatN(work, 100)),
        {
          concurrency: "unbounded"
        }
      )
      isOver = true
      look()
      expect(steps).toBe(WORKERS * 101)
      // Each of the others finishes the step that it has begun.
      expect(longest).toBeLessThanOrEqual(STEPS_PER_TURN + WORKERS)
    })
  )
})
