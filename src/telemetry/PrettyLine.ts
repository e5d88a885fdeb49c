/**
 * A log line for a person at a terminal, made in this process from the JSON line that a machine would get: both say the
 * same, and what is redacted in one is redacted in the other.
 */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { escaped, escapedLines } from "./PlainText.ts"

const Line = Schema.parseJson(Schema.Record({ key: Schema.String, value: Schema.Unknown }))
const decodeLine = Schema.decodeUnknownOption(Line)
const ErrorField = Schema.Struct({ stack: Schema.optional(Schema.String), message: Schema.String })
const decodeError = Schema.decodeUnknownOption(ErrorField)

const DIM = 2
const COLOURS: Readonly<Record<string, number>> = {
  trace: 90,
  debug: 36,
  info: 32,
  warn: 33,
  error: 31,
  fatal: 35
}

const paint = (text: string, code: number | undefined, colour: boolean): string =>
  colour && code !== undefined ? `\u001b[${code}m${text}\u001b[0m` : text

/** Plain words stay plain; everything else is quoted, so that no control character reaches the terminal. */
const value = (field: unknown): string =>
  typeof field === "string" && /^[\w./:@+-]+$/.test(field) ? field : escapedLines(JSON.stringify(field))

/** `time LEVEL message key=value …`, and an error's stack below it. A line that is not JSON is returned as it is. */
export const prettyLine = (line: string, colour: boolean): string =>
  Option.match(decodeLine(line), {
    onNone: () => escapedLines(line),
    onSome: ({ err, level, msg, time, ...fields }) => {
      const label = typeof level === "string" ? level : "info"
      const clock = typeof time === "string" ? time.slice(11, 23) : ""
      const text = typeof msg === "string" ? escaped(msg, Infinity) : ""
      const pairs = Object.entries(fields).map(([key, field]) =>
        paint(`${escaped(key)}=${value(field)}`, DIM, colour)
      )
      const head = [
        paint(clock, DIM, colour),
        paint(label.toUpperCase().padEnd(5), COLOURS[label], colour),
        text,
        ...pairs
      ].join(" ")
      const stack = Option.match(decodeError(err), {
        onNone: () => "",
        onSome: (error) => escapedLines(error.stack ?? error.message).replace(/^/gm, "    ") + "\n"
      })
      return `${head}\n${stack}`
    }
  })
