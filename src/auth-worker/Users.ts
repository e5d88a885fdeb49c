import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { refuse } from "./ApiError.ts"
import { randomId } from "./Secrets.ts"
import { Sql } from "./Sql.ts"

export interface User {
  readonly userId: string
  readonly email: string | null
}

type StoredUser = { id: string; email: string | null }

const toUser = (row: StoredUser): User => ({ userId: row.id, email: row.email })

/** The user of this id, or UNAUTHORIZED: who is gone has no standing, however good the token. */
export const requireUser = (userId: string) =>
  Effect.gen(function* () {
    const sql = yield* Sql
    const row = yield* sql.first<StoredUser>(
      `SELECT id, email FROM users WHERE id = ? AND deleted_at IS NULL`,
      userId
    )
    if (Option.isNone(row)) return yield* refuse("UNAUTHORIZED", "The token's user does not exist any more.")
    return toUser(row.value)
  })

/** Who a token's user is. */
export const getUser = ({ userId }: { readonly userId: string }) => requireUser(userId)

/** The user of this id or e-mail address, made when there is none: for development tokens only. */
export const ensureDevUser = (wanted: {
  readonly userId?: string | undefined
  readonly email?: string | undefined
}) =>
  Effect.gen(function* () {
    const sql = yield* Sql
    const existing = yield* sql.first<StoredUser & { deleted_at: number | null }>(
      `SELECT id, email, deleted_at FROM users WHERE id = ?1 OR (?1 IS NULL AND email = ?2)`,
      wanted.userId ?? null,
      wanted.email ?? null
    )
    if (Option.isSome(existing)) {
      if (existing.value.deleted_at !== null) return yield* refuse("USER_NOT_FOUND", "That user was deleted.")
      return toUser(existing.value)
    }
    const user: User = { userId: wanted.userId ?? (yield* randomId), email: wanted.email ?? null }
    if (user.email !== null) {
      const taken = yield* sql.first(`SELECT id FROM users WHERE email = ?`, user.email)
      if (Option.isSome(taken)) return yield* refuse("EMAIL_TAKEN", "Another user has that e-mail address.")
    }
    yield* sql.run(
      `INSERT INTO users (id, email, created_at) VALUES (?, ?, ?)`,
      user.userId,
      user.email,
      yield* Clock.currentTimeMillis
    )
    return user
  })
