import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { issueAccessToken } from "./AccessTokens.ts"
import { refuse } from "./ApiError.ts"
import { AuthConfig } from "./AuthConfig.ts"
import { Email, UserId } from "./Identifiers.ts"
import { Registry } from "./Registry.ts"
import { readBody } from "./RequestBody.ts"
import { route } from "./Router.ts"

export const DevTokenRequest = Schema.Struct({
  userId: Schema.optionalWith(UserId, { exact: true }),
  email: Schema.optionalWith(Email, { exact: true })
}).pipe(
  Schema.filter((body) => (body.userId ?? body.email) !== undefined, {
    message: () => "expected userId or email"
  })
)

/** Tokens without a password, for development. Where DEV_USERS_ENABLED is not true, the path does not exist. */
export const devRoutes = [
  route("POST", "/dev/token", ({ request }) =>
    Effect.gen(function* () {
      const config = yield* AuthConfig
      if (!config.DEV_USERS_ENABLED) return yield* refuse("NOT_FOUND", "There is nothing at this path.")
      const registry = yield* Registry
      const user = yield* registry.call("ensureDevUser", yield* readBody(request, DevTokenRequest))
      const { token, expiresAt } = yield* issueAccessToken(user.userId, config.DEV_TOKEN_TTL_SECONDS)
      return { status: 200, body: { token, tokenType: "Bearer", expiresAt, user } }
    })
  )
]
