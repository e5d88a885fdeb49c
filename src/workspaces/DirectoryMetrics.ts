/**
 * What the directory is asked, how it answers and how long it takes.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Cause from "effect/Cause"
import * as Option from "effect/Option"
import { counter, counters, histograms } from "../telemetry/Metrics.ts"
import type { DirectoryError } from "./DirectoryError.ts"
import type { WorkspaceDirectory } from "./WorkspaceDirectory.ts"

type Call = keyof WorkspaceDirectory["Type"]

/** One request takes 10 s at most; a listing has many. */
const BUCKETS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]
const NANOS_PER_SECOND = 1e9

const calls = counters(
  "wso_directory_calls_total",
  "Questions to the Auth Worker, its retries included, by how they were answered",
  ["call", "result"]
)
const durations = histograms(
  "wso_directory_call_duration_seconds",
  "How long the Auth Worker took to answer a question, its retries included",
  BUCKETS,
  ["call"]
)

const coalesced = counter(
  "wso_nudges_coalesced_total",
  "Refreshes of the desired state that were answered by one which somebody else had asked for"
)

for (const call of ["list", "changes", "exists", "instancesOf"] as const) {
  calls(call, "ok")
  durations(call)
}

/** None is an answer of its own: a list that has not changed, a feed that no longer reaches back. */
const nones: Readonly<Record<Call, string>> = {
  list: "not_modified",
  changes: "too_old",
  exists: "ok",
  instancesOf: "not_offered"
}

const resultOf = (error: DirectoryError): string => {
  switch (error._tag) {
    case "DirectoryUnavailable":
      return error.reason === "status" ? "unavailable" : error.reason
    case "DirectoryMoved":
      return "redirect"
    case "DirectoryRejected":
      return "rejected"
    case "DirectoryMalformed":
      return "malformed"
    case "DirectoryInconsistent":
      return "inconsistent"
  }
}

const isNone = (value: unknown): boolean => Option.isOption(value) && Option.isNone(value)

const measured = <A>(call: Call, effect: Effect.Effect<A, DirectoryError>) =>
  Effect.gen(function* () {
    const startedAt = yield* Clock.currentTimeNanos
    return yield* Effect.onExit(effect, (exit) =>
      Effect.map(Clock.currentTimeNanos, (endedAt) => {
        // Who asked has gone: that says nothing about the directory.
        if (Exit.isFailure(exit) && Cause.isInterruptedOnly(exit.cause)) return
        const result = Exit.match(exit, {
          onSuccess: (value) => (isNone(value) ? nones[call] : "ok"),
          onFailure: (cause) =>
            Option.match(Cause.failureOption(cause), { onNone: () => "defect", onSome: resultOf })
        })
        calls(call, result).add()
        durations(call).observe(Number(endedAt - startedAt) / NANOS_PER_SECOND)
      })
    )
  })

/** One more asks for a refresh that is to come anyway. */
export const refreshShared = (): void => coalesced.add()

/** The directory, measured. */
export const measure = (directory: WorkspaceDirectory["Type"]): WorkspaceDirectory["Type"] => ({
  list: (known) => measured("list", directory.list(known)),
  changes: (since, lineage) => measured("changes", directory.changes(since, lineage)),
  exists: (instanceId) => measured("exists", directory.exists(instanceId)),
  instancesOf: (userId) => measured("instancesOf", directory.instancesOf(userId))
})
