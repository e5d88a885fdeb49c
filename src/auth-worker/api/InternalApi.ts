/** What the server, the Sync Worker and operators ask (contract, section 1). */
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as HttpApiSchema from "@effect/platform/HttpApiSchema"
import * as OpenApi from "@effect/platform/OpenApi"
import * as Schema from "effect/Schema"
import { ChangesQuery, ListQuery } from "../internalRoutes.ts"
import { WebhooksQuery } from "../webhookRoutes.ts"
import { ServerToken } from "./Credentials.ts"
import { refusals } from "./Refusals.ts"
import { Changes, DirectoryPage, DirectoryRow, Instances, Retried, WebhookPage } from "./Views.ts"

const list = HttpApiEndpoint.get("list", "/internal/workspaces")
  .setHeaders(
    Schema.Struct({
      "if-none-match": Schema.optionalWith(Schema.String, { exact: true }).annotations({
        description: "the ETag of an earlier answer: 304 while nothing has changed"
      })
    })
  )
  .setUrlParams(ListQuery)
  .addSuccess(DirectoryPage)
  .addSuccess(HttpApiSchema.Empty(304).annotations({ description: "Nothing has changed" }))
  .addError(refusals("INVALID_REQUEST", "FORBIDDEN"))
  .annotate(OpenApi.Summary, "All workspaces, whole or by pages")
  .annotate(
    OpenApi.Description,
    "Every page of a listing shows the revision of its first page. A page that carries another one says: begin again."
  )

const changes = HttpApiEndpoint.get("changes", "/internal/workspaces/changes")
  .setUrlParams(ChangesQuery)
  .addSuccess(Changes)
  .addError(refusals("INVALID_REQUEST", "FORBIDDEN", "REVISION_GONE"))
  .annotate(OpenApi.Summary, "What has changed since a revision; 410 when that is not kept: list again")

const get = HttpApiEndpoint.get("get", "/internal/workspaces/:instanceId")
  .setPath(Schema.Struct({ instanceId: Schema.String }))
  .addSuccess(DirectoryRow)
  .addError(refusals("FORBIDDEN", "WORKSPACE_NOT_FOUND"))
  .annotate(OpenApi.Summary, "One workspace, if it exists")

const instances = HttpApiEndpoint.get("instances", "/internal/users/:userId/instances")
  .setPath(Schema.Struct({ userId: Schema.String }))
  .addSuccess(Instances)
  .addError(refusals("FORBIDDEN", "USER_NOT_FOUND"))
  .annotate(OpenApi.Summary, "The workspaces that a user is a member of")

const listWebhooks = HttpApiEndpoint.get("listWebhooks", "/internal/webhooks")
  .setUrlParams(WebhooksQuery)
  .addSuccess(WebhookPage)
  .addError(refusals("INVALID_REQUEST", "FORBIDDEN"))
  .annotate(OpenApi.Summary, "What is owed to the server and what was given up, the newest first")

const retryAll = HttpApiEndpoint.post("retryWebhooks", "/internal/webhooks/retry")
  .addSuccess(Retried, { status: 202 })
  .addError(refusals("FORBIDDEN"))
  .annotate(OpenApi.Summary, "Owes everything that was given up again")

const retryOne = HttpApiEndpoint.post("retryWebhook", "/internal/webhooks/:webhookId/retry")
  .setPath(Schema.Struct({ webhookId: Schema.String }))
  .addSuccess(Retried, { status: 202 })
  .addError(refusals("FORBIDDEN", "WEBHOOK_NOT_FOUND"))
  .annotate(OpenApi.Summary, "Owes one webhook again")

export class InternalApi extends HttpApiGroup.make("internal")
  .add(list)
  .add(changes)
  .add(get)
  .add(instances)
  .add(listWebhooks)
  .add(retryAll)
  .add(retryOne)
  .middleware(ServerToken) {}
