import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { authenticatedUser } from "./authentication.ts"
import { refuse } from "./ApiError.ts"
import { WorkspaceId, WorkspaceName } from "./Identifiers.ts"
import { Registry } from "./Registry.ts"
import { readBody } from "./RequestBody.ts"
import { route } from "./Router.ts"

export const IdempotencyKey = Schema.String.pipe(
  Schema.pattern(/^[\x21-\x7e]{1,128}$/, { message: () => "expected 1 to 128 visible characters" })
)

export const CreateRequest = Schema.Struct({
  name: Schema.optionalWith(WorkspaceName, { exact: true, default: () => "Workspace" }),
  instanceId: Schema.optionalWith(WorkspaceId, { exact: true }),
  idempotencyKey: Schema.optionalWith(IdempotencyKey, { exact: true })
})

export const RenameRequest = Schema.Struct({ name: WorkspaceName })

const keyOf = (request: Request) => {
  const header = request.headers.get("idempotency-key")
  if (header === null) return Effect.succeed(undefined)
  return Schema.decode(IdempotencyKey)(header).pipe(
    Effect.mapError(() => refuse("INVALID_REQUEST", "Idempotency-Key: expected 1 to 128 visible characters."))
  )
}

/** A user's own workspaces. */
export const workspaceRoutes = [
  route("GET", "/workspaces", ({ request }) =>
    Effect.gen(function* () {
      const userId = yield* authenticatedUser(request)
      const registry = yield* Registry
      return { status: 200, body: { workspaces: yield* registry.call("listWorkspaces", { userId }) } }
    })
  ),
  route("POST", "/workspaces", ({ request }) =>
    Effect.gen(function* () {
      const userId = yield* authenticatedUser(request)
      const body = yield* readBody(request, CreateRequest)
      const idempotencyKey = body.idempotencyKey ?? (yield* keyOf(request))
      const registry = yield* Registry
      const { created, workspace } = yield* registry.call("createWorkspace", {
        ...body,
        userId,
        idempotencyKey
      })
      return {
        status: created ? 201 : 200,
        body: workspace,
        headers: { location: `/workspaces/${workspace.instanceId}` }
      }
    })
  ),
  route("GET", "/workspaces/:instanceId", ({ request, params: { instanceId = "" } }) =>
    Effect.gen(function* () {
      const userId = yield* authenticatedUser(request)
      const registry = yield* Registry
      return { status: 200, body: yield* registry.call("getWorkspace", { userId, instanceId }) }
    })
  ),
  route("PATCH", "/workspaces/:instanceId", ({ request, params: { instanceId = "" } }) =>
    Effect.gen(function* () {
      const userId = yield* authenticatedUser(request)
      const { name } = yield* readBody(request, RenameRequest)
      const registry = yield* Registry
      return { status: 200, body: yield* registry.call("renameWorkspace", { userId, instanceId, name }) }
    })
  ),
  route("PUT", "/workspaces/:instanceId/default", ({ request, params: { instanceId = "" } }) =>
    Effect.gen(function* () {
      const userId = yield* authenticatedUser(request)
      const registry = yield* Registry
      yield* registry.call("setDefault", { userId, instanceId })
      return { status: 204 }
    })
  ),
  route("DELETE", "/workspaces/:instanceId", ({ request, params }) =>
    Effect.gen(function* () {
      const userId = yield* authenticatedUser(request)
      const registry = yield* Registry
      yield* registry.call("deleteWorkspace", { userId, instanceId: params["instanceId"] ?? "" })
      return { status: 204 }
    })
  )
]
