import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { issueAccessToken } from "./AccessTokens.ts"
import { refuse, tooManyFailures } from "./ApiError.ts"
import { AuthConfig, plain } from "./AuthConfig.ts"
import { addressOf, authenticatedUser, limitAddress } from "./authentication.ts"
import { type Bearer, makeBearer, nextBearer, readBearer } from "./BearerSecrets.ts"
import { Email } from "./Identifiers.ts"
import { PasswordQueue } from "./PasswordQueue.ts"
import { hashPassword, verifyPassword } from "./Passwords.ts"
import { Registry } from "./Registry.ts"
import { readBody } from "./RequestBody.ts"
import { route } from "./Router.ts"

const Password = Schema.String.pipe(
  Schema.minLength(8, { message: () => "expected at least 8 characters" }),
  Schema.maxLength(256, { message: () => "expected at most 256 characters" })
)

export const SignUpRequest = Schema.Struct({ email: Email, password: Password })
export const LogInRequest = Schema.Struct({
  email: Email,
  password: Schema.String.pipe(Schema.maxLength(256))
})
export const RefreshRequest = Schema.Struct({ refreshToken: Schema.String })

/** What a client gets to call the API with: a short access token, and a refresh token that is replaced at every use. */
const grant = (userId: string, session: Bearer) =>
  Effect.gen(function* () {
    const { ACCESS_TOKEN_TTL_SECONDS } = yield* AuthConfig
    const { token, expiresAt } = yield* issueAccessToken(userId, ACCESS_TOKEN_TTL_SECONDS)
    return { accessToken: token, tokenType: "Bearer", expiresAt, refreshToken: session.text }
  })

const signUp = (request: Request) =>
  Effect.gen(function* () {
    const { email, password } = yield* readBody(request, SignUpRequest)
    const { PASSWORD_HASH_ROUNDS } = yield* AuthConfig
    const registry = yield* Registry
    const session = yield* makeBearer
    const { user, workspace } = yield* registry.call("signUp", {
      email,
      passwordHash: yield* hashPassword(password, PASSWORD_HASH_ROUNDS),
      sessionId: session.id,
      tokenHash: session.hash
    })
    return { status: 201, body: { ...(yield* grant(user.userId, session)), user, workspace } }
  })

const logIn = (request: Request) =>
  Effect.gen(function* () {
    const { email, password } = yield* readBody(request, LogInRequest)
    const { PASSWORD_HASH_ROUNDS } = yield* AuthConfig
    const registry = yield* Registry
    const address = addressOf(request)
    const { account, retryAfterSeconds } = yield* registry.call("beginLogIn", { email, address })
    // Always looked at, in its turn: a right password passes whatever others behind the address have tried.
    const verdict = yield* (yield* PasswordQueue).inTurn(
      { address, account: email, slow: retryAfterSeconds > 0 },
      verifyPassword(password, account?.passwordHash ?? null, PASSWORD_HASH_ROUNDS)
    )
    if (account === null || !verdict.matches) {
      return yield* retryAfterSeconds > 0
        ? tooManyFailures(retryAfterSeconds)
        : refuse("INVALID_CREDENTIALS", "The e-mail address or password is wrong.")
    }
    const session = yield* makeBearer
    yield* registry.call("logIn", {
      userId: account.user.userId,
      email,
      address,
      sessionId: session.id,
      tokenHash: session.hash,
      ...(verdict.outdated ? { passwordHash: yield* hashPassword(password, PASSWORD_HASH_ROUNDS) } : {})
    })
    return { status: 200, body: { ...(yield* grant(account.user.userId, session)), user: account.user } }
  })

const refresh = (request: Request) =>
  Effect.gen(function* () {
    const { refreshToken } = yield* readBody(request, RefreshRequest)
    const registry = yield* Registry
    const { JWT_SECRET } = yield* AuthConfig
    const given = yield* readBearer(refreshToken)
    const next = yield* nextBearer(given, plain(JWT_SECRET)[0] ?? "")
    const { userId } = yield* registry.call("rotateSession", {
      sessionId: given.id,
      tokenHash: given.hash,
      nextHash: next.hash,
      address: addressOf(request)
    })
    return { status: 200, body: yield* grant(userId, next) }
  })

const logOut = (request: Request) =>
  Effect.gen(function* () {
    const { refreshToken } = yield* readBody(request, RefreshRequest)
    const registry = yield* Registry
    const { hash, id } = yield* readBearer(refreshToken)
    yield* registry.call("endSession", { sessionId: id, tokenHash: hash })
    return { status: 204 }
  })

/** Signing up, in and out, and one's own account. */
export const accountRoutes = [
  route("POST", "/auth/signup", ({ request }) => Effect.zipRight(limitAddress(request), signUp(request))),
  route("POST", "/auth/login", ({ request }) => logIn(request)),
  route("POST", "/auth/refresh", ({ request }) => refresh(request)),
  route("POST", "/auth/logout", ({ request }) => logOut(request)),
  route("GET", "/account", ({ request }) =>
    Effect.gen(function* () {
      const userId = yield* authenticatedUser(request)
      const registry = yield* Registry
      return { status: 200, body: yield* registry.call("getUser", { userId }) }
    })
  ),
  route("DELETE", "/account", ({ request }) =>
    Effect.gen(function* () {
      const userId = yield* authenticatedUser(request)
      const registry = yield* Registry
      yield* registry.call("deleteUser", { userId, actor: userId })
      return { status: 204 }
    })
  )
]
