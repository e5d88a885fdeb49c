/**
 * The stores that are open, with what the orchestration knows of each.
 */
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as OpenApi from "@effect/platform/OpenApi"
import * as Schema from "effect/Schema"
import { adminOnly } from "./AdminSecurity.ts"
import {
  ErrorBody,
  IsoTime,
  ManualReconcile,
  Open,
  Orchestrator,
  Reconciliation,
  StoreStatus
} from "./Common.ts"
import { describeQuery, shortText, wholeNumber } from "./Query.ts"

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
    nextCursor: Schema.optional(Schema.NullOr(Schema.String))
  },
  Open
).annotations({ identifier: "Stores" })

/** More stores than this are read page by page. */
const MAX_PAGE = 10_000

export const StoresQuery = Schema.Struct({
  limit: Schema.optional(wholeNumber(1, MAX_PAGE)),
  cursor: Schema.optional(shortText(256)),
  status: Schema.optional(
    StoreStatus.annotations({ description: "connected, connecting, disconnected or error" })
  )
})

const list = HttpApiEndpoint.get("list", "/stores")
  .addSuccess(Stores)
  .addError(ErrorBody, { status: 400 })
  .addError(ErrorBody, { status: 401 })
  .annotateContext(
    OpenApi.annotations({
      summary: "The stores, paged by id",
      description: "In production for administrators.",
      override: adminOnly,
      transform: describeQuery(StoresQuery)
    })
  )

export class StoresApi extends HttpApiGroup.make("stores").add(list) {}
