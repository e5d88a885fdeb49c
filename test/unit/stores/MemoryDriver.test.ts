import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/TestClock"
import { makeMemoryBackend, type MemoryBackend } from "../../../src/stores/MemoryBackend.ts"
import { layer } from "../../../src/stores/MemoryDriver.ts"
import {
  type Connectivity,
  type Cursor,
  type StoreDied,
  StoreDriver
} from "../../../src/stores/StoreDriver.ts"

const message = (id: string) => ({
  name: "v1.UserMessageSent",
  args: { id, conversationId: "c", content: id, createdAt: new Date(0) }
})

/** Signals that are kept. */
const recording = () => {
  const news: Array<Cursor> = []
  const connectivity: Array<boolean> = []
  const deaths: Array<StoreDied> = []
  return {
    news,
    connectivity,
    deaths,
    onNews: (head: Cursor) => void news.push(head),
    onConnectivity: (change: Connectivity) => void connectivity.push(change.isConnected),
    onDeath: (death: StoreDied) => void deaths.push(death)
  }
}

const withDriver = <A, E>(
  test: (driver: typeof StoreDriver.Service, backend: MemoryBackend) => Effect.Effect<A, E, Scope.Scope>,
  openMs = 0
) =>
  Effect.suspend(() => {
    const backend = makeMemoryBackend()
    return Effect.flatMap(StoreDriver, (driver) => Effect.scoped(test(driver, backend))).pipe(
      Effect.provide(layer({ openMs, backend }))
    )
  })

const ids = (events: ReadonlyArray<{ readonly args: unknown }>) =>
  events.map(({ args }) => (typeof args === "object" && args !== null && "id" in args ? args.id : undefined))

describe("the memory driver", () => {
  it.effect("takes the provisioning time that it is given", () =>
    withDriver(
      (driver, backend) =>
        Effect.gen(function* () {
          const opening = yield* Effect.fork(driver.open("ws-one", recording()))
          yield* TestClock.adjust("99 millis")
          expect(yield* Fiber.poll(opening)).toEqual(Option.none())
          yield* TestClock.adjust("1 millis")
          expect((yield* Fiber.join(opening)).storeId).toBe("ws-one")
          expect(backend.claimed()).toEqual(["ws-one"])
        }),
      100
    )
  )

  it.effect("announces the history at opening, and what other clients write from then on", () =>
    withDriver((driver, backend) =>
      Effect.gen(function* () {
        backend.write("ws-one", message("before"))
        const signals = recording()
        const store = yield* driver.open("ws-one", signals)
        backend.write("ws-one", message("after"))
        backend.write("ws-two", message("elsewhere"))
        expect(signals.news).toEqual(["m1", "m2"])
        expect(signals.connectivity).toEqual([true])
        expect(ids(yield* store.read(Option.none(), 10))).toEqual(["before", "after"])
      })
    )
  )

  it.effect("reads in pages, each from the cursor of the last", () =>
    withDriver((driver, backend) =>
      Effect.gen(function* () {
        for (const id of ["a", "b", "c"]) backend.write("ws-one", message(id))
        const store = yield* driver.open("ws-one", recording())
        const first = yield* store.read(Option.none(), 2)
        const second = yield* store.read(Option.fromNullable(first.at(-1)?.cursor), 2)
        const third = yield* store.read(Option.fromNullable(second.at(-1)?.cursor), 2)
        expect([ids(first), ids(second), ids(third)]).toEqual([["a", "b"], ["c"], []])
      })
    )
  )

  it.effect("confirms commits, and refuses what the vocabulary does not know", () =>
    withDriver((driver, backend) =>
      Effect.gen(function* () {
        const signals = recording()
        const store = yield* driver.open("ws-one", signals)
        yield* store.commit(message("mine"))
        expect(ids(backend.history("ws-one"))).toEqual(["mine"])
        expect(signals.news).toEqual(["m1"])
        for (const event of [
          { name: "v1.Unknown", args: {} },
          { name: "v1.UserMessageSent", args: { id: 1 } }
        ]) {
          expect(yield* Effect.flip(store.commit(event))).toMatchObject({ reason: "invalid" })
        }
        expect(backend.history("ws-one").length).toBe(1)
      })
    )
  )

  it.effect("does not confirm a commit that its backend drops", () =>
    withDriver((driver, backend) =>
      Effect.gen(function* () {
        const store = yield* driver.open("ws-one", recording())
        backend.setDropsCommits("ws-one", true)
        expect(yield* Effect.flip(store.commit(message("lost")))).toMatchObject({ reason: "timeout" })
        backend.setDropsCommits("ws-one", false)
        yield* store.commit(message("kept"))
        expect(ids(backend.history("ws-one"))).toEqual(["kept"])
      })
    )
  )

  it.effect("hears nothing while it is disconnected, and everything when it is back", () =>
    withDriver((driver, backend) =>
      Effect.gen(function* () {
        const signals = recording()
        const store = yield* driver.open("ws-one", signals)
        backend.setConnected("ws-one", false)
        backend.setConnected("ws-one", false)
        backend.write("ws-one", message("unheard"))
        expect(signals.news).toEqual([])
        expect(yield* store.read(Option.none(), 10)).toEqual([])
        expect(yield* Effect.flip(store.commit(message("unsent")))).toMatchObject({ reason: "timeout" })
        backend.setConnected("ws-one", true)
        expect(signals.connectivity).toEqual([true, false, true])
        expect(signals.news).toEqual(["m1"])
        expect(ids(yield* store.read(Option.none(), 10))).toEqual(["unheard"])
      })
    )
  )

  it.effect("dies once, and is useless from then on", () =>
    withDriver((driver, backend) =>
      Effect.gen(function* () {
        const signals = recording()
        const store = yield* driver.open("ws-one", signals)
        backend.kill("ws-one", "sync-error")
        backend.kill("ws-one")
        backend.write("ws-one", message("unheard"))
        backend.setConnected("ws-one", false)
        expect(signals.deaths).toMatchObject([{ storeId: "ws-one", reason: "sync-error" }])
        expect([signals.news, signals.connectivity]).toEqual([[], [true]])
        expect(yield* Effect.flip(store.read(Option.none(), 10))).toBe(signals.deaths[0])
        expect(yield* Effect.flip(store.commit(message("late")))).toMatchObject({ reason: "died" })
      })
    )
  )

  it.effect("signals nothing after its scope has closed", () =>
    withDriver((driver, backend) =>
      Effect.gen(function* () {
        const signals = recording()
        yield* Effect.scoped(driver.open("ws-one", signals))
        backend.write("ws-one", message("late"))
        backend.kill("ws-one")
        backend.setConnected("ws-one", false)
        expect([signals.news, signals.connectivity, signals.deaths]).toEqual([[], [true], []])
        expect(backend.claimed()).toEqual([])
      })
    )
  )

  it.effect("never has the same store open twice", () =>
    withDriver((driver, backend) =>
      Effect.gen(function* () {
        const scope = yield* Scope.make()
        yield* driver.open("ws-one", recording()).pipe(Scope.extend(scope))
        expect(yield* Effect.flip(driver.open("ws-one", recording()))).toMatchObject({ reason: "busy" })
        expect(backend.claimed()).toEqual(["ws-one"])
        yield* Scope.close(scope, Exit.void)
        yield* driver.open("ws-one", recording())
        expect(backend.openCount("ws-one")).toBe(2)
      })
    )
  )

  it.effect("fails to open for the reason it is given, and opens when there is none any more", () =>
    withDriver((driver, backend) =>
      Effect.gen(function* () {
        backend.setOpenFault("ws-one", "rejected")
        const error = yield* Effect.flip(Effect.scoped(driver.open("ws-one", recording())))
        expect(error).toMatchObject({ _tag: "StoreOpenError", reason: "rejected" })
        expect(backend.claimed()).toEqual([])
        backend.setOpenFault("ws-one", undefined)
        yield* driver.open("ws-one", recording())
        expect(backend.claimed()).toEqual(["ws-one"])
      })
    )
  )

  it.effect("leaves nothing behind when it is interrupted while it hangs", () =>
    withDriver((driver, backend) =>
      Effect.gen(function* () {
        backend.setOpenFault("ws-one", "hang")
        const opening = yield* Effect.fork(Effect.scoped(driver.open("ws-one", recording())))
        yield* TestClock.adjust("1 hour")
        expect(yield* Fiber.poll(opening)).toEqual(Option.none())
        expect(backend.claimed()).toEqual(["ws-one"])
        yield* Fiber.interrupt(opening)
        expect(backend.claimed()).toEqual([])
      })
    )
  )

  it.effect("holds 100,000 open stores", () =>
    withDriver((driver, backend) =>
      Effect.gen(function* () {
        let news = 0
        const signals = { onNews: () => (news += 1), onConnectivity: () => {}, onDeath: () => {} }
        for (let index = 0; index < 100_000; index += 1) yield* driver.open(`ws-${index}`, signals)
        backend.write("ws-99999", message("heard"))
        expect([backend.claimed().length, backend.maxClaimed(), news]).toEqual([100_000, 100_000, 1])
      })
    )
  )
})
