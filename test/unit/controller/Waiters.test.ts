import { describe, expect, it } from "vitest"
import { Waiters } from "../../../src/controller/internal/Waiters.ts"

describe("Waiters", () => {
  it("wakes no more than it is told, the longest waiting first, and each once", () => {
    const waiters = new Waiters()
    const woken: Array<string> = []
    for (const name of ["a", "b", "c", "d"]) waiters.join(() => woken.push(name))
    waiters.wake(2)
    expect(woken).toEqual(["a", "b"])
    waiters.wake(0)
    waiters.wake()
    waiters.wake()
    expect(woken).toEqual(["a", "b", "c", "d"])
  })

  it("forgets who leaves", () => {
    const waiters = new Waiters()
    const leave = waiters.join(() => expect.unreachable())
    leave()
    waiters.wake()
    expect(waiters.size).toBe(0)
  })
})
