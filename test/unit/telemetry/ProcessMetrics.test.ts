import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { expect, it } from "vitest"
import * as ProcessMetrics from "../../../src/telemetry/ProcessMetrics.ts"
import * as Prometheus from "../../../src/telemetry/Prometheus.ts"
import { parse } from "../../support/PrometheusText.ts"

it("says what the process costs, and which version it is", async () => {
  const metrics = await Effect.gen(function* () {
    yield* Layer.build(ProcessMetrics.layer({ version: "1.2.3", commit: "abc1234" }))
    yield* Effect.yieldNow()
    return parse(yield* Prometheus.render)
  }).pipe(Effect.scoped, Effect.runPromise)
  const valueOf = (name: string) => metrics.get(name)?.samples[0]?.value ?? NaN

  expect(metrics.get("wso_build_info")?.samples).toEqual([
    {
      name: "wso_build_info",
      labels: { version: "1.2.3", commit: "abc1234", node: process.version },
      value: 1
    }
  ])
  const startedAt = Date.now() / 1_000 - process.uptime()
  expect(Math.abs(valueOf("process_start_time_seconds") - startedAt)).toBeLessThan(5)
  expect(valueOf("process_resident_memory_bytes")).toBeGreaterThan(valueOf("nodejs_heap_size_used_bytes"))
  expect(valueOf("process_cpu_seconds_total")).toBeGreaterThan(0)
  expect(valueOf("nodejs_eventloop_lag_max_seconds")).toBeGreaterThanOrEqual(0)
  expect(valueOf("wso_memory_limit_bytes")).toBeGreaterThan(valueOf("process_resident_memory_bytes"))
  expect(valueOf("nodejs_heap_size_limit_bytes")).toBeGreaterThan(valueOf("nodejs_heap_size_used_bytes"))
  expect(metrics.get("nodejs_gc_duration_seconds")?.samples.map(({ labels }) => labels["kind"])).toContain(
    "major"
  )
})
