import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { authenticatedUser } from "./authentication.ts"
import { makeBearer, readBearer } from "./BearerSecrets.ts"
import { Email } from "./Identifiers.ts"
import { Registry } from "./Registry.ts"
import { readBody } from "./RequestBody.ts"
import { route } from "./Router.ts"

const Role = Schema.Literal("owner", "admin", "member").annotations({
  message: () => ({ message: "expected owner, admin or member", override: true })
})

export const RoleRequest = Schema.Struct({ role: Role })
export const InviteRequest = Schema.Struct({
  email: Email,
  role: Schema.optionalWith(Role, { exact: true, default: () => "member" })
})
export const AcceptRequest = Schema.Struct({ token: Schema.String })

/** The people of a workspace, and how others join them. */
export const memberRoutes = [
  route("GET", "/workspaces/:instanceId/members", ({ request, params: { instanceId = "" } }) =>
    Effect.gen(function* () {
      const userId = yield* authenticatedUser(request)
      const registry = yield* Registry
      return { status: 200, body: { members: yield* registry.call("listMembers", { userId, instanceId }) } }
    })
  ),
  route(
    "PATCH",
    "/workspaces/:instanceId/members/:memberId",
    ({ request, params: { instanceId = "", memberId = "" } }) =>
      Effect.gen(function* () {
        const userId = yield* authenticatedUser(request)
        const { role } = yield* readBody(request, RoleRequest)
        const registry = yield* Registry
        yield* registry.call("setRole", { userId, instanceId, memberId, role })
        return { status: 204 }
      })
  ),
  route(
    "DELETE",
    "/workspaces/:instanceId/members/:memberId",
    ({ request, params: { instanceId = "", memberId = "" } }) =>
      Effect.gen(function* () {
        const userId = yield* authenticatedUser(request)
        const registry = yield* Registry
        yield* registry.call("removeMember", { userId, instanceId, memberId })
        return { status: 204 }
      })
  ),
  route("GET", "/workspaces/:instanceId/invitations", ({ request, params: { instanceId = "" } }) =>
    Effect.gen(function* () {
      const userId = yield* authenticatedUser(request)
      const registry = yield* Registry
      return {
        status: 200,
        body: { invitations: yield* registry.call("listInvitations", { userId, instanceId }) }
      }
    })
  ),
  // The token is in this answer and nowhere else: whoever builds the application sends it to the address.
  route("POST", "/workspaces/:instanceId/invitations", ({ request, params: { instanceId = "" } }) =>
    Effect.gen(function* () {
      const userId = yield* authenticatedUser(request)
      const { email, role } = yield* readBody(request, InviteRequest)
      const registry = yield* Registry
      const { hash, id, text } = yield* makeBearer
      const invitation = yield* registry.call("invite", {
        userId,
        instanceId,
        email,
        role,
        invitationId: id,
        tokenHash: hash
      })
      return { status: 201, body: { ...invitation, token: text } }
    })
  ),
  route(
    "DELETE",
    "/workspaces/:instanceId/invitations/:invitationId",
    ({ request, params: { instanceId = "", invitationId = "" } }) =>
      Effect.gen(function* () {
        const userId = yield* authenticatedUser(request)
        const registry = yield* Registry
        yield* registry.call("revokeInvitation", { userId, instanceId, invitationId })
        return { status: 204 }
      })
  ),
  route("POST", "/invitations/accept", ({ request }) =>
    Effect.gen(function* () {
      const userId = yield* authenticatedUser(request)
      const { token } = yield* readBody(request, AcceptRequest)
      const { hash, id } = yield* readBearer(token)
      const registry = yield* Registry
      return {
        status: 200,
        body: yield* registry.call("acceptInvitation", { userId, invitationId: id, tokenHash: hash })
      }
    })
  )
]
