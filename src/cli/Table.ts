/**
 * Columns for people, which `awk` can take apart: no lines, no colours within a cell that count for its width.
 */

// eslint-disable-next-line no-control-regex -- the escape is what is looked for
const COLOUR = /\u001b\[[0-9;]*m/g

/** What a terminal could take for a command is shown as a space. */
// eslint-disable-next-line no-control-regex -- control characters are what is looked for
const CONTROL = /[\u0000-\u001a\u001c-\u001f\u007f]/g

const width = (cell: string): number => cell.replace(COLOUR, "").length

/** Left-aligned columns, two spaces apart; an empty cell is `-`, so that each row has as many words as columns. */
export const table = (header: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>): string => {
  const lines = [header, ...rows].map((row) =>
    row.map((cell) => (cell === "" ? "-" : cell.replace(CONTROL, " ")))
  )
  const widths = header.map((_, column) => Math.max(...lines.map((row) => width(row[column] ?? ""))))
  return lines
    .map((row) =>
      row
        .map((cell, column) => cell + " ".repeat((widths[column] ?? 0) - width(cell)))
        .join("  ")
        .trimEnd()
    )
    .join("\n")
}

/** `key: value` lines with the values in one column. */
export const pairs = (entries: ReadonlyArray<readonly [string, string]>, indent = ""): string => {
  const longest = Math.max(...entries.map(([key]) => key.length))
  return entries
    .map(([key, value]) =>
      `${indent}${`${key}:`.padEnd(longest + 2)}${value.replace(CONTROL, " ")}`.trimEnd()
    )
    .join("\n")
}
