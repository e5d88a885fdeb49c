import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { AuthWorker, Exchange, Unreachable } from "./AuthWorker.ts"

/** What an Auth Worker may announce beyond the plain list, and what it may offer unannounced. */
export type Part = "required" | "revision" | "pages" | "changes" | "get" | "instances" | "driven"

/** The Auth Worker does otherwise than the line says. */
export class Violation extends Schema.TaggedError<Violation>()("Violation", { message: Schema.String }) {}

/** The Auth Worker does not offer what the line is about, and need not. */
export class Absent extends Schema.TaggedError<Absent>()("Absent", { message: Schema.String }) {}

/** One sentence of the contract, section 1, and how it is examined. */
export interface Line {
  readonly id: string
  readonly part: Part
  readonly text: string
  readonly check: Effect.Effect<void, Violation | Absent | Unreachable, AuthWorker>
}

export interface Verdict {
  readonly id: string
  readonly part: Part
  readonly text: string
  readonly verdict: "holds" | "absent" | "violated"
  /** Why, unless it holds. */
  readonly reason?: string
  /** What was asked and answered, where it is violated. */
  readonly exchanges?: ReadonlyArray<Exchange>
}
