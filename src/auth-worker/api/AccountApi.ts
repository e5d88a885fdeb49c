/** Signing up, in and out, and one's own account. */
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as HttpApiSchema from "@effect/platform/HttpApiSchema"
import * as OpenApi from "@effect/platform/OpenApi"
import * as Schema from "effect/Schema"
import { LogInRequest, RefreshRequest, SignUpRequest } from "../accountRoutes.ts"
import { AccessToken } from "./Credentials.ts"
import { ofBody, ofUser, refusals } from "./Refusals.ts"
import { created, grant, User, Workspace } from "./Views.ts"

const signUp = HttpApiEndpoint.post("signUp", "/auth/signup")
  .setPayload(SignUpRequest)
  .addSuccess(created(Schema.Struct({ ...grant, user: User, workspace: Workspace }), "SignedUp"))
  .addError(refusals(...ofBody, "RATE_LIMITED", "EMAIL_TAKEN"))
  .annotate(OpenApi.Summary, "Makes a user with a personal workspace")

const logIn = HttpApiEndpoint.post("logIn", "/auth/login")
  .setPayload(LogInRequest)
  .addSuccess(Schema.Struct({ ...grant, user: User }).annotations({ identifier: "LoggedIn" }))
  .addError(refusals(...ofBody, "RATE_LIMITED", "INVALID_CREDENTIALS"))
  .annotate(OpenApi.Summary, "Begins a session")

const refresh = HttpApiEndpoint.post("refresh", "/auth/refresh")
  .setPayload(RefreshRequest)
  .addSuccess(Schema.Struct(grant).annotations({ identifier: "Grant" }))
  .addError(refusals(...ofBody, "RATE_LIMITED", "INVALID_CREDENTIALS"))
  .annotate(OpenApi.Summary, "Gives the next access and refresh token")
  .annotate(
    OpenApi.Description,
    "The token before is answered alike for ten seconds, for a client whose answer was lost; any other of the session ends it."
  )

const logOut = HttpApiEndpoint.post("logOut", "/auth/logout")
  .setPayload(RefreshRequest)
  .addSuccess(HttpApiSchema.NoContent)
  .addError(refusals(...ofBody, "RATE_LIMITED"))
  .annotate(OpenApi.Summary, "Ends a session")

const getAccount = HttpApiEndpoint.get("getAccount", "/account")
  .addSuccess(User)
  .addError(refusals(...ofUser))
  .middleware(AccessToken)
  .annotate(OpenApi.Summary, "Who the token's user is")

const deleteAccount = HttpApiEndpoint.del("deleteAccount", "/account")
  .addSuccess(HttpApiSchema.NoContent)
  .addError(refusals(...ofUser, "USER_NOT_FOUND"))
  .middleware(AccessToken)
  .annotate(OpenApi.Summary, "Deletes the user, and the workspaces that nobody else is in")

export class AccountApi extends HttpApiGroup.make("account")
  .add(signUp)
  .add(logIn)
  .add(refresh)
  .add(logOut)
  .add(getAccount)
  .add(deleteAccount) {}
