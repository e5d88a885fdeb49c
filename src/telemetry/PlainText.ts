/**
 * Text from elsewhere, made harmless for a terminal and for a reader: what could move the cursor, change colours, turn the
 * direction of writing, hide itself or begin a line is written as its escape, `\u202e` or `\n`.
 */
import * as Predicate from "effect/Predicate"

/**
 * Control characters (C0, DEL, C1), format characters (bidirectional controls, zero-width ones, tags), halves of surrogate
 * pairs, and the separators of lines and paragraphs.
 */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu
const UNSEEN_BUT_NEWLINE = /(?!\n)[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu

/** Longer texts are cut where they are shown to a person; `-o json` and the log have them whole. */
const MAX_LENGTH = 4_000
/** What is nested deeper is left out. */
const MAX_DEPTH = 64

const SHORT: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" }

/** UTF-16 units, as JSON writes them: what is escaped inside a JSON text stays the same value. */
const escapeOf = (character: string): string =>
  SHORT[character] ??
  [...Array(character.length).keys()]
    .map((index) => `\\u${character.charCodeAt(index).toString(16).padStart(4, "0")}`)
    .join("")

/** One line, of bounded length, in which every character is seen. */
export const escaped = (text: string, maxLength = MAX_LENGTH): string => {
  const whole = text.slice(0, maxLength).replace(UNSEEN, escapeOf)
  return text.length > maxLength ? `${whole}… (${text.length} characters)` : whole
}

/** The same for a text of several lines, of any length: the last boundary before a terminal. */
export const escapedLines = (text: string): string => text.replace(UNSEEN_BUT_NEWLINE, escapeOf)

/** A JSON text with the same value, in which every character is seen. */
export const escapedJson = (json: string): string => escapedLines(json)

/** A value of JSON in which every text, and every key, is escaped. */
export const escapedValue = (value: unknown, depth = 0): unknown => {
  if (typeof value === "string") return escaped(value)
  if (depth > MAX_DEPTH) return null
  if (Array.isArray(value)) return value.map((item) => escapedValue(item, depth + 1))
  if (!Predicate.isRecord(value)) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [escaped(key), escapedValue(item, depth + 1)])
  )
}
