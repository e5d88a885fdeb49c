/** How long garbage collection has held the process up, by the name that Prometheus' client libraries have made usual. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { constants, PerformanceObserver } from "node:perf_hooks"
import { histograms } from "./Metrics.ts"

const BUCKETS = [0.001, 0.01, 0.1, 1, 2, 5]
const MS_PER_SECOND = 1_000

const durations = histograms("nodejs_gc_duration_seconds", "Garbage collections, by their kind", BUCKETS, [
  "kind"
])

const kinds: ReadonlyMap<unknown, string> = new Map([
  [constants.NODE_PERFORMANCE_GC_MAJOR, "major"],
  [constants.NODE_PERFORMANCE_GC_MINOR, "minor"],
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL, "incremental"],
  [constants.NODE_PERFORMANCE_GC_WEAKCB, "weakcb"]
])
for (const kind of kinds.values()) durations(kind)

/** Node's own types leave out the details that its entries for garbage collection have. */
const kindOf = (entry: object): string | undefined => {
  const detail = "detail" in entry ? entry.detail : undefined
  return typeof detail === "object" && detail !== null && "kind" in detail
    ? kinds.get(detail.kind)
    : undefined
}

/** Watches until the scope closes. */
export const watch: Effect.Effect<void, never, Scope.Scope> = Effect.asVoid(
  Effect.acquireRelease(
    Effect.sync(() => {
      const observer = new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) {
          const kind = kindOf(entry)
          if (kind !== undefined) durations(kind).observe(entry.duration / MS_PER_SECOND)
        }
      })
      observer.observe({ entryTypes: ["gc"] })
      return observer
    }),
    (observer) => Effect.sync(() => observer.disconnect())
  )
)
