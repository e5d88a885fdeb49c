/**
 * What SQLite takes of a JavaScript value, and gives back unchanged. Every value that is bound or read goes through here,
 * because SQLite and its binding change some values silently and refuse others:
 *
 * - An INTEGER column of a STRICT table refuses a fraction. Times and counts are whole here, so a fraction is rounded.
 * - NaN would be stored as NULL, and beyond 2^53 a number is no longer exact. Both are refused.
 * - A text ends at its first NUL, and a lone surrogate becomes U+FFFD: two ids that differ would be one row. Both are
 *   escaped, as is the escape character itself, so that what is read is what was written.
 */
import * as Schema from "effect/Schema"

export type Value = string | number | null

/** A number that no column can hold: it is a defect of the caller, and the write fails as a whole. */
export class NotStorable extends Schema.TaggedError<NotStorable>()("NotStorable", {
  value: Schema.String
}) {
  override get message(): string {
    return `${this.value} cannot be stored: numbers are whole and within ±(2^53 - 1)`
  }
}

/** A character of the private use area, followed by four hex digits of a UTF-16 code unit. */
const ESCAPE = "\ue000"
/** With the `u` flag a surrogate pair is one code point, so that this finds surrogates without a partner only. */
const UNSTORABLE = /[\0\ue000\ud800-\udfff]/gu
const ESCAPED = /\ue000([0-9a-f]{4})/g

/** Escapes what SQLite would not give back. The ordinary text is the same string. */
export const encodeText = (text: string): string =>
  text.replace(UNSTORABLE, (unit) => ESCAPE + unit.charCodeAt(0).toString(16).padStart(4, "0"))

/** The text that `encodeText` has been given. */
export const decodeText = (text: string): string =>
  text.includes(ESCAPE)
    ? text.replace(ESCAPED, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
    : text

/** The nearest whole number, as every column of a time or a count holds it. */
export const whole = (value: number): number => {
  const rounded = Math.round(value)
  if (!Number.isSafeInteger(rounded)) throw new NotStorable({ value: String(value) })
  // Not -0, which SQLite does not know.
  return rounded + 0
}

export const encode = (value: Value): Value =>
  typeof value === "number" ? whole(value) : typeof value === "string" ? encodeText(value) : value

/** JSON whose values are escaped already: what is bound next must not escape their escape character again. */
const jsonOf = (value: unknown): string => JSON.stringify(value).replaceAll(ESCAPE, "\\ue000")

/** Rows for `json_each`, whose values are bound like any other. */
export const encodeRows = (rows: ReadonlyArray<ReadonlyArray<Value>>): string =>
  jsonOf(rows.map((row) => row.map(encode)))

/** A list for `json_each`. */
export const encodeList = (values: ReadonlyArray<Value>): string => jsonOf(values.map(encode))

/** A row as it was written. */
export const decodeRow = (row: unknown): unknown => {
  if (typeof row !== "object" || row === null) return row
  const columns: ReadonlyArray<readonly [string, unknown]> = Object.entries(row)
  const isEscaped = columns.some(([, value]) => typeof value === "string" && value.includes(ESCAPE))
  if (!isEscaped) return row
  return Object.fromEntries(
    columns.map(([name, value]) => [name, typeof value === "string" ? decodeText(value) : value])
  )
}
