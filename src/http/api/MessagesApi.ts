/**
 * User messages that were given up, and what operators decide on them.
 */
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as HttpApiSchema from "@effect/platform/HttpApiSchema"
import * as OpenApi from "@effect/platform/OpenApi"
import * as Schema from "effect/Schema"
import { adminOnly } from "./AdminSecurity.ts"
import { ErrorBody, StoreId } from "./Common.ts"
import { Decided, Messages } from "./MessagesViews.ts"
import { describeQuery, shortText, wholeNumber } from "./Query.ts"

export const MAX_MESSAGES_PAGE = 1_000
const MAX_CURSOR_LENGTH = 2_000

/** `status` may be left out: only parked messages are listed. */
export const MessagesQuery = Schema.Struct({
  status: Schema.optional(Schema.Literal("parked")),
  storeId: Schema.optional(StoreId),
  limit: Schema.optional(wholeNumber(1, MAX_MESSAGES_PAGE)),
  cursor: Schema.optional(shortText(MAX_CURSOR_LENGTH))
})

const storeId = HttpApiSchema.param("storeId", Schema.String)
const messageId = HttpApiSchema.param("messageId", Schema.String)

const list = HttpApiEndpoint.get("list", "/messages")
  .addSuccess(Messages)
  .addError(ErrorBody, { status: 400 })
  .addError(ErrorBody, { status: 401 })
  .annotateContext(
    OpenApi.annotations({
      summary: "User messages that were given up",
      override: adminOnly,
      transform: describeQuery(MessagesQuery)
    })
  )

const retry = HttpApiEndpoint.post("retry")`/admin/messages/${storeId}/${messageId}/retry`
  .addSuccess(Decided)
  .addError(ErrorBody, { status: 400 })
  .addError(ErrorBody, { status: 401 })
  .addError(ErrorBody, { status: 404 })
  .addError(ErrorBody, { status: 409 })
  .annotateContext(
    OpenApi.annotations({ summary: "Handle a parked message again, as if it were new", override: adminOnly })
  )

const drop = HttpApiEndpoint.post("drop")`/admin/messages/${storeId}/${messageId}/drop`
  .addSuccess(Decided)
  .addError(ErrorBody, { status: 400 })
  .addError(ErrorBody, { status: 401 })
  .addError(ErrorBody, { status: 404 })
  .addError(ErrorBody, { status: 409 })
  .annotateContext(OpenApi.annotations({ summary: "Give a parked message up for good", override: adminOnly }))

export class MessagesApi extends HttpApiGroup.make("messages").add(list).add(retry).add(drop) {}
