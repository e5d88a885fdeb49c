/**
 * As much of Grafana's dashboard model (schema 39, Grafana 10.4 and later) as the dashboard of this folder needs: panels with
 * Prometheus expressions, in rows of 24 columns.
 */

const SCHEMA_VERSION = 39
const COLUMNS = 24
const DATASOURCE = { type: "prometheus", uid: "${datasource}" } as const

/** Grafana's names of units. */
export type Unit =
  "short" | "s" | "bytes" | "percentunit" | "reqps" | "ops" | "bool_yes_no" | "dateTimeFromNow"

export interface Query {
  readonly expr: string
  /** `{{label}}` is replaced by a label's value. */
  readonly legend: string
}

export interface Panel {
  readonly title: string
  /** What it shows and what to do about it, in Markdown. */
  readonly description: string
  /** The sections of the runbook that it leads to, by the names of their alerts. */
  readonly alerts?: ReadonlyArray<string>
  /** `time`: lines over time. `now`: the newest value. `states`: coloured bars of 1 and 0. `heat`: a histogram's buckets. */
  readonly kind: "time" | "now" | "states" | "heat" | "table"
  readonly unit: Unit
  readonly queries: ReadonlyArray<Query>
  /** Orange and red from these values on. */
  readonly warnAt?: number
  readonly failAt?: number
  /** Instead: green from this value on, and red below. */
  readonly goodFrom?: number
  /** Lines are stacked: they are parts of a whole. */
  readonly stacked?: boolean
  readonly width?: number
}

export interface Row {
  readonly title: string
  readonly panels: ReadonlyArray<Panel>
}

const PANEL_HEIGHT = 7
const DEFAULT_WIDTH = 6

const types = {
  time: "timeseries",
  now: "stat",
  states: "state-timeline",
  heat: "heatmap",
  table: "table"
} as const

const stepsOf = ({ failAt, goodFrom, warnAt }: Panel) => {
  const from = (color: string, value: number | undefined) => (value === undefined ? [] : [{ color, value }])
  return goodFrom === undefined
    ? [{ color: "green", value: null }, ...from("orange", warnAt), ...from("red", failAt)]
    : [{ color: "red", value: null }, ...from("green", goodFrom)]
}

const customOf = (panel: Panel) => {
  if (panel.kind !== "time") return {}
  const hasLimit = panel.failAt !== undefined || panel.warnAt !== undefined
  return {
    drawStyle: "line",
    lineWidth: 1,
    fillOpacity: panel.stacked === true ? 30 : 5,
    showPoints: "never",
    stacking: { mode: panel.stacked === true ? "normal" : "none", group: "A" },
    thresholdsStyle: { mode: hasLimit ? "line" : "off" }
  }
}

const optionsOf = ({ kind }: Panel) => {
  switch (kind) {
    case "time":
      return {
        legend: { displayMode: "list", placement: "bottom", showLegend: true },
        tooltip: { mode: "multi", sort: "desc" }
      }
    case "now":
      return {
        reduceOptions: { calcs: ["lastNotNull"], fields: "", values: false },
        colorMode: "background",
        graphMode: "area",
        textMode: "value_and_name"
      }
    case "states":
      return { mergeValues: true, showValue: "never", legend: { showLegend: false } }
    case "heat":
      return { calculate: false, yAxis: { unit: "s" }, color: { scheme: "Oranges", mode: "scheme" } }
    case "table":
      return { showHeader: true }
  }
}

const refIdOf = (index: number): string => String.fromCharCode("A".charCodeAt(0) + index)

const describe = ({ alerts = [], description }: Panel): string =>
  [description, ...alerts.map((alert) => `[Runbook: ${alert}](\${runbook}#${alert.toLowerCase()})`)].join(
    "\n\n"
  )

const panelOf = (panel: Panel, id: number, x: number, y: number) => ({
  id,
  type: types[panel.kind],
  title: panel.title,
  description: describe(panel),
  datasource: DATASOURCE,
  gridPos: { h: PANEL_HEIGHT, w: panel.width ?? DEFAULT_WIDTH, x, y },
  fieldConfig: {
    defaults: {
      unit: panel.unit,
      min: panel.kind === "time" ? 0 : null,
      color: { mode: panel.kind === "time" ? "palette-classic" : "thresholds" },
      thresholds: { mode: "absolute", steps: stepsOf(panel) },
      custom: customOf(panel)
    },
    overrides: []
  },
  options: optionsOf(panel),
  targets: panel.queries.map(({ expr, legend }, index) => ({
    refId: refIdOf(index),
    datasource: DATASOURCE,
    expr,
    legendFormat: legend,
    editorMode: "code",
    format: panel.kind === "heat" ? "heatmap" : panel.kind === "table" ? "table" : "time_series",
    instant: panel.kind === "table",
    range: panel.kind !== "table"
  }))
})

/** Panels one beside the other, as many as fit, under the heading of their row. */
const layOut = (rows: ReadonlyArray<Row>) => {
  const laid: Array<object> = []
  let y = 0
  for (const { panels, title } of rows) {
    laid.push({
      id: laid.length + 1,
      type: "row",
      title,
      collapsed: false,
      panels: [],
      gridPos: { h: 1, w: COLUMNS, x: 0, y }
    })
    y += 1
    let x = 0
    for (const panel of panels) {
      const width = panel.width ?? DEFAULT_WIDTH
      if (x + width > COLUMNS) {
        x = 0
        y += PANEL_HEIGHT
      }
      laid.push(panelOf(panel, laid.length + 1, x, y))
      x += width
    }
    y += PANEL_HEIGHT
  }
  return laid
}

const labelValues = (name: string, query: string) => ({
  name,
  type: "query",
  label: name,
  datasource: DATASOURCE,
  query: { query, refId: name },
  definition: query,
  refresh: 2,
  sort: 1,
  multi: true,
  includeAll: true,
  allValue: ".*",
  current: { text: "All", value: "$__all" }
})

export interface Dashboard {
  readonly uid: string
  readonly title: string
  readonly description: string
  readonly tags: ReadonlyArray<string>
  /** A metric that every instance has: its labels are the choices of `job` and `instance`. */
  readonly everywhere: string
  /** Where the runbook is; relative, until it is installed (see docs/deployment.md). */
  readonly runbook: string
  /** Marked on every panel while it has samples. */
  readonly annotation: { readonly name: string; readonly expr: string; readonly title: string }
  readonly rows: ReadonlyArray<Row>
}

/** The dashboard as Grafana imports it. */
export const render = (dashboard: Dashboard) => ({
  uid: dashboard.uid,
  title: dashboard.title,
  description: dashboard.description,
  tags: dashboard.tags,
  schemaVersion: SCHEMA_VERSION,
  version: 1,
  editable: true,
  graphTooltip: 1,
  refresh: "30s",
  time: { from: "now-6h", to: "now" },
  timezone: "browser",
  links: [{ title: "Runbook", type: "link", url: "${runbook}", icon: "doc", targetBlank: true }],
  templating: {
    list: [
      {
        name: "datasource",
        type: "datasource",
        label: "data source",
        query: "prometheus",
        refresh: 1,
        current: {}
      },
      labelValues("job", `label_values(${dashboard.everywhere}, job)`),
      labelValues("instance", `label_values(${dashboard.everywhere}{job=~"$job"}, instance)`),
      {
        name: "runbook",
        type: "constant",
        label: "runbook",
        hide: 2,
        query: dashboard.runbook,
        current: { text: dashboard.runbook, value: dashboard.runbook }
      }
    ]
  },
  annotations: {
    list: [
      {
        name: dashboard.annotation.name,
        datasource: DATASOURCE,
        enable: true,
        iconColor: "red",
        expr: dashboard.annotation.expr,
        titleFormat: dashboard.annotation.title,
        step: "60s"
      }
    ]
  },
  panels: layOut(dashboard.rows)
})
