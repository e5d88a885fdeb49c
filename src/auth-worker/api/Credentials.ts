/** Who may call, for the description only: the handlers check it themselves (authentication.ts). */
import * as HttpApiMiddleware from "@effect/platform/HttpApiMiddleware"
import * as HttpApiSecurity from "@effect/platform/HttpApiSecurity"
import * as OpenApi from "@effect/platform/OpenApi"

const bearer = (description: string) =>
  HttpApiSecurity.bearer.pipe(HttpApiSecurity.annotate(OpenApi.Description, description))

/** A user, by the access token that signing up, logging in and refreshing give. */
export class AccessToken extends HttpApiMiddleware.Tag<AccessToken>()("auth-worker/api/AccessToken", {
  security: { accessToken: bearer("A user's access token, a JWT.") }
}) {}

/** The server and the Sync Worker. */
export class ServerToken extends HttpApiMiddleware.Tag<ServerToken>()("auth-worker/api/ServerToken", {
  security: { serverToken: bearer("SERVER_BYPASS_TOKEN: the server's and the Sync Worker's.") }
}) {}

/** An operator. */
export class OperatorToken extends HttpApiMiddleware.Tag<OperatorToken>()("auth-worker/api/OperatorToken", {
  security: { operatorToken: bearer("ADMIN_TOKEN: an operator's.") }
}) {}
