/**
 * What the health routes answer (wire contract, section 3).
 */
import * as Schema from "effect/Schema"
import {
  Check,
  FailedChange,
  Held,
  IsoTime,
  ManualReconcile,
  Open,
  Orchestrator,
  Reconciliation,
  Unsupported
} from "./Common.ts"

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
  unsupportedCount: Schema.optional(Schema.Int),
  unsupported: Schema.optional(Schema.Array(Unsupported)),
  lookalikes: Schema.optional(Schema.Array(Schema.Tuple(Schema.String, Schema.String))),
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
  checks: Schema.optional(
    Schema.Array(Check).annotations({ description: "what the status is made of, and what to do" })
  ),
  opening: Schema.optional(
    Schema.NullOr(
      Schema.Struct({ opened: Schema.Int, total: Schema.Int, etaMs: Schema.NullOr(Schema.Number) })
    ).annotations({
      description: "how far the opening of the stores is; null while there is nothing to open"
    })
  ),
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
  lockdown: Schema.optional(
    Schema.Struct({
      active: Schema.Boolean,
      reason: Schema.optional(Schema.NullOr(Schema.String)),
      actor: Schema.optional(Schema.NullOr(Schema.String)),
      since: Schema.NullOr(IsoTime)
    })
  ),
  circuitBreakers: Schema.Record({ key: Schema.String, value: Open }),
  queue: Open
}).annotations({ identifier: "Health" })

export const Probe = Schema.Struct({
  status: Schema.Literal("ok", "unavailable"),
  check: Schema.String,
  reason: Schema.optional(Schema.String)
}).annotations({ identifier: "Probe" })
