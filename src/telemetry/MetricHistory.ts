/**
 * What counters have grown by, and how high gauges stood, over the last day: read off the metrics themselves, so that a
 * report and Prometheus say the same. It forgets with the process; long term is Prometheus' business.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import * as MetricState from "effect/MetricState"
import type * as Scope from "effect/Scope"
import * as Supervised from "../controller/Supervised.ts"

export interface Options {
  /** The names of the counters that are followed. */
  readonly counters: ReadonlyArray<string>
  /** The names of the gauges whose highest values are followed. */
  readonly gauges: ReadonlyArray<string>
  /** How far back it reaches, in milliseconds. */
  readonly windowMs: number
  /** How often it looks, in milliseconds; the window's beginning is as exact as this. */
  readonly everyMs: number
}

export interface Growth {
  readonly labels: Readonly<Record<string, string>>
  readonly count: number
}

export interface MetricHistory {
  /** From when on it knows: the window's beginning, or its own (milliseconds since the epoch). */
  readonly since: (now: number) => number
  /** By how much a counter has grown in the window, by its labels; what has not grown is left out. */
  readonly growth: (name: string, now: number) => ReadonlyArray<Growth>
  /** The highest value of a gauge in the window; undefined if it was never set. */
  readonly highest: (name: string, now: number) => number | undefined
  /** The value of a gauge now; undefined if it was never set. */
  readonly latest: (name: string) => number | undefined
}

interface Series {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

interface Sample {
  readonly at: number
  /** Series that stand above 0, by name and labels: a server in good health has few. */
  readonly counters: ReadonlyMap<string, Series>
  readonly gauges: ReadonlyMap<string, number>
}

const take = (options: Options, at: number): Sample => {
  const counters = new Map<string, Series>()
  const gauges = new Map<string, number>()
  for (const { metricKey, metricState } of Metric.unsafeSnapshot()) {
    const { name, tags } = metricKey
    if (MetricState.isCounterState(metricState) && options.counters.includes(name)) {
      const value = Number(metricState.count)
      if (value === 0) continue
      const labels = Object.fromEntries(tags.map((tag) => [tag.key, tag.value]))
      counters.set(`${name} ${JSON.stringify(labels)}`, { name, labels, value })
    } else if (MetricState.isGaugeState(metricState) && options.gauges.includes(name)) {
      gauges.set(name, Math.max(gauges.get(name) ?? -Infinity, Number(metricState.value)))
    }
  }
  return { at, counters, gauges }
}

/** Looks until the scope closes. */
export const make = (options: Options): Effect.Effect<MetricHistory, never, Scope.Scope> =>
  Effect.gen(function* () {
    const most = Math.ceil(options.windowMs / options.everyMs) + 2
    const samples: Array<Sample> = [take(options, yield* Clock.currentTimeMillis)]
    const look = Effect.gen(function* () {
      const now = yield* Clock.currentTimeMillis
      samples.push(take(options, now))
      // The newest of those beyond the window stays: it is what the window is compared with. They are counted, too: by a
      // wall clock that was set back none of them would leave until it has caught up.
      while ((samples[1]?.at ?? Infinity) <= now - options.windowMs || samples.length > most) samples.shift()
    })
    yield* Supervised.run("metric-history", Effect.forever(Effect.delay(look, options.everyMs)), {
      isVital: false
    })

    const first = (now: number): Sample | undefined =>
      samples.findLast(({ at }) => at <= now - options.windowMs) ?? samples[0]

    return {
      since: (now) => Math.max(first(now)?.at ?? now, now - options.windowMs),
      growth: (name, now) => {
        const before = first(now)?.counters
        return [...take(options, now).counters].flatMap(([key, { labels, name: own, value }]) => {
          const count = value - (before?.get(key)?.value ?? 0)
          return own === name && count > 0 ? [{ labels, count }] : []
        })
      },
      latest: (name) => take(options, 0).gauges.get(name),
      highest: (name, now) => {
        const values = [
          ...samples.filter(({ at }) => at >= now - options.windowMs),
          take(options, now)
        ].flatMap(({ gauges }) => gauges.get(name) ?? [])
        return values.length === 0 ? undefined : Math.max(...values)
      }
    }
  })
