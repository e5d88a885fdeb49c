import * as Effect from "effect/Effect"
import * as Clock from "effect/Clock"
import * as Option from "effect/Option"
import { refuse } from "./ApiError.ts"
import { recordChange } from "./ChangeLog.ts"
import { isoTime } from "./DirectoryRow.ts"
import { mayManage, type Role } from "./Roles.ts"
import { Sql } from "./Sql.ts"
import { revokeFallen } from "./Standing.ts"
import { requireUser } from "./Users.ts"
import { electDefault, removeWorkspace, requireMembership, requireQuota } from "./Workspaces.ts"

export interface Member {
  readonly userId: string
  readonly email: string | null
  readonly role: string
  readonly joinedAt: string
}

/** The caller's role in a workspace; FORBIDDEN unless it may manage the roles concerned. */
export const requireManager = (userId: string, instanceId: string, ...concerned: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    yield* requireUser(userId)
    const membership = yield* requireMembership(userId, instanceId)
    if (!mayManage(membership.role, ...concerned)) {
      return yield* refuse("FORBIDDEN", "Your role in this workspace does not allow this.")
    }
  })

/** The members of a workspace, as any of them sees them. */
export const listMembers = ({
  userId,
  instanceId
}: {
  readonly userId: string
  readonly instanceId: string
}) =>
  Effect.gen(function* () {
    const sql = yield* Sql
    yield* requireUser(userId)
    yield* requireMembership(userId, instanceId)
    const rows = yield* sql.all<{ user_id: string; email: string | null; role: string; created_at: number }>(
      `SELECT m.user_id, u.email, m.role, m.created_at FROM memberships m JOIN users u ON u.id = m.user_id
       WHERE m.workspace_id = ? AND m.removed_revision IS NULL ORDER BY m.seq`,
      instanceId
    )
    return rows.map((row): Member => ({
      userId: row.user_id,
      email: row.email,
      role: row.role,
      joinedAt: isoTime(row.created_at)
    }))
  })

const requireMember = (userId: string, instanceId: string) =>
  requireMembership(userId, instanceId).pipe(
    Effect.mapError(() => refuse("MEMBER_NOT_FOUND", "That user is not a member of this workspace."))
  )

const otherOwners = (instanceId: string, userId: string) =>
  Effect.gen(function* () {
    const sql = yield* Sql
    const counted = yield* sql.first<{ others: number; owners: number }>(
      `SELECT COUNT(*) AS others, COUNT(CASE WHEN role = 'owner' THEN 1 END) AS owners FROM memberships
       WHERE workspace_id = ? AND user_id <> ? AND removed_revision IS NULL`,
      instanceId,
      userId
    )
    return Option.getOrElse(counted, () => ({ others: 0, owners: 0 }))
  })

/** Gives a member another role. LAST_OWNER when nobody would own the workspace any more. */
export const setRole = (input: {
  readonly userId: string
  readonly instanceId: string
  readonly memberId: string
  readonly role: Role
}) =>
  Effect.gen(function* () {
    const sql = yield* Sql
    yield* sql.transaction(
      Effect.gen(function* () {
        yield* requireManager(input.userId, input.instanceId)
        const member = yield* requireMember(input.memberId, input.instanceId)
        if (member.role === input.role) return
        yield* requireManager(input.userId, input.instanceId, member.role, input.role)
        if (input.role === "owner") yield* requireQuota(input.memberId)
        if (member.role === "owner" && (yield* otherOwners(input.instanceId, input.memberId)).owners === 0) {
          return yield* refuse("LAST_OWNER", "A workspace needs an owner: make another member one first.")
        }
        yield* recordChange("upsert", input.instanceId)
        yield* sql.run(`UPDATE memberships SET role = ? WHERE seq = ?`, input.role, member.seq)
        yield* revokeFallen(input.instanceId)
      })
    )
  })

/**
 * Ends a membership, one's own or, as a manager, another's. With the last member the workspace ends; the last owner among
 * others must first make one of them owner.
 */
export const removeMember = (input: {
  readonly userId: string
  readonly instanceId: string
  readonly memberId: string
}) =>
  Effect.gen(function* () {
    const sql = yield* Sql
    yield* sql.transaction(
      Effect.gen(function* () {
        yield* requireUser(input.userId)
        yield* requireMembership(input.userId, input.instanceId)
        const member = yield* requireMember(input.memberId, input.instanceId)
        if (input.memberId !== input.userId)
          yield* requireManager(input.userId, input.instanceId, member.role)
        const rest = yield* otherOwners(input.instanceId, input.memberId)
        if (rest.others === 0) return yield* removeWorkspace(input.instanceId, input.userId)
        if (member.role === "owner" && rest.owners === 0) {
          return yield* refuse("LAST_OWNER", "A workspace needs an owner: make another member one first.")
        }
        yield* endMembership(input.instanceId, input.memberId)
      })
    )
  })

/** Ends one of several memberships of a workspace, inside a transaction. */
const endMembership = (instanceId: string, userId: string) =>
  Effect.gen(function* () {
    const sql = yield* Sql
    const revision = yield* recordChange("upsert", instanceId)
    yield* sql.run(
      `UPDATE memberships SET removed_revision = ? WHERE workspace_id = ? AND user_id = ? AND removed_revision IS NULL`,
      revision,
      instanceId,
      userId
    )
    yield* revokeFallen(instanceId)
    yield* electDefault(userId)
  })

/** Adds a member, inside a transaction. ALREADY_MEMBER when there is nothing to add. */
export const insertMember = (instanceId: string, userId: string, role: Role) =>
  Effect.gen(function* () {
    const sql = yield* Sql
    const existing = yield* sql.first(
      `SELECT seq FROM memberships WHERE workspace_id = ? AND user_id = ? AND removed_revision IS NULL`,
      instanceId,
      userId
    )
    if (Option.isSome(existing))
      return yield* refuse("ALREADY_MEMBER", "That user is a member of this workspace already.")
    if (role === "owner") yield* requireQuota(userId)
    const revision = yield* recordChange("upsert", instanceId)
    const now = yield* Clock.currentTimeMillis
    yield* sql.run(
      `INSERT INTO memberships (workspace_id, user_id, role, is_default, created_at, last_accessed_at, added_revision)
       VALUES (?, ?, ?, 0, ?, ?, ?)`,
      instanceId,
      userId,
      role,
      now,
      now,
      revision
    )
    yield* electDefault(userId)
  })

/**
 * Deletes a user: the workspaces that nobody else is in end, the others lose the member, and where that was the last owner the
 * longest-serving admin, or else member, becomes one. All in one transaction, each end with its webhook.
 */
export const deleteUser = ({ userId, actor }: { readonly userId: string; readonly actor: string }) =>
  Effect.gen(function* () {
    const sql = yield* Sql
    return yield* sql.transaction(
      Effect.gen(function* () {
        const user = yield* sql.first(`SELECT id FROM users WHERE id = ? AND deleted_at IS NULL`, userId)
        if (Option.isNone(user)) return yield* refuse("USER_NOT_FOUND", "No such user.")
        // First, so that no new default is elected for who is going.
        yield* sql.run(
          `UPDATE users SET deleted_at = ?, email = NULL, password = NULL WHERE id = ?`,
          yield* Clock.currentTimeMillis,
          userId
        )
        yield* sql.run(`DELETE FROM sessions WHERE user_id = ?`, userId)
        const memberships = yield* sql.all<{ workspace_id: string; role: string }>(
          `SELECT workspace_id, role FROM memberships WHERE user_id = ? AND removed_revision IS NULL ORDER BY seq`,
          userId
        )
        const removed = yield* Effect.filter(memberships, ({ role, workspace_id: instanceId }) =>
          Effect.gen(function* () {
            const rest = yield* otherOwners(instanceId, userId)
            if (rest.others === 0) {
              yield* removeWorkspace(instanceId, actor)
              return true
            }
            yield* endMembership(instanceId, userId)
            if (role === "owner" && rest.owners === 0) yield* promoteHeir(instanceId)
            return false
          })
        )
        return { removed: removed.map((row) => row.workspace_id) }
      })
    )
  })

const promoteHeir = (instanceId: string) =>
  Effect.gen(function* () {
    const sql = yield* Sql
    yield* recordChange("upsert", instanceId)
    yield* sql.run(
      `UPDATE memberships SET role = 'owner' WHERE seq = (
         SELECT seq FROM memberships WHERE workspace_id = ? AND removed_revision IS NULL
         ORDER BY CASE role WHEN 'admin' THEN 0 ELSE 1 END, seq LIMIT 1)`,
      instanceId
    )
  })
