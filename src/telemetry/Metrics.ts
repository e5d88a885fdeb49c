/**
 * Effect's metrics as they are used here: made once, with their labels, so that counting costs no lookup and no fiber.
 * A label's value is one of a few words of ours; an id, or anything that a sender chose, never is.
 */
import * as Metric from "effect/Metric"
import * as MetricBoundaries from "effect/MetricBoundaries"
import * as MetricKey from "effect/MetricKey"
import type * as MetricKeyType from "effect/MetricKeyType"

export interface Counter {
  readonly add: (value?: number) => void
}

export interface Gauge {
  readonly set: (value: number) => void
}

export interface Histogram {
  /** In seconds, unless the name says otherwise. */
  readonly observe: (value: number) => void
}

type Labels = Readonly<Record<string, string>>

const labelled = <Type extends MetricKeyType.MetricKeyType<number, unknown>>(
  key: MetricKey.MetricKey<Type>,
  labels: Labels
) => {
  // Tags of the key and not of the metric, which would look its hook up anew at each update.
  const tagged = Object.entries(labels).reduce(
    (made, [name, value]) => MetricKey.tagged(made, name, value),
    key
  )
  return Metric.fromMetricKey(tagged)
}

/** Stands at 0 from the beginning, so that its first increase can be seen. */
export const counter = (name: string, description: string, labels: Labels = {}): Counter => {
  const metric = labelled(MetricKey.counter(name, { description, incremental: true }), labels)
  metric.unsafeValue([])
  return { add: (value = 1) => metric.unsafeUpdate(value, []) }
}

/** Is not shown before it is set. */
export const gauge = (name: string, description: string, labels: Labels = {}): Gauge => {
  const metric = labelled(MetricKey.gauge(name, { description }), labels)
  return { set: (value) => metric.unsafeUpdate(value, []) }
}

/** `buckets` are upper bounds, in ascending order, without infinity. */
export const histogram = (
  name: string,
  description: string,
  buckets: ReadonlyArray<number>,
  labels: Labels = {}
): Histogram => {
  const metric = labelled(
    MetricKey.histogram(name, MetricBoundaries.fromIterable(buckets), description),
    labels
  )
  metric.unsafeValue([])
  // What is observed is a duration, an age or a number: none is negative, whatever a clock does.
  return { observe: (value) => metric.unsafeUpdate(Math.max(0, value), []) }
}

type ValuesOf<Names extends ReadonlyArray<string>> = { readonly [Index in keyof Names]: string }

/** The metrics of one name by the values of its labels, each made when it is first asked for. */
const family = <const Names extends ReadonlyArray<string>, A>(
  names: Names,
  make: (labels: Labels) => A
): ((...values: ValuesOf<Names>) => A) => {
  const made = new Map<string, A>()
  return (...values) => {
    const key = values.join("\n")
    const known = made.get(key)
    if (known !== undefined) return known
    const one = make(Object.fromEntries(names.map((name, index) => [name, values[index] ?? ""])))
    made.set(key, one)
    return one
  }
}

export const counters = <const Names extends ReadonlyArray<string>>(
  name: string,
  description: string,
  labels: Names
) => family(labels, (values) => counter(name, description, values))

export const gauges = <const Names extends ReadonlyArray<string>>(
  name: string,
  description: string,
  labels: Names
) => family(labels, (values) => gauge(name, description, values))

export const histograms = <const Names extends ReadonlyArray<string>>(
  name: string,
  description: string,
  buckets: ReadonlyArray<number>,
  labels: Names
) => family(labels, (values) => histogram(name, description, buckets, values))
