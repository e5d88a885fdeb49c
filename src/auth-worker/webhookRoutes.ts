import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { internal, limit } from "./internalRoutes.ts"
import { Registry } from "./Registry.ts"
import { readQuery } from "./RequestBody.ts"
import type { WebhookStatus } from "./Webhooks.ts"

const Status = Schema.Literal(
  "undelivered",
  "all",
  "pending",
  "delivered",
  "failed",
  "superseded"
).annotations({
  message: () => ({
    message: "expected undelivered, all, pending, delivered, failed or superseded",
    override: true
  })
})

export const WebhooksQuery = Schema.Struct({
  status: Schema.optionalWith(Status, { exact: true, default: () => "undelivered" }),
  limit: Schema.optionalWith(limit, { exact: true, default: () => 100 }),
  cursor: Schema.optionalWith(
    Schema.String.pipe(
      Schema.pattern(/^\d{1,15}$/, { message: () => "expected one that a page of this list gave" }),
      Schema.compose(Schema.NumberFromString)
    ),
    { exact: true }
  )
})

const statusesOf: Readonly<Record<typeof Status.Type, ReadonlyArray<WebhookStatus>>> = {
  undelivered: ["pending", "failed"],
  all: ["pending", "delivered", "failed", "superseded"],
  pending: ["pending"],
  delivered: ["delivered"],
  failed: ["failed"],
  superseded: ["superseded"]
}

/** What is owed to the server and what was given up, for an operator. */
export const webhookRoutes = [
  internal("GET", "/internal/webhooks", ({ url }) =>
    Effect.gen(function* () {
      const query = yield* readQuery(url, WebhooksQuery)
      const registry = yield* Registry
      const body = yield* registry.call("listWebhooks", {
        statuses: statusesOf[query.status],
        limit: query.limit,
        ...(query.cursor === undefined ? {} : { before: query.cursor })
      })
      return { status: 200, body }
    })
  ),
  internal("POST", "/internal/webhooks/retry", () =>
    Effect.gen(function* () {
      const registry = yield* Registry
      return { status: 202, body: yield* registry.call("retryWebhooks", {}) }
    })
  ),
  internal("POST", "/internal/webhooks/:webhookId/retry", ({ params: { webhookId = "" } }) =>
    Effect.gen(function* () {
      const registry = yield* Registry
      return { status: 202, body: yield* registry.call("retryWebhooks", { webhookId }) }
    })
  )
]
