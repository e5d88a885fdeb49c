import * as Effect from "effect/Effect"
import { verifyAccessToken } from "./AccessTokens.ts"
import { refuse } from "./ApiError.ts"
import { AuthConfig, plain } from "./AuthConfig.ts"
import { matchesAny } from "./Secrets.ts"

const bearer = (request: Request): string =>
  /^Bearer ([\x21-\x7e]+)$/i.exec(request.headers.get("authorization") ?? "")?.[1] ?? ""

/** The user whose access token the request carries; else UNAUTHORIZED. */
export const authenticatedUser = (request: Request) =>
  Effect.gen(function* () {
    const token = bearer(request)
    if (token === "")
      return yield* refuse("UNAUTHORIZED", "This needs an access token: Authorization: Bearer <token>.")
    const claims = yield* verifyAccessToken(token)
    return claims.sub
  })

/** Passes the server and the Sync Worker, who know SERVER_BYPASS_TOKEN; FORBIDDEN for everybody, while it is unset. */
export const requireServer = (request: Request) =>
  Effect.gen(function* () {
    const { SERVER_BYPASS_TOKEN } = yield* AuthConfig
    const passes = yield* matchesAny(bearer(request), plain(SERVER_BYPASS_TOKEN))
    if (!passes) return yield* refuse("FORBIDDEN", "This needs the server's token.")
  })
