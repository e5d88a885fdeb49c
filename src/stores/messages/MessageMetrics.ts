/** What the attempts to handle user messages came to, and how long handlers took. */
import { counters, histogram } from "../../telemetry/Metrics.ts"
import type { HandlerError } from "./MessageHandler.ts"

/** A handler asks a model, or a person's program: from milliseconds to minutes. */
const BUCKETS = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120]
const MS_PER_SECOND = 1_000

const attempts = counters(
  "wso_message_attempts_total",
  "Attempts to handle a user message, by result: answered, dismissed (it needs no answer), refused, or why it failed",
  ["result"]
)
const durations = histogram(
  "wso_message_handling_duration_seconds",
  "From handing a user message to its handler until the handler was done, or had failed",
  BUCKETS
)

/** Refused: the breaker in front of the handler was open, and nobody was asked. */
type AttemptResult = "answered" | "dismissed" | "refused" | HandlerError["reason"]

// Zero from the beginning: an alert on an increase sees the first one.
const results: ReadonlyArray<AttemptResult> = [
  "answered",
  "dismissed",
  "refused",
  "failed",
  "timeout",
  "unavailable"
]
for (const result of results) attempts(result)

export const attempted = (result: AttemptResult, durationMs: number): void => {
  attempts(result).add()
  durations.observe(durationMs / MS_PER_SECOND)
}
