/**
 * Handlers of the probes and of `GET /health`.
 */
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
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
    const startedAt = yield* Clock.currentTimeMillis

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
        uptime: (DateTime.toEpochMillis(now) - startedAt) / 1_000,
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

    const probe = (check: "db" | "auth-worker" | "sync") =>
      Effect.gen(function* () {
        const { detail, healthy } = yield* administration.probe(check)
        // The detail names paths and errors.
        const shown = (yield* administrators.mayRead) ? detail : {}
        return json({ status: healthy ? "ok" : "unavailable", check, ...shown }, healthy ? 200 : 503)
      })

    return handlers
      .handleRaw("health", () => answer(health))
      .handleRaw("live", () => Effect.succeed(json({ status: "ok", check: "live" })))
      .handleRaw("ready", () => ready)
      .handleRaw("db", () => answer(probe("db")))
      .handleRaw("authWorker", () => answer(probe("auth-worker")))
      .handleRaw("sync", () => answer(probe("sync")))
  })
)
