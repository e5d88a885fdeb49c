/**
 * Effect's metrics in Prometheus' text format (version 0.0.4). Every metric of ours begins with a name that
 * `promtool check metrics` accepts; Effect's own fiber counters do not and are left out.
 */
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import type * as MetricPair from "effect/MetricPair"
import * as MetricState from "effect/MetricState"
import * as Option from "effect/Option"

const OMITTED = /^effect_/

const escapeHelp = (text: string): string => text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n")
const escapeLabel = (text: string): string => escapeHelp(text).replaceAll('"', '\\"')

const labelsOf = (pair: MetricPair.MetricPair.Untyped, extra?: readonly [string, string]): string => {
  const labels = pair.metricKey.tags.map(({ key, value }) => [key, value] as const)
  const all = extra === undefined ? labels : [...labels, extra]
  return all.length === 0 ? "" : `{${all.map(([key, value]) => `${key}="${escapeLabel(value)}"`).join(",")}}`
}

const numberOf = (value: number | bigint): string =>
  value === Infinity ? "+Inf" : value === -Infinity ? "-Inf" : String(value)

interface Family {
  readonly type: "counter" | "gauge" | "histogram"
  readonly help: string
  readonly lines: Array<string>
}

const linesOf = (
  name: string,
  pair: MetricPair.MetricPair.Untyped
): { readonly type: Family["type"]; readonly lines: ReadonlyArray<string> } | undefined => {
  const state = pair.metricState
  if (MetricState.isCounterState(state)) {
    return { type: "counter", lines: [`${name}${labelsOf(pair)} ${numberOf(state.count)}`] }
  }
  if (MetricState.isGaugeState(state)) {
    return { type: "gauge", lines: [`${name}${labelsOf(pair)} ${numberOf(state.value)}`] }
  }
  if (MetricState.isHistogramState(state)) {
    const buckets = state.buckets
      .filter(([boundary]) => boundary !== Infinity)
      .map(([boundary, count]) => `${name}_bucket${labelsOf(pair, ["le", numberOf(boundary)])} ${count}`)
    return {
      type: "histogram",
      lines: [
        ...buckets,
        `${name}_bucket${labelsOf(pair, ["le", "+Inf"])} ${state.count}`,
        `${name}_sum${labelsOf(pair)} ${state.sum}`,
        `${name}_count${labelsOf(pair)} ${state.count}`
      ]
    }
  }
  return undefined
}

/** All metrics as of now. */
export const render: Effect.Effect<string> = Effect.sync(() => {
  const families = new Map<string, Family>()
  for (const pair of Metric.unsafeSnapshot()) {
    const { name } = pair.metricKey
    if (OMITTED.test(name)) continue
    const rendered = linesOf(name, pair)
    if (rendered === undefined) continue
    const family = families.get(name) ?? {
      type: rendered.type,
      help: Option.getOrElse(pair.metricKey.description, () => name),
      lines: []
    }
    family.lines.push(...rendered.lines)
    families.set(name, family)
  }
  const text = [...families]
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .flatMap(([name, { help, lines, type }]) => [
      `# HELP ${name} ${escapeHelp(help)}`,
      `# TYPE ${name} ${type}`,
      ...lines
    ])
  return `${text.join("\n")}\n`
})
