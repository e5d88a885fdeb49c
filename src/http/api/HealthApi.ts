/**
 * Probes and the consolidated health of the server.
 */
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as OpenApi from "@effect/platform/OpenApi"
import * as Schema from "effect/Schema"
import { FailedChange, Held, IsoTime, ManualReconcile, Open, Orchestrator, Reconciliation } from "./Common.ts"
import { describeQuery, Flag } from "./Query.ts"

const Failing = Schema.Struct({
  ...FailedChange.fields,
  attempts: Schema.Int,
  nextAttemptAt: Schema.NullOr(IsoTime)
})

const Convergence = Schema.Struct({
  converged: Schema.Boolean,
  desiredCount: Schema.Int,
  monitoredCount: Schema.Int,
  driftCount: Schema.Int,
  missing: Schema.optional(Schema.Array(Schema.String)),
  orphaned: Schema.optional(Schema.Array(Schema.String)),
  held: Schema.optional(Schema.Array(Held)),
  failing: Schema.optional(Schema.Array(Failing)),
  lastConvergedAt: Schema.NullOr(IsoTime),
  notConvergedForMs: Schema.Number,
  desired: Schema.Struct({
    revision: Schema.NullOr(Schema.String),
    source: Schema.Literal("auth-worker", "snapshot", "static", "none"),
    fetchedAt: Schema.NullOr(IsoTime),
    ageMs: Schema.NullOr(Schema.Number),
    fresh: Schema.Boolean
  })
}).annotations({ identifier: "Convergence" })

/** What `GET /health` answers; the optional lists name workspaces and are for administrators in production. */
export const Health = Schema.Struct({
  status: Schema.Literal("healthy", "degraded", "unhealthy"),
  timestamp: IsoTime,
  uptime: Schema.Number.annotations({ description: "seconds since the start" }),
  version: Schema.String,
  storage: Schema.String,
  dataPath: Schema.optional(Schema.String),
  convergence: Convergence,
  stores: Schema.optional(Schema.Array(Open)),
  storeCount: Schema.Int,
  globalResources: Open,
  liveStoreTotals: Open,
  processedMessages: Open,
  orchestrator: Orchestrator,
  reconciliation: Reconciliation,
  manualReconcile: ManualReconcile,
  removalGuard: Schema.Struct({
    tripped: Schema.Boolean,
    plan: Schema.optional(Schema.NullOr(Schema.Unknown))
  }),
  circuitBreakers: Schema.Record({ key: Schema.String, value: Open }),
  queue: Open
}).annotations({ identifier: "Health" })

export const Probe = Schema.Struct({
  status: Schema.Literal("ok", "unavailable"),
  check: Schema.String,
  reason: Schema.optional(Schema.String)
}).annotations({ identifier: "Probe" })

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
  .annotate(OpenApi.Summary, "Whether the process answers")

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
