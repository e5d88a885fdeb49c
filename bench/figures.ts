/** How the benchmarks print what they have measured. */

/** The value below which that part of the values lies (nearest rank). */
export const percentile = (values: ReadonlyArray<number>, part: number): number => {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)] ?? NaN
}

const NAME_WIDTH = 44
const CELL_WIDTH = 10

/** One line of a table: a name, then cells. */
export const row = (name: string, ...cells: ReadonlyArray<string | number>): void => {
  const text = cells.map((cell) => (typeof cell === "number" ? cell.toFixed(0) : cell).padStart(CELL_WIDTH))
  console.log(name.padEnd(NAME_WIDTH) + text.join(""))
}
