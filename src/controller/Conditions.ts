/**
 * Conditions in the shape that Kubernetes has taught operators to read: one statement about a thing, with the time since
 * when it holds and the revision against which it was observed (law 10).
 */
import * as DateTime from "effect/DateTime"
import * as Schema from "effect/Schema"

/** Longer messages are cut, so that a stack of errors cannot fill a status. */
export const MAX_MESSAGE_LENGTH = 1_024

/** `Unknown` is an answer of its own: what is stale is neither true nor false. */
export const ConditionStatus = Schema.Literal("True", "False", "Unknown")
export type ConditionStatus = typeof ConditionStatus.Type

/** A name for programs, stable across versions: `BackendOffline`, not a sentence. */
const CamelCase = Schema.String.pipe(Schema.pattern(/^[A-Z][A-Za-z0-9]*$/))

export const Condition = Schema.Struct({
  type: CamelCase,
  status: ConditionStatus,
  reason: CamelCase,
  /** A sentence for people. */
  message: Schema.String,
  /** When `status` last changed; a new reason or message does not move it. */
  lastTransitionTime: Schema.DateTimeUtc,
  /** The revision of the desired state that was looked at; null when there was none. */
  observedRevision: Schema.NullOr(Schema.String)
})
export type Condition = typeof Condition.Type

const cut = (message: string): string =>
  message.length <= MAX_MESSAGE_LENGTH ? message : `${message.slice(0, MAX_MESSAGE_LENGTH - 1)}…`

/** The condition as it was observed, with the time since when its status holds, in milliseconds since the epoch. */
export const makeCondition = (observed: Omit<Condition, "lastTransitionTime">, since: number): Condition => ({
  ...observed,
  message: cut(observed.message),
  lastTransitionTime: DateTime.unsafeMake(since)
})
