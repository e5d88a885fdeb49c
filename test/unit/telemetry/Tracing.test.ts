import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Tracer from "effect/Tracer"
import * as SampledTracer from "../../../src/telemetry/SampledTracer.ts"
import * as SpanLinks from "../../../src/telemetry/SpanLinks.ts"
import * as Tracing from "../../../src/telemetry/Tracing.ts"

/** Makes spans as a collector would get them, and counts those that have ended. */
const countingTracer = () => {
  const ended: Array<string> = []
  let made = 0
  const tracer = Tracer.make({
    context: (execute) => execute(),
    span: (name, parent, context, links, startTime, kind) => {
      const id = String(++made)
      return {
        _tag: "Span",
        name,
        spanId: id,
        traceId: Option.match(parent, { onNone: () => `trace-${id}`, onSome: ({ traceId }) => traceId }),
        parent,
        context,
        status: { _tag: "Started", startTime },
        attributes: new Map(),
        links,
        sampled: true,
        kind,
        end: () => void ended.push(name),
        attribute: () => undefined,
        event: () => undefined,
        addLinks: () => undefined
      }
    }
  })
  return { tracer, ended }
}

const withTracing = (tracer: Tracer.Tracer) =>
  Layer.merge(Layer.setTracer(tracer), Layer.succeed(Tracing.Tracing, true))

describe("spans", () => {
  it.effect("are none where nobody collects them: the effect is left as it is", () =>
    Effect.gen(function* () {
      const spans = yield* Tracing.spans
      const effect = Effect.succeed(1)
      expect(spans.areOn).toBe(false)
      expect(spans.within(effect, "work")).toBe(effect)
      expect(yield* Tracing.outgoingHeaders).toEqual({})
    })
  )

  it.effect("are told to a server that is called", () => {
    const { tracer } = countingTracer()
    return Effect.gen(function* () {
      const spans = yield* Tracing.spans
      expect(yield* spans.within(Tracing.outgoingHeaders, "work")).toEqual({ traceparent: "00-trace-1-1-01" })
    }).pipe(Effect.provide(withTracing(tracer)))
  })
})

describe("links to who has asked", () => {
  it.effect("are taken once, are bounded, and name nobody who is not followed", () => {
    const { tracer } = countingTracer()
    return Effect.gen(function* () {
      const links = SpanLinks.make()
      yield* links.note(["ws-a"])
      expect(links.take("ws-a")).toEqual([])
      const asking = Effect.zipRight(links.note(["ws-a", "ws-b"]), links.note(["ws-a"]))
      for (let asker = 0; asker < 100; asker++) yield* Effect.withSpan(asking, "asker")
      expect(links.take("ws-a")).toHaveLength(32)
      expect(links.take("ws-a")).toEqual([])
      expect(links.take("ws-b").map(({ span }) => span.spanId)).toContain("1")
      const unfollowed = Tracer.externalSpan({ traceId: "t", spanId: "s", sampled: false })
      yield* Effect.withParentSpan(links.note(["ws-a"]), unfollowed)
      expect(links.take("ws-a")).toEqual([])
    }).pipe(Effect.provide(withTracing(tracer)))
  })
})

describe("the sampled tracer", () => {
  const options = { perSecond: 10, burst: 3 }

  it.effect("makes so many traces at once, each of them whole", () => {
    const { ended, tracer } = countingTracer()
    const work = Effect.withSpan(Effect.withSpan(Effect.void, "inner"), "outer")
    return Effect.gen(function* () {
      for (let index = 0; index < 10; index++) yield* work
      expect(ended).toEqual(["inner", "outer", "inner", "outer", "inner", "outer"])
    }).pipe(Effect.provide(withTracing(SampledTracer.make(tracer, options))))
  })

  it.effect("does not follow what its caller does not follow", () => {
    const { ended, tracer } = countingTracer()
    const from = (sampled: boolean) =>
      Effect.withSpan(Effect.void, sampled ? "followed" : "not followed", {
        parent: Tracer.externalSpan({ traceId: "t", spanId: "s", sampled })
      })
    return Effect.gen(function* () {
      yield* from(false)
      yield* from(true)
      expect(ended).toEqual(["followed"])
    }).pipe(Effect.provide(withTracing(SampledTracer.make(tracer, options))))
  })

  it.effect("hands on a trace's id that is not followed, so that it says so to whom it calls", () => {
    const { tracer } = countingTracer()
    return Effect.gen(function* () {
      const span = yield* Effect.withSpan(Effect.currentSpan, "work", {
        parent: Tracer.externalSpan({ traceId: "t", spanId: "s", sampled: false })
      })
      expect([span.traceId, span.sampled]).toEqual(["t", false])
    }).pipe(Effect.provide(withTracing(SampledTracer.make(tracer, options))))
  })
})
