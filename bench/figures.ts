/** How the benchmarks print what they have measured, and hand it to the one that runs all of them (`bench/main.ts`). */

/** The value below which that part of the values lies (nearest rank). */
export const percentile = (values: ReadonlyArray<number>, part: number): number => {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)] ?? NaN
}

const NAME_WIDTH = 64
const CELL_WIDTH = 10

/** One line of a table: a name, then cells. */
export const row = (name: string, ...cells: ReadonlyArray<string | number>): void => {
  const text = cells.map((cell) => (typeof cell === "number" ? cell.toFixed(0) : cell).padStart(CELL_WIDTH))
  console.log(name.padEnd(NAME_WIDTH) + text.join(""))
}

/** One thing that was measured. */
export interface Figure {
  /** The heading under which it stands. */
  readonly group: string
  readonly name: string
  readonly unit: "ms" | "/s" | "KB" | "MB"
  readonly median: number
  /** The worst of the rounds, where there were several. */
  readonly worst: number | null
  /** What it is to be compared with: the value of another figure of the same run, or a stated aim. */
  readonly beside: { readonly name: string; readonly value: number } | null
  /** What we aim at: at most so much, or at least for what is counted by the second. */
  readonly aim: number | null
}

const THOUSAND = 1_000
const PRECISE_BELOW = 10

/** Three digits or so: more would pretend a precision that one run does not have. */
export const shown = (value: number): string => {
  if (!Number.isFinite(value)) return "-"
  if (Math.abs(value) >= THOUSAND) return Math.round(value).toLocaleString("en")
  return Math.abs(value) >= PRECISE_BELOW ? value.toFixed(0) : value.toPrecision(2)
}

/** What it is beside the other figure: 2.0 is twice as much. */
export const ratioOf = ({ beside, median }: Figure): string =>
  beside === null ? "" : (median / beside.value).toFixed(2)

/** Prints the figure, and sends it to whoever has started this benchmark. */
export const report = (
  group: string,
  name: string,
  unit: Figure["unit"],
  values: number | ReadonlyArray<number>,
  options: { readonly beside?: Figure["beside"]; readonly aim?: number } = {}
): Figure => {
  const all = typeof values === "number" ? [values] : values
  const figure: Figure = {
    group,
    name,
    unit,
    median: percentile(all, 0.5),
    worst: all.length < 2 ? null : percentile(all, unit === "/s" ? 0 : 1),
    beside: options.beside ?? null,
    aim: options.aim ?? null
  }
  row(
    `${group}: ${name}, ${unit}`,
    shown(figure.median),
    figure.worst === null ? "" : shown(figure.worst),
    ratioOf(figure),
    figure.aim === null ? "" : shown(figure.aim)
  )
  process.send?.(figure)
  return figure
}
