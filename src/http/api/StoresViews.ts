/**
 * What `GET /stores` answers (wire contract, section 3).
 */
import * as Schema from "effect/Schema"
import {
  IsoTime,
  ManualReconcile,
  Open,
  Orchestrator,
  Reconciliation,
  StoreStatus,
  Unsupported
} from "./Common.ts"

export const StoreRow = Schema.Struct(
  {
    id: Schema.String,
    status: StoreStatus,
    connectedAt: Schema.NullOr(IsoTime),
    lastActivity: Schema.NullOr(IsoTime),
    errorCount: Schema.Int,
    reconnectAttempts: Schema.Int,
    networkStatus: Schema.NullOr(Open),
    processing: Schema.Unknown,
    orchestrator: Schema.Struct({
      storeId: Schema.String,
      status: Schema.Literal("monitoring", "stopped"),
      firstMonitoredAt: Schema.NullOr(IsoTime),
      lastEnsuredAt: Schema.NullOr(IsoTime),
      lastStoppedAt: Schema.NullOr(IsoTime),
      conditions: Schema.Array(Open),
      provisionDurationMs: Schema.NullOr(Schema.Number)
    })
  },
  Open
).annotations({ identifier: "Store" })

export const Stores = Schema.Struct(
  {
    stores: Schema.Array(StoreRow),
    orchestrator: Orchestrator,
    reconciliation: Reconciliation,
    manualReconcile: ManualReconcile,
    /** Workspaces that exist and cannot be opened. */
    unsupported: Schema.optional(Schema.Array(Unsupported)),
    nextCursor: Schema.optional(Schema.NullOr(Schema.String))
  },
  Open
).annotations({ identifier: "Stores" })
