import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { refuse } from "./ApiError.ts"
import { countFailure, forgive } from "./Failures.ts"
import { randomId } from "./Secrets.ts"
import { insertSession } from "./Sessions.ts"
import { Sql } from "./Sql.ts"
import type { User } from "./Users.ts"
import { insertWorkspace } from "./Workspaces.ts"

/** The workspace that every user begins with. */
const personalWorkspaceName = "Personal Workspace"

/** Makes a user with a personal workspace and a first session, all or nothing. EMAIL_TAKEN when there is one. */
export const signUp = (input: {
  readonly email: string
  readonly passwordHash: string
  readonly sessionId: string
  readonly tokenHash: string
}) =>
  Effect.gen(function* () {
    const sql = yield* Sql
    return yield* sql.transaction(
      Effect.gen(function* () {
        const taken = yield* sql.first(`SELECT id FROM users WHERE email = ?`, input.email)
        if (Option.isSome(taken)) return yield* refuse("EMAIL_TAKEN", "Another user has that e-mail address.")
        const user: User = { userId: yield* randomId, email: input.email }
        yield* sql.run(
          `INSERT INTO users (id, email, password, created_at) VALUES (?, ?, ?, ?)`,
          user.userId,
          user.email,
          input.passwordHash,
          yield* Clock.currentTimeMillis
        )
        yield* insertSession(input.sessionId, user.userId, input.tokenHash)
        const workspace = yield* insertWorkspace({ userId: user.userId, name: personalWorkspaceName })
        return { user, workspace }
      })
    )
  })

type StoredCredentials = { id: string; email: string; password: string | null }

/**
 * Begins a log-in: counts it as failed until `logIn` says otherwise, and answers the password hash of the account, if there
 * is one. The same work is done where there is none. `retryAfterSeconds` is not 0 once too many have failed from there.
 */
export const beginLogIn = (input: { readonly email: string; readonly address: string }) =>
  Effect.gen(function* () {
    const sql = yield* Sql
    const retryAfterSeconds = yield* countFailure(input.address, input.email)
    const found = yield* sql.first<StoredCredentials>(
      `SELECT id, email, password FROM users WHERE email = ? AND deleted_at IS NULL`,
      input.email
    )
    const account = Option.match(found, {
      onNone: () => null,
      onSome: ({ email, id, password }) => ({ user: { userId: id, email }, passwordHash: password })
    })
    return { account, retryAfterSeconds }
  })

/** Opens a session for a user whose password was right, and stores its hash anew where one is given. */
export const logIn = (input: {
  readonly userId: string
  readonly email: string
  readonly address: string
  readonly sessionId: string
  readonly tokenHash: string
  readonly passwordHash?: string
}) =>
  Effect.gen(function* () {
    const sql = yield* Sql
    yield* sql.transaction(
      Effect.gen(function* () {
        const user = yield* sql.first(
          `SELECT id FROM users WHERE id = ? AND deleted_at IS NULL`,
          input.userId
        )
        if (Option.isNone(user))
          return yield* refuse("INVALID_CREDENTIALS", "The e-mail address or password is wrong.")
        yield* forgive(input.address, input.email)
        yield* sql.run(
          `UPDATE users SET password = COALESCE(?, password) WHERE id = ?`,
          input.passwordHash ?? null,
          input.userId
        )
        yield* insertSession(input.sessionId, input.userId, input.tokenHash)
      })
    )
  })
