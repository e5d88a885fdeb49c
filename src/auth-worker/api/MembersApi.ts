/** The people of a workspace, and how others join them. */
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as HttpApiSchema from "@effect/platform/HttpApiSchema"
import * as OpenApi from "@effect/platform/OpenApi"
import * as Schema from "effect/Schema"
import { AcceptRequest, InviteRequest, RoleRequest } from "../memberRoutes.ts"
import { AccessToken } from "./Credentials.ts"
import { ofBody, ofUser, refusals } from "./Refusals.ts"
import { created, Invitations, Members, NewInvitation, Workspace } from "./Views.ts"

const ofWorkspace = Schema.Struct({ instanceId: Schema.String })
const ofMember = Schema.Struct({ instanceId: Schema.String, memberId: Schema.String })
const ofInvitation = Schema.Struct({ instanceId: Schema.String, invitationId: Schema.String })

const list = HttpApiEndpoint.get("list", "/workspaces/:instanceId/members")
  .setPath(ofWorkspace)
  .addSuccess(Members)
  .addError(refusals(...ofUser, "WORKSPACE_NOT_FOUND"))
  .annotate(OpenApi.Summary, "The members of a workspace")

const setRole = HttpApiEndpoint.patch("setRole", "/workspaces/:instanceId/members/:memberId")
  .setPath(ofMember)
  .setPayload(RoleRequest)
  .addSuccess(HttpApiSchema.NoContent)
  .addError(
    refusals(
      ...ofBody,
      ...ofUser,
      "FORBIDDEN",
      "QUOTA_EXCEEDED",
      "WORKSPACE_NOT_FOUND",
      "MEMBER_NOT_FOUND",
      "LAST_OWNER"
    )
  )
  .annotate(OpenApi.Summary, "Gives a member another role; for managers")

const remove = HttpApiEndpoint.del("remove", "/workspaces/:instanceId/members/:memberId")
  .setPath(ofMember)
  .addSuccess(HttpApiSchema.NoContent)
  .addError(refusals(...ofUser, "FORBIDDEN", "WORKSPACE_NOT_FOUND", "MEMBER_NOT_FOUND", "LAST_OWNER"))
  .annotate(OpenApi.Summary, "Ends a membership: one's own, or as a manager another's")
  .annotate(OpenApi.Description, "With its last member a workspace ends.")

const listInvitations = HttpApiEndpoint.get("listInvitations", "/workspaces/:instanceId/invitations")
  .setPath(ofWorkspace)
  .addSuccess(Invitations)
  .addError(refusals(...ofUser, "FORBIDDEN", "WORKSPACE_NOT_FOUND"))
  .annotate(OpenApi.Summary, "The open invitations; for managers")

const invite = HttpApiEndpoint.post("invite", "/workspaces/:instanceId/invitations")
  .setPath(ofWorkspace)
  .setPayload(InviteRequest)
  .addSuccess(created(NewInvitation, "NewInvitation"))
  .addError(refusals(...ofBody, ...ofUser, "FORBIDDEN", "WORKSPACE_NOT_FOUND", "ALREADY_MEMBER"))
  .annotate(OpenApi.Summary, "Invites an e-mail address; for managers")
  .annotate(
    OpenApi.Description,
    "Takes the place of an earlier invitation of that address. The application sends the token to it."
  )

const revoke = HttpApiEndpoint.del("revoke", "/workspaces/:instanceId/invitations/:invitationId")
  .setPath(ofInvitation)
  .addSuccess(HttpApiSchema.NoContent)
  .addError(refusals(...ofUser, "FORBIDDEN", "WORKSPACE_NOT_FOUND", "INVITATION_NOT_FOUND"))
  .annotate(OpenApi.Summary, "Takes an invitation back; for managers")

const accept = HttpApiEndpoint.post("accept", "/invitations/accept")
  .setPayload(AcceptRequest)
  .addSuccess(Workspace)
  .addError(
    refusals(
      ...ofBody,
      ...ofUser,
      "FORBIDDEN",
      "QUOTA_EXCEEDED",
      "INVITATION_NOT_FOUND",
      "ALREADY_MEMBER",
      "INVITATION_EXPIRED"
    )
  )
  .annotate(OpenApi.Summary, "Makes the invited user a member; once")

export class MembersApi extends HttpApiGroup.make("members")
  .add(list)
  .add(setRole)
  .add(remove)
  .add(listInvitations)
  .add(invite)
  .add(revoke)
  .add(accept)
  .middleware(AccessToken) {}
