import { it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Option from "effect/Option"
import * as TestClock from "effect/TestClock"
import { describe, expect } from "vitest"
import * as Prometheus from "../../../src/telemetry/Prometheus.ts"
import {
  DirectoryInconsistent,
  DirectoryMalformed,
  DirectoryRejected,
  DirectoryUnavailable,
  type DirectoryError
} from "../../../src/workspaces/DirectoryError.ts"
import * as DirectoryMetrics from "../../../src/workspaces/DirectoryMetrics.ts"
import { WorkspaceDirectory } from "../../../src/workspaces/WorkspaceDirectory.ts"
import { parse } from "../../support/PrometheusText.ts"

const known = { revision: null, features: new Set<never>() }

const directory = (answer: Effect.Effect<Option.Option<never>, DirectoryError>) =>
  DirectoryMetrics.measure(
    WorkspaceDirectory.of({
      list: () => answer,
      changes: () => answer,
      exists: () => Effect.as(answer, true),
      instancesOf: () => Effect.succeedNone
    })
  )

const samples = Effect.map(Prometheus.render, (text) =>
  [...parse(text).values()].flatMap((family) => family.samples)
)
const callsOf = (call: string, result: string) =>
  Effect.map(
    samples,
    (all) =>
      all.find(
        ({ labels, name }) =>
          name === "wso_directory_calls_total" && labels["call"] === call && labels["result"] === result
      )?.value ?? 0
  )
const secondsOf = (call: string) =>
  Effect.map(
    samples,
    (all) =>
      all.find(
        ({ labels, name }) => name === "wso_directory_call_duration_seconds_sum" && labels["call"] === call
      )?.value ?? 0
  )

const unavailable = (reason: DirectoryUnavailable["reason"]) =>
  new DirectoryUnavailable({ reason, status: null, retryAfterMs: null, message: "" })

describe("the metrics of the directory", () => {
  it.effect("tell an answer that nothing has changed from an old revision", () =>
    Effect.gen(function* () {
      const unchanged = directory(Effect.succeedNone)
      yield* unchanged.list(known)
      yield* unchanged.changes("1")
      yield* unchanged.exists("ws-a")
      expect(yield* callsOf("list", "not_modified")).toBe(1)
      expect(yield* callsOf("changes", "too_old")).toBe(1)
      expect(yield* callsOf("exists", "ok")).toBe(1)
    })
  )

  for (const [error, result] of [
    [unavailable("timeout"), "timeout"],
    [unavailable("network"), "network"],
    [unavailable("status"), "unavailable"],
    [new DirectoryRejected({ status: 403, message: "" }), "rejected"],
    [new DirectoryMalformed({ path: "body", message: "" }), "malformed"],
    [new DirectoryInconsistent({ reason: "incomplete", message: "" }), "inconsistent"]
  ] as const) {
    it.effect(`count what fails by how: ${result}`, () =>
      Effect.gen(function* () {
        const before = yield* callsOf("list", result)
        expect(yield* Effect.flip(directory(Effect.fail(error)).list(known))).toBe(error)
        expect((yield* callsOf("list", result)) - before).toBe(1)
      })
    )
  }

  it.effect("time the call, and say nothing of one whose caller has gone", () =>
    Effect.gen(function* () {
      const before = yield* secondsOf("list")
      const slow = directory(Effect.delay(Effect.succeedNone, "3 seconds"))
      const fiber = yield* Effect.fork(slow.list(known))
      yield* TestClock.adjust("3 seconds")
      yield* Fiber.join(fiber)
      expect((yield* secondsOf("list")) - before).toBeCloseTo(3, 3)
      const calls = yield* callsOf("list", "not_modified")
      const leaving = yield* Effect.fork(slow.list(known))
      yield* TestClock.adjust("1 second")
      yield* Fiber.interrupt(leaving)
      expect(yield* callsOf("list", "not_modified")).toBe(calls)
      expect((yield* secondsOf("list")) - before).toBeCloseTo(3, 3)
    })
  )
})
