/** Every expression of the alert rules and of the dashboard, against what a running server really shows. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { beforeAll, describe, expect, it } from "vitest"
import { dashboard } from "../../spec/dashboards/dashboard.ts"
import { readAlertRules } from "../support/AlertRules.ts"
import { everyMetric } from "../support/EveryMetric.ts"
import { parse, type Sample } from "../support/PrometheusText.ts"
import { mentionedIn } from "../support/PromQl.ts"
import { hasPromtool, promtool, promtoolMissing } from "../support/Promtool.ts"

const rules = readAlertRules()

interface Expression {
  readonly name: string
  readonly expr: string
}

/** As Grafana sends it: its variables have values. */
const filledIn = (expr: string): string =>
  expr
    .replaceAll("$__rate_interval", "5m")
    .replaceAll("$job", "workspace-orchestrator")
    .replaceAll("$instance", "[^:]+:[0-9]+")

const expressions: ReadonlyArray<Expression> = [
  ...rules.map(({ expr, name }) => ({ name: `rule ${name}`, expr })),
  ...dashboard.rows.flatMap((row) =>
    row.panels.flatMap(({ queries, title }) =>
      queries.map(({ expr, legend }) => ({ name: `${row.title}: ${title}: ${legend}`, expr: filledIn(expr) }))
    )
  ),
  { name: "the dashboard's annotation", expr: filledIn(dashboard.annotation.expr) }
]

/** What a scrape adds to each series. */
const OF_THE_SCRAPE = ["job", "instance"]
/** What Prometheus makes itself, with the labels that it has beside those. */
const OF_PROMETHEUS = new Map([
  ["up", []],
  ["ALERTS", ["alertname", "alertstate", "severity"]]
])
/** The rules aggregate by what the scrape adds. */
const recorded = new Set(rules.filter(({ kind }) => kind === "record").map(({ name }) => name))

describe("every expression of the alert rules and of the dashboard", () => {
  let text = ""
  const samples = new Map<string, Array<Sample>>()

  beforeAll(async () => {
    text = await everyMetric()
    for (const sample of [...parse(text).values()].flatMap((family) => family.samples)) {
      const known = samples.get(sample.name)
      if (known === undefined) samples.set(sample.name, [sample])
      else known.push(sample)
    }
  })

  /** The labels of a metric; undefined if there is no such metric. */
  const labelsOf = (metric: string): ReadonlySet<string> | undefined => {
    const own = recorded.has(metric) ? [] : OF_PROMETHEUS.get(metric)
    const shown = samples.get(metric)
    if (own === undefined && shown === undefined) return undefined
    return new Set([
      ...OF_THE_SCRAPE,
      ...(own ?? []),
      ...(shown ?? []).flatMap(({ labels }) => Object.keys(labels))
    ])
  }

  /** Whether any series has what is compared with: a value that none has is misspelt. */
  const isKnown = (metric: string, label: string, operator: string, value: string): boolean => {
    if (OF_THE_SCRAPE.includes(label) || OF_PROMETHEUS.has(metric)) return true
    const pattern = operator.endsWith("~") ? new RegExp(`^(?:${value})$`) : undefined
    return (samples.get(metric) ?? []).some(({ labels }) => {
      const has = labels[label] ?? ""
      return pattern === undefined ? has === value : pattern.test(has)
    })
  }

  it("is about metrics and labels that are there", () => {
    const wrong: Array<string> = []
    for (const { expr, name } of expressions) {
      const { groupedBy, selectors } = mentionedIn(expr)
      const all = new Set<string>()
      for (const { matchers, metric } of selectors) {
        const labels = labelsOf(metric)
        if (labels === undefined) wrong.push(`${name}: there is no metric ${metric}`)
        for (const label of labels ?? []) all.add(label)
        for (const { label, operator, value } of matchers) {
          if (labels?.has(label) === false) wrong.push(`${name}: ${metric} has no label ${label}`)
          else if (!isKnown(metric, label, operator, value))
            wrong.push(`${name}: no ${metric} has ${label} ${value}`)
        }
      }
      if (selectors.length === 0) wrong.push(`${name}: is about nothing`)
      for (const label of groupedBy)
        if (!all.has(label)) wrong.push(`${name}: nothing in it has a label ${label}`)
    }
    expect(wrong).toEqual([])
    expect(expressions.length).toBeGreaterThan(100)
  })

  it("has a legend that names labels which its answer has", () => {
    const wrong = dashboard.rows.flatMap(({ panels }) =>
      panels.flatMap(({ queries, title }) =>
        queries.flatMap(({ expr, legend }) => {
          const { groupedBy, selectors } = mentionedIn(filledIn(expr))
          const labels = new Set([
            ...groupedBy,
            ...selectors.flatMap(({ metric }) =>
              /\b(?:sum|max|min) ?\(|\bby /.test(expr) ? [] : [...(labelsOf(metric) ?? [])]
            )
          ])
          return [...legend.matchAll(/\{\{(\w+)\}\}/g)].flatMap(([, label = ""]) =>
            labels.has(label) ? [] : [`${title}: ${legend}`]
          )
        })
      )
    )
    expect(wrong).toEqual([])
  })

  it("is about metrics that docs/metrics.md has (else: npm run docs:metrics)", () => {
    const document = readFileSync(new URL("../../docs/metrics.md", import.meta.url), "utf8")
    const documented = new Set([...document.matchAll(/^\| `(\w+)`/gm)].map(([, name = ""]) => name))
    const undocumented = expressions
      .flatMap(({ expr }) => mentionedIn(expr).selectors)
      .map(({ metric }) => metric)
      .filter((metric) => !OF_PROMETHEUS.has(metric) && !recorded.has(metric))
      .filter(
        (metric) => !documented.has(metric) && !documented.has(metric.replace(/_(?:bucket|sum|count)$/, ""))
      )
    expect(undocumented).toEqual([])
  })

  it.skipIf(!hasPromtool)(`is one (${hasPromtool ? "promtool" : promtoolMissing})`, () => {
    const path = mkdtempSync(join(tmpdir(), "wso-expressions-"))
    try {
      const file = join(path, "expressions.yml")
      // JSON is YAML.
      const wrapped = expressions.map(({ expr }, index) => ({ record: `expression:${index}`, expr }))
      writeFileSync(file, JSON.stringify({ groups: [{ name: "expressions", rules: wrapped }] }))
      expect(promtool(["check", "rules", file])).toBe("")
    } finally {
      rmSync(path, { recursive: true, force: true })
    }
  })

  it.skipIf(!hasPromtool)(
    `of a server whose metrics promtool likes (${hasPromtool ? "promtool" : promtoolMissing})`,
    () => {
      expect(promtool(["check", "metrics"], text)).toBe("")
    }
  )
})

describe("the alert rules", () => {
  it.skipIf(!hasPromtool)(`pass their own tests (${hasPromtool ? "promtool" : promtoolMissing})`, () => {
    const folder = new URL("../../spec/alerts/", import.meta.url).pathname
    const files = readdirSync(folder).map((name) => join(folder, name))
    const isTest = (name: string) => name.endsWith(".test.yml")
    expect(promtool(["check", "rules", ...files.filter((name) => !isTest(name))])).toBe("")
    expect(promtool(["test", "rules", ...files.filter(isTest)])).toBe("")
  })
})
