import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { ApiError, refuse } from "./ApiError.ts"
import { randomId } from "./Secrets.ts"
import { insertSession } from "./Sessions.ts"
import { Sql } from "./Sql.ts"
import type { User } from "./Users.ts"
import { insertWorkspace } from "./Workspaces.ts"

/** Failed log-ins that one account may have within the window (ms), before it takes no more of them. */
const maxFailedLogins = 10
const failedLoginWindowMs = 15 * 60_000

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

type StoredCredentials = {
  id: string
  email: string
  password: string | null
  failed_logins: number
  failed_since: number
}

/** The password hash of an account, if there is one; RATE_LIMITED while too many log-ins to it have failed. */
export const credentialsOf = ({ email }: { readonly email: string }) =>
  Effect.gen(function* () {
    const sql = yield* Sql
    const found = yield* sql.first<StoredCredentials>(
      `SELECT id, email, password, failed_logins, failed_since FROM users WHERE email = ? AND deleted_at IS NULL`,
      email
    )
    if (Option.isNone(found)) return null
    const account = found.value
    const opensInMs = account.failed_since + failedLoginWindowMs - (yield* Clock.currentTimeMillis)
    if (account.failed_logins >= maxFailedLogins && opensInMs > 0) {
      return yield* new ApiError({
        code: "RATE_LIMITED",
        message: "Too many log-ins to this account failed: try again later.",
        retryAfterSeconds: Math.ceil(opensInMs / 1_000)
      })
    }
    return { user: { userId: account.id, email: account.email }, passwordHash: account.password }
  })

/** Counts a failed log-in to an account, from the first one of a window. */
export const recordFailedLogin = ({ userId }: { readonly userId: string }) =>
  Effect.gen(function* () {
    const sql = yield* Sql
    yield* sql.run(
      `UPDATE users SET
         failed_logins = CASE WHEN failed_since + ?2 > ?1 THEN failed_logins + 1 ELSE 1 END,
         failed_since = CASE WHEN failed_since + ?2 > ?1 THEN failed_since ELSE ?1 END
       WHERE id = ?3`,
      yield* Clock.currentTimeMillis,
      failedLoginWindowMs,
      userId
    )
  })

/** Opens a session for a user whose password was right, and stores its hash anew where one is given. */
export const logIn = (input: {
  readonly userId: string
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
        yield* sql.run(
          `UPDATE users SET failed_logins = 0, password = COALESCE(?, password) WHERE id = ?`,
          input.passwordHash ?? null,
          input.userId
        )
        yield* insertSession(input.sessionId, input.userId, input.tokenHash)
      })
    )
  })
