/** From the payload of a connection to who is connecting (contract, section 4). */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import { jwtVerify } from "jose"
import { matchesSecret } from "./Digest.ts"
import { activeSecrets, type Environment } from "./Environment.ts"
import { isMember } from "./Membership.ts"
import { forbidden, malformed, Refusal, unauthorized } from "./Refusal.ts"
import { defaultAudience, defaultIssuer } from "./TokenTerms.ts"

/** Who holds a connection. */
export const Principal = Schema.Union(
  Schema.Struct({ kind: Schema.Literal("server") }),
  Schema.Struct({ kind: Schema.Literal("user"), userId: Schema.String })
)
export type Principal = typeof Principal.Type

const Payload = Schema.Struct({
  instanceId: Schema.String,
  serverBypass: Schema.optional(Schema.String),
  authToken: Schema.optional(Schema.String)
})

/** The claims of the Auth Worker's access tokens that count here. */
const Claims = Schema.Struct({ sub: Schema.NonEmptyString, exp: Schema.Number })

const encoder = new TextEncoder()

/** The user whom the Auth Worker named in this token, unless it is forged, expired or made for something else. */
const userOf = (env: Environment, token: string): Effect.Effect<string, Refusal> =>
  Effect.gen(function* () {
    for (const secret of activeSecrets(env.JWT_SECRET)) {
      const verified = yield* Effect.tryPromise(() =>
        jwtVerify(token, encoder.encode(secret), {
          // The only one the Auth Worker signs with: a token may not choose its own algorithm.
          algorithms: ["HS256"],
          issuer: env.JWT_ISSUER ?? defaultIssuer,
          audience: env.JWT_AUDIENCE ?? defaultAudience,
          requiredClaims: ["sub", "exp"]
        })
      ).pipe(Effect.either)
      if (Either.isLeft(verified)) continue
      const claims = Schema.decodeUnknownEither(Claims)(verified.right.payload)
      if (Either.isRight(claims)) return claims.right.sub
    }
    return yield* unauthorized("the token is invalid or has expired")
  })

/**
 * Lets in the server by its bypass token, and a user by a valid token and a membership that the Auth Worker confirms.
 * The workspace named in the payload has to be the store of the connection.
 */
export const authenticate = (
  env: Environment,
  storeId: string,
  payload: unknown
): Effect.Effect<Principal, Refusal> =>
  Effect.gen(function* () {
    const { authToken, instanceId, serverBypass } = yield* Schema.decodeUnknown(Payload)(payload).pipe(
      Effect.mapError(() => malformed("payload: expected instanceId with serverBypass or authToken"))
    )
    if (instanceId !== storeId) {
      return yield* forbidden("payload: instanceId is not the storeId of the connection")
    }
    if (serverBypass !== undefined) {
      if (yield* matchesSecret(serverBypass, activeSecrets(env.SERVER_BYPASS_TOKEN)))
        return { kind: "server" }
      return yield* unauthorized("the bypass token is wrong")
    }
    if (authToken === undefined) return yield* unauthorized("payload: no credentials")
    const userId = yield* userOf(env, authToken)
    const member = yield* isMember(env, userId, storeId).pipe(
      Effect.mapError(
        (error) => new Refusal({ status: 503, code: "MEMBERSHIP_UNKNOWN", message: error.message })
      )
    )
    return member ? { kind: "user", userId } : yield* forbidden("not a member of this workspace")
  })
