/**
 * The screen of this process: stdout and stderr.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { escapedLines } from "../telemetry/PlainText.ts"
import { Screen, tones } from "./Screen.ts"

const CLEAR = "\u001b[2J\u001b[H"

// eslint-disable-next-line no-control-regex -- the escape is what is looked for
const COLOUR = /\u001b\[[0-9;]*m/g

/** The colours of ours; where there are none, nothing that could be one passes. */
const harmless = (text: string, colour: boolean): string => {
  if (!colour) return escapedLines(text)
  const colours = text.match(COLOUR) ?? []
  return text
    .split(COLOUR)
    .map((part, index) => `${escapedLines(part)}${colours[index] ?? ""}`)
    .join("")
}

const write = (stream: NodeJS.WriteStream, text: string, colour: boolean): Effect.Effect<void> =>
  Effect.sync(() => void stream.write(`${harmless(text, colour)}\n`))

export const layer = (colour: boolean): Layer.Layer<Screen> =>
  Layer.succeed(Screen, {
    isTerminal: process.stdout.isTTY,
    print: (text) => write(process.stdout, text, colour),
    say: (text) => write(process.stderr, text, colour),
    paint: (text, tone) => (colour ? `\u001b[${tones[tone]}m${text}\u001b[0m` : text),
    clear: Effect.sync(() => {
      if (process.stdout.isTTY) process.stdout.write(CLEAR)
    })
  })

/** What @effect/cli prints through: it colours its help whatever it prints to (field notes). */
export const withConsole =
  (colour: boolean) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> => {
    const plain = (parts: ReadonlyArray<unknown>): string => {
      const text = parts.map(String).join(" ")
      return (colour ? text : text.replace(COLOUR, "")).trimEnd()
    }
    return Effect.consoleWith((console) =>
      Effect.withConsole(effect, {
        ...console,
        log: (...parts: ReadonlyArray<unknown>) => write(process.stdout, plain(parts), colour),
        error: (...parts: ReadonlyArray<unknown>) => write(process.stderr, plain(parts), colour)
      })
    )
  }
