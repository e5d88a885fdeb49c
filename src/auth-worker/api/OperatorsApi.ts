/** What an operator may change, and what development needs. */
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as HttpApiSchema from "@effect/platform/HttpApiSchema"
import * as OpenApi from "@effect/platform/OpenApi"
import * as Schema from "effect/Schema"
import { AdminCreateRequest } from "../adminRoutes.ts"
import { DevTokenRequest } from "../devRoutes.ts"
import { OperatorToken } from "./Credentials.ts"
import { ofBody, refusals } from "./Refusals.ts"
import { created, DevToken, Health, Removed, Workspace } from "./Views.ts"

const create = HttpApiEndpoint.post("createWorkspace", "/admin/workspaces")
  .setPayload(AdminCreateRequest)
  .addSuccess(created(Workspace, "Workspace"))
  .addSuccess(Workspace)
  .addError(
    refusals(
      ...ofBody,
      "UNAUTHORIZED",
      "FORBIDDEN",
      "WORKSPACE_EXISTS",
      "WORKSPACE_DELETED",
      "WORKSPACE_NOT_FOUND"
    )
  )
  .annotate(
    OpenApi.Summary,
    "Makes a workspace for a user, whatever the quota; 401 when there is no such user"
  )

const remove = HttpApiEndpoint.del("deleteWorkspace", "/admin/workspaces/:instanceId")
  .setPath(Schema.Struct({ instanceId: Schema.String }))
  .addSuccess(HttpApiSchema.NoContent)
  .addError(refusals("FORBIDDEN", "WORKSPACE_NOT_FOUND"))
  .annotate(OpenApi.Summary, "Deletes any workspace")

const deleteUser = HttpApiEndpoint.del("deleteUser", "/admin/users/:userId")
  .setPath(Schema.Struct({ userId: Schema.String }))
  .addSuccess(Removed)
  .addError(refusals("FORBIDDEN", "USER_NOT_FOUND"))
  .annotate(OpenApi.Summary, "Deletes a user, and the workspaces that nobody else is in")

export class OperatorsApi extends HttpApiGroup.make("admin")
  .add(create)
  .add(remove)
  .add(deleteUser)
  .middleware(OperatorToken) {}

const token = HttpApiEndpoint.post("token", "/dev/token")
  .setPayload(DevTokenRequest)
  .addSuccess(DevToken)
  .addError(refusals(...ofBody, "NOT_FOUND", "USER_NOT_FOUND", "EMAIL_TAKEN"))
  .annotate(OpenApi.Summary, "A token without a password, only where DEV_USERS_ENABLED is true; else 404")

export class DevApi extends HttpApiGroup.make("dev").add(token) {}

const health = HttpApiEndpoint.get("health", "/health")
  .addSuccess(Health)
  .addError(refusals())
  .annotate(OpenApi.Summary, "Whether the Worker answers and is configured")

export class HealthApi extends HttpApiGroup.make("health").add(health) {}
