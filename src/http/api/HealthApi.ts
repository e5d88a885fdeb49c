/**
 * Probes and the consolidated health of the server.
 */
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as OpenApi from "@effect/platform/OpenApi"
import * as Schema from "effect/Schema"
import { Health, Probe } from "./HealthViews.ts"
import { describeQuery, Flag } from "./Query.ts"

export const HealthQuery = Schema.Struct({ strict: Schema.optional(Flag) })

const health = HttpApiEndpoint.get("health", "/health")
  .addSuccess(Health)
  .addSuccess(Health, { status: 503 })
  .annotate(OpenApi.Transform, describeQuery(HealthQuery))
  .annotate(OpenApi.Summary, "The state of everything")
  .annotate(
    OpenApi.Description,
    "200 whenever the process answers; with `strict=true`, 503 unless healthy. In production, without the admin token, whatever names a workspace is left out."
  )

const live = HttpApiEndpoint.get("live", "/health/live")
  .addSuccess(Probe)
  .addSuccess(Probe, { status: 503 })
  .annotate(OpenApi.Summary, "Whether the process answers, and every part of it that must never end runs")

const ready = HttpApiEndpoint.get("ready", "/health/ready")
  .addSuccess(Probe)
  .addSuccess(Probe, { status: 503 })
  .annotate(OpenApi.Summary, "Whether a first pass has been made, and the server is not stopping")

const db = HttpApiEndpoint.get("db", "/health/db")
  .addSuccess(Probe)
  .addSuccess(Probe, { status: 503 })
  .annotate(OpenApi.Summary, "Whether the server's own state can be written")

const authWorker = HttpApiEndpoint.get("authWorker", "/health/auth-worker")
  .addSuccess(Probe)
  .addSuccess(Probe, { status: 503 })
  .annotate(OpenApi.Summary, "Whether the source of truth answered when last asked")

const sync = HttpApiEndpoint.get("sync", "/health/sync")
  .addSuccess(Probe)
  .addSuccess(Probe, { status: 503 })
  .annotate(OpenApi.Summary, "Whether the open stores hear their sync backend")

export class HealthApi extends HttpApiGroup.make("health")
  .add(health)
  .add(live)
  .add(ready)
  .add(db)
  .add(authWorker)
  .add(sync) {}
