/**
 * The stores that are open, with what the orchestration knows of each.
 */
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as OpenApi from "@effect/platform/OpenApi"
import * as Schema from "effect/Schema"
import { adminOnly } from "./AdminSecurity.ts"
import { ErrorBody, StoreStatus } from "./Common.ts"
import { describeQuery, shortText, wholeNumber } from "./Query.ts"
import { Stores } from "./StoresViews.ts"

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
