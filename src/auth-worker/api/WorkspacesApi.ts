/** A user's own workspaces. */
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as HttpApiSchema from "@effect/platform/HttpApiSchema"
import * as OpenApi from "@effect/platform/OpenApi"
import * as Schema from "effect/Schema"
import { CreateRequest, IdempotencyKey, RenameRequest } from "../workspaceRoutes.ts"
import { AccessToken } from "./Credentials.ts"
import { ofBody, ofUser, refusals } from "./Refusals.ts"
import { created, Workspace } from "./Views.ts"

const ById = Schema.Struct({ instanceId: Schema.String })

const list = HttpApiEndpoint.get("list", "/workspaces")
  .addSuccess(Schema.Struct({ workspaces: Schema.Array(Workspace) }))
  .addError(refusals(...ofUser))
  .annotate(OpenApi.Summary, "The workspaces that one is a member of")

const create = HttpApiEndpoint.post("create", "/workspaces")
  .setHeaders(
    Schema.Struct({
      "idempotency-key": Schema.optionalWith(IdempotencyKey, { exact: true }).annotations({
        description: "as idempotencyKey in the body, which goes before it"
      })
    })
  )
  .setPayload(CreateRequest)
  .addSuccess(created(Workspace, "Workspace"))
  .addSuccess(Workspace)
  .addError(
    refusals(
      ...ofBody,
      ...ofUser,
      "QUOTA_EXCEEDED",
      "WORKSPACE_EXISTS",
      "WORKSPACE_DELETED",
      "WORKSPACE_NOT_FOUND"
    )
  )
  .annotate(OpenApi.Summary, "Makes a workspace, owned by its maker")
  .annotate(
    OpenApi.Description,
    "Repeated with the same instanceId or key it answers 200 and what the first request made. `location` is its path."
  )

const get = HttpApiEndpoint.get("get", "/workspaces/:instanceId")
  .setPath(ById)
  .addSuccess(Workspace)
  .addError(refusals(...ofUser, "WORKSPACE_NOT_FOUND"))
  .annotate(OpenApi.Summary, "One workspace; this counts as access")

const rename = HttpApiEndpoint.patch("rename", "/workspaces/:instanceId")
  .setPath(ById)
  .setPayload(RenameRequest)
  .addSuccess(Workspace)
  .addError(refusals(...ofBody, ...ofUser, "FORBIDDEN", "WORKSPACE_NOT_FOUND"))
  .annotate(OpenApi.Summary, "Names a workspace anew; for owners and admins")

const setDefault = HttpApiEndpoint.put("setDefault", "/workspaces/:instanceId/default")
  .setPath(ById)
  .addSuccess(HttpApiSchema.NoContent)
  .addError(refusals(...ofUser, "WORKSPACE_NOT_FOUND"))
  .annotate(OpenApi.Summary, "Makes a workspace one's default")

const remove = HttpApiEndpoint.del("delete", "/workspaces/:instanceId")
  .setPath(ById)
  .addSuccess(HttpApiSchema.NoContent)
  .addError(refusals(...ofUser, "FORBIDDEN", "WORKSPACE_NOT_FOUND"))
  .annotate(OpenApi.Summary, "Deletes a workspace; for owners")

export class WorkspacesApi extends HttpApiGroup.make("workspaces")
  .add(list)
  .add(create)
  .add(get)
  .add(rename)
  .add(setDefault)
  .add(remove)
  .middleware(AccessToken) {}
