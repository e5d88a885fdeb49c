import type * as Redacted from "effect/Redacted"
import * as Effect from "effect/Effect"
import { verifyAccessToken } from "./AccessTokens.ts"
import { addressPrefix } from "./AddressPrefix.ts"
import { refuse } from "./ApiError.ts"
import { AuthConfig, plain } from "./AuthConfig.ts"
import { RateLimits } from "./RateLimits.ts"
import { matchesAny } from "./Secrets.ts"

const bearer = (request: Request): string =>
  /^Bearer ([\x21-\x7e]+)$/i.exec(request.headers.get("authorization") ?? "")?.[1] ?? ""

/** The user whose access token the request carries; else UNAUTHORIZED. A user has so many requests a minute. */
export const authenticatedUser = (request: Request) =>
  Effect.gen(function* () {
    const token = bearer(request)
    if (token === "")
      return yield* refuse("UNAUTHORIZED", "This needs an access token: Authorization: Bearer <token>.")
    const { sub: userId } = yield* verifyAccessToken(token)
    yield* (yield* RateLimits).take(`user ${userId}`, (yield* AuthConfig).API_RATE_PER_MINUTE)
    return userId
  })

/** Who asks, for limits. The platform's edge sets the header, and overwrites what a client says. */
export const addressOf = (request: Request): string =>
  addressPrefix(request.headers.get("cf-connecting-ip") ?? "")

/** Lets an address sign up so often a minute: a sign-up proves nothing, so all of them count. */
export const limitAddress = (request: Request) =>
  Effect.gen(function* () {
    yield* (yield* RateLimits).take(`address ${addressOf(request)}`, (yield* AuthConfig).AUTH_RATE_PER_MINUTE)
  })

const requireOneOf = (
  request: Request,
  secrets: Redacted.Redacted<ReadonlyArray<string>> | undefined,
  message: string
) =>
  Effect.flatMap(matchesAny(bearer(request), plain(secrets)), (passes) =>
    passes ? Effect.void : refuse("FORBIDDEN", message)
  )

/** Passes the server and the Sync Worker, who know SERVER_BYPASS_TOKEN; FORBIDDEN for everybody while it is unset. */
export const requireServer = (request: Request) =>
  Effect.flatMap(AuthConfig, (config) =>
    requireOneOf(request, config.SERVER_BYPASS_TOKEN, "This needs the server's token.")
  )

/** Passes an operator, who knows ADMIN_TOKEN; FORBIDDEN for everybody while it is unset. */
export const requireAdmin = (request: Request) =>
  Effect.flatMap(AuthConfig, (config) =>
    requireOneOf(request, config.ADMIN_TOKEN, "This needs the operator's token.")
  )
