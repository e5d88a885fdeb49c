import { it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import { describe, expect } from "vitest"
import * as EventFeed from "../../../src/orchestration/EventFeed.ts"
import * as StateStore from "../../../src/orchestration/StateStore.ts"
import * as Prometheus from "../../../src/telemetry/Prometheus.ts"
import { parse } from "../../support/PrometheusText.ts"
import { settableClock } from "../../support/SettableClock.ts"

const missed = Effect.map(
  Prometheus.render,
  (text) => parse(text).get("wso_events_missed_total")?.samples[0]?.value ?? 0
)

describe("a watcher of the events", () => {
  it.effect("that reads too slowly loses the oldest, and that is counted", () =>
    Effect.gen(function* () {
      const feed = yield* EventFeed.EventFeed
      const publish = (count: number) =>
        Effect.replicateEffect(feed.publish({ type: "failed", storeId: null, message: "" }), count)
      const before = yield* missed
      const hasFirst = yield* Deferred.make<void>()
      const mayGoOn = yield* Deferred.make<void>()
      yield* publish(1)
      const watcher = yield* feed.since(0).pipe(
        Stream.tap(({ id }) =>
          id === 1
            ? Effect.zipRight(Deferred.succeed(hasFirst, undefined), Deferred.await(mayGoOn))
            : Effect.void
        ),
        Stream.takeUntil(({ id }) => id === 5_001),
        Stream.runCollect,
        Effect.fork
      )
      yield* Deferred.await(hasFirst)
      yield* publish(5_000)
      yield* Deferred.succeed(mayGoOn, undefined)
      const seen = [...(yield* watcher)].map(({ id }) => id)
      expect(seen.at(-1)).toBe(5_001)
      expect(seen.length).toBeLessThan(5_001)
      expect((yield* missed) - before).toBe(5_001 - seen.length)
    }).pipe(Effect.provide(Layer.provide(EventFeed.layer, StateStore.layerMemory)))
  )

  it.effect("of those to come only hears each, though the clock was set back by an hour", () =>
    Effect.gen(function* () {
      const { clock, set } = yield* settableClock
      yield* Effect.gen(function* () {
        const feed = yield* EventFeed.EventFeed
        const publish = feed.publish({ type: "failed", storeId: null, message: "" })
        yield* publish
        const watcher = yield* feed.since(Infinity).pipe(Stream.take(2), Stream.runCollect, Effect.fork)
        yield* TestClock.adjust("1 second")
        set(-3_600_000)
        yield* Effect.zipRight(publish, publish)
        expect([...(yield* watcher)].map(({ id }) => id)).toEqual([2, 3])
      }).pipe(Effect.provide(Layer.provide(EventFeed.layer, StateStore.layerMemory)), Effect.withClock(clock))
    })
  )
})
