import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { ApiError } from "./ApiError.ts"
import { requireAdmin } from "./authentication.ts"
import { UserId, WorkspaceId, WorkspaceName } from "./Identifiers.ts"
import { Registry } from "./Registry.ts"
import { readBody } from "./RequestBody.ts"
import { type Answer, type Method, route, type Routed } from "./Router.ts"
import { adminActor } from "./Workspaces.ts"

export const AdminCreateRequest = Schema.Struct({
  userId: UserId,
  name: Schema.optionalWith(WorkspaceName, { exact: true, default: () => "Workspace" }),
  instanceId: Schema.optionalWith(WorkspaceId, { exact: true })
})

/** A route for an operator alone: the token is looked at before anything else. */
const admin = <R>(
  method: Method,
  path: `/admin/${string}`,
  handle: (routed: Routed) => Effect.Effect<Answer, ApiError, R>
) => route(method, path, (routed) => Effect.zipRight(requireAdmin(routed.request), handle(routed)))

/** An operator's changes of the set: as durable, and as surely told to the server, as a user's. */
export const adminRoutes = [
  admin("POST", "/admin/workspaces", ({ request }) =>
    Effect.gen(function* () {
      const body = yield* readBody(request, AdminCreateRequest)
      const registry = yield* Registry
      const { created, workspace } = yield* registry.call("createWorkspace", { ...body, beyondQuota: true })
      return { status: created ? 201 : 200, body: workspace }
    })
  ),
  admin("DELETE", "/admin/workspaces/:instanceId", ({ params: { instanceId = "" } }) =>
    Effect.gen(function* () {
      const registry = yield* Registry
      yield* registry.call("adminDeleteWorkspace", { instanceId })
      return { status: 204 }
    })
  ),
  admin("DELETE", "/admin/users/:userId", ({ params: { userId = "" } }) =>
    Effect.gen(function* () {
      const registry = yield* Registry
      return { status: 200, body: yield* registry.call("deleteUser", { userId, actor: adminActor }) }
    })
  )
]
