import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { SignJWT } from "jose/jwt/sign"
import { jwtVerify } from "jose/jwt/verify"
import { refuse } from "./ApiError.ts"
import { AuthConfig, plain } from "./AuthConfig.ts"
import { isoTime } from "./DirectoryRow.ts"
import { tokenAlgorithm, tokenAudience, TokenClaims, tokenIssuer } from "./TokenClaims.ts"

const utf8 = new TextEncoder()

/** A signed access token for a user, and when it ends. The first of the active secrets signs. */
export const issueAccessToken = (userId: string, lifetimeSeconds: number) =>
  Effect.gen(function* () {
    const [secret = ""] = plain((yield* AuthConfig).JWT_SECRET)
    const issuedAt = Math.floor((yield* Clock.currentTimeMillis) / 1_000)
    const expiresAt = issuedAt + lifetimeSeconds
    const token = yield* Effect.promise(() =>
      new SignJWT()
        .setProtectedHeader({ alg: tokenAlgorithm, typ: "JWT" })
        .setIssuer(tokenIssuer)
        .setAudience(tokenAudience)
        .setSubject(userId)
        .setIssuedAt(issuedAt)
        .setExpirationTime(expiresAt)
        .sign(utf8.encode(secret))
    )
    return { token, expiresAt: isoTime(expiresAt * 1_000) }
  })

/** The claims of a token that one of the active secrets signed and that has not expired; else UNAUTHORIZED. */
export const verifyAccessToken = (token: string) =>
  Effect.gen(function* () {
    const now = new Date(yield* Clock.currentTimeMillis)
    return yield* Effect.firstSuccessOf(
      plain((yield* AuthConfig).JWT_SECRET).map((secret) =>
        Effect.tryPromise(() =>
          jwtVerify(token, utf8.encode(secret), {
            algorithms: [tokenAlgorithm],
            issuer: tokenIssuer,
            audience: tokenAudience,
            currentDate: now
          })
        )
      )
    ).pipe(
      Effect.flatMap(({ payload }) => Schema.decodeUnknown(TokenClaims)(payload)),
      Effect.mapError(() => refuse("UNAUTHORIZED", "The access token is not valid or has expired."))
    )
  })
