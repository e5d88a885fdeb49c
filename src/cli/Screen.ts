/**
 * Where a command's output goes: data to stdout, talk to stderr; colours and clearing on a terminal only.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"

export type Tone = "good" | "warning" | "bad" | "dim" | "bold"

export class Screen extends Context.Tag("workspace-orchestrator/cli/Screen")<
  Screen,
  {
    readonly isTerminal: boolean
    /** Data, a line or several. */
    readonly print: (text: string) => Effect.Effect<void>
    /** Talk: progress and errors. */
    readonly say: (text: string) => Effect.Effect<void>
    /** The text in a tone, where there are colours. */
    readonly paint: (text: string, tone: Tone) => string
    /** Empties the terminal; nothing where there is none. */
    readonly clear: Effect.Effect<void>
  }
>() {}

export const tones: Readonly<Record<Tone, string>> = {
  good: "32",
  warning: "33",
  bad: "31",
  dim: "2",
  bold: "1"
}
