import { it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/TestClock"
import { describe, expect } from "vitest"
import { StoreDriver, type OpenStore } from "../../../src/stores/StoreDriver.ts"
import * as StoreManager from "../../../src/stores/StoreManager.ts"

const store = (storeId: string): OpenStore => ({
  storeId,
  read: () => Effect.succeed([]),
  commit: () => Effect.void,
  connectivity: () => ({ isConnected: true, since: 0 }),
  syncStatus: () => ({ pendingCount: 0, localHead: "", upstreamHead: "" })
})

/** A driver whose stores never finish closing: a fault to inject, no real one does that. */
const neverClosing = Layer.succeed(
  StoreDriver,
  StoreDriver.of({
    name: "memory",
    open: (storeId) => Effect.acquireRelease(Effect.succeed(store(storeId)), () => Effect.never),
    purge: () => Effect.void
  })
)

describe("StoreManager", () => {
  it.effect("gives up a store that does not close, even where it may not be interrupted", () =>
    Effect.gen(function* () {
      const manager = yield* StoreManager.make({ openTimeoutMs: 1_000 }).pipe(Effect.provide(neverClosing))
      yield* manager.addStore("ws-a")
      const removing = yield* Effect.fork(Effect.uninterruptible(manager.removeStore("ws-a")))
      yield* TestClock.adjust(20_000)
      yield* Fiber.join(removing)
      expect(manager.observe("ws-a")).toEqual({ _tag: "Closed" })
      // The same id can be opened afresh: nothing of the old one is in the way.
      yield* manager.addStore("ws-a")
      expect(manager.observe("ws-a")._tag).toBe("Open")
      // Its end is given up as well, or this test could not end.
      const last = yield* Effect.fork(manager.removeStore("ws-a"))
      yield* TestClock.adjust(20_000)
      yield* Fiber.join(last)
    }).pipe(Effect.scoped)
  )
})
