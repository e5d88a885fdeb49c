import * as Schema from "effect/Schema"

/** Who issues access tokens, and whom they are for: the Sync Worker checks both. */
export const tokenIssuer = "workspace-orchestrator/auth-worker"
export const tokenAudience = "workspace-orchestrator"

/** The one algorithm; a token that names another is refused. */
export const tokenAlgorithm = "HS256"

/**
 * The claims of an access token. It says who somebody is, not what they may open: membership changes, and is asked of
 * the Auth Worker when it matters.
 */
export const TokenClaims = Schema.Struct({
  iss: Schema.Literal(tokenIssuer),
  aud: Schema.Literal(tokenAudience),
  /** The user's id. */
  sub: Schema.NonEmptyString,
  /** Seconds since the epoch. */
  iat: Schema.Number,
  exp: Schema.Number
})
export type TokenClaims = typeof TokenClaims.Type
