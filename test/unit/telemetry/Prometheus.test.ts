import { it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { describe, expect } from "vitest"
import { counter, counters, gauge, histogram } from "../../../src/telemetry/Metrics.ts"
import * as Prometheus from "../../../src/telemetry/Prometheus.ts"
import { complaints, parse } from "../../support/PrometheusText.ts"

const familyOf = (name: string) => Effect.map(Prometheus.render, (text) => parse(text).get(name))

describe("the metrics as text", () => {
  it.effect("show a counter from zero on, and a gauge once it is set", () =>
    Effect.gen(function* () {
      const counted = counter("test_counted_total", "What was counted")
      const set = gauge("test_set_seconds", "What was set")
      expect(yield* familyOf("test_counted_total")).toEqual({
        name: "test_counted_total",
        type: "counter",
        help: "What was counted",
        samples: [{ name: "test_counted_total", labels: {}, value: 0 }]
      })
      expect(yield* familyOf("test_set_seconds")).toBeUndefined()
      counted.add()
      counted.add(1.5)
      set.set(-Infinity)
      expect((yield* familyOf("test_counted_total"))?.samples[0]?.value).toBe(2.5)
      expect((yield* familyOf("test_set_seconds"))?.samples[0]?.value).toBe(-Infinity)
    })
  )

  it.effect("keep quotes, backslashes and line breaks of labels and help", () =>
    Effect.gen(function* () {
      const nasty = 'a "quoted" C:\\new\nline'
      counter("test_escaped_total", nasty, { label: nasty }).add()
      const family = yield* familyOf("test_escaped_total")
      expect([family?.help, family?.samples[0]?.labels]).toEqual([nasty, { label: nasty }])
    })
  )

  it.effect("count a histogram's observations up to each bound, the bound included", () =>
    Effect.gen(function* () {
      const observed = histogram("test_observed_seconds", "What was observed", [0.5, 1, 30], { kind: "a" })
      for (const value of [0.25, 0.5, 0.75, 30, 31]) observed.observe(value)
      const family = yield* familyOf("test_observed_seconds")
      expect(family?.type).toBe("histogram")
      expect(family?.samples.map(({ labels, name, value }) => [name, labels["le"], value])).toEqual([
        ["test_observed_seconds_bucket", "0.5", 2],
        ["test_observed_seconds_bucket", "1", 3],
        ["test_observed_seconds_bucket", "30", 4],
        ["test_observed_seconds_bucket", "+Inf", 5],
        ["test_observed_seconds_sum", undefined, 62.5],
        ["test_observed_seconds_count", undefined, 5]
      ])
      expect(family?.samples.every(({ labels }) => labels["kind"] === "a")).toBe(true)
    })
  )

  it.effect("hold one line for each combination of labels", () =>
    Effect.gen(function* () {
      const family = counters("test_family_total", "A family", ["one", "other"])
      family("a", "b").add()
      family("a", "b").add()
      family("b", "a").add()
      expect(
        (yield* familyOf("test_family_total"))?.samples.map(({ labels, value }) => [labels, value])
      ).toEqual([
        [{ one: "a", other: "b" }, 2],
        [{ one: "b", other: "a" }, 1]
      ])
    })
  )

  it.effect("leave out Effect's own, whose names Prometheus does not like", () =>
    Effect.gen(function* () {
      counter("effect_fiber_started", "Effect's own").add()
      expect(yield* Prometheus.render).not.toContain("effect_fiber_started")
    })
  )
})

describe("the rules about names", () => {
  const complaintsOf = (type: string, name: string, help = "Help") =>
    complaints(parse(`# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${name} 1\n`))

  it("are those of promtool", () => {
    expect(complaintsOf("counter", "wso_adds_total")).toEqual([])
    expect(complaintsOf("gauge", "wso_age_seconds")).toEqual([])
    for (const [type, name] of [
      ["counter", "wso_adds"],
      ["gauge", "wso_adds_total"],
      ["gauge", "wso_age_ms"],
      ["gauge", "wso_age_count"],
      ["gauge", "wso_age_gauge"],
      ["gauge", "wsoAge"]
    ] as const) {
      expect([name, complaintsOf(type, name).length]).toEqual([name, 1])
    }
    expect(complaintsOf("gauge", "wso_age_seconds", " ")).toHaveLength(1)
  })
})
