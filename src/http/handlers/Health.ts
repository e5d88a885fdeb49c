/**
 * Handlers of the probes and of `GET /health`.
 */
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import { stopwatch } from "../../controller/Elapsed.ts"
import * as Supervised from "../../controller/Supervised.ts"
import { Administration } from "../../orchestration/Administration.ts"
import { Operations } from "../../orchestration/Operations.ts"
import { Administrators } from "../Administrators.ts"
import { answer, json } from "../Answer.ts"
import { Api } from "../Api.ts"
import { HealthQuery } from "../api/HealthApi.ts"
import { decodeQuery } from "../api/Query.ts"
import { redactHealth } from "../HealthRedaction.ts"
import { version } from "../Version.ts"

export const layer = HttpApiBuilder.group(Api, "health", (handlers) =>
  Effect.gen(function* () {
    const operations = yield* Operations
    const administration = yield* Administration
    const administrators = yield* Administrators
    const supervision = yield* Supervised.Supervision
    const elapsedMs = yield* stopwatch

    const health = Effect.gen(function* () {
      const { strict } = yield* decodeQuery(HealthQuery, { call: "reads" })
      const now = yield* DateTime.now
      const mayRead = yield* administrators.mayRead
      // Who does not prove anything must not be able to make the server compute at every request.
      const request = yield* HttpServerRequest.HttpServerRequest
      const { status, ...rest } = yield* administrators.isProven(request.headers)
        ? operations.health
        : operations.recentHealth
      const body = {
        status,
        timestamp: DateTime.formatIso(now),
        uptime: Math.round(yield* elapsedMs) / 1_000,
        version,
        ...rest
      }
      const shown = mayRead ? body : redactHealth(body)
      return json(shown, strict === true && status !== "healthy" ? 503 : 200)
    })

    const ready = Effect.map(operations.ready, (state) =>
      state.ready
        ? json({ status: "ok", check: "ready" })
        : json({ status: "unavailable", check: "ready", reason: state.reason }, 503)
    )

    /** Answered from memory: that this answers at all is the first half of it. */
    const live = Effect.map(Supervised.view, (fibers) => {
      const unwell = fibers.filter(
        ({ isRunning, isStalled, isVital }) => isVital && (!isRunning || isStalled)
      )
      if (unwell.length === 0) return json({ status: "ok", check: "live" })
      const names = unwell.map(({ isStalled, name }) => `${name} (${isStalled ? "stalled" : "restarting"})`)
      return json({ status: "unavailable", check: "live", reason: names.join(", ") }, 503)
    }).pipe(Effect.provideService(Supervised.Supervision, supervision))

    const probe = (check: "db" | "auth-worker" | "sync") =>
      Effect.gen(function* () {
        const { detail, healthy } = yield* administration.probe(check)
        // The detail names paths and errors.
        const shown = (yield* administrators.mayRead) ? detail : {}
        return json({ status: healthy ? "ok" : "unavailable", check, ...shown }, healthy ? 200 : 503)
      })

    return handlers
      .handleRaw("health", () => answer(health))
      .handleRaw("live", () => live)
      .handleRaw("ready", () => ready)
      .handleRaw("db", () => answer(probe("db")))
      .handleRaw("authWorker", () => answer(probe("auth-worker")))
      .handleRaw("sync", () => answer(probe("sync")))
  })
)
