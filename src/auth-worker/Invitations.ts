import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { refuse } from "./ApiError.ts"
import { AuthConfig } from "./AuthConfig.ts"
import { isoTime } from "./DirectoryRow.ts"
import { insertMember, requireManager } from "./Members.ts"
import type { Role } from "./Roles.ts"
import { Sql } from "./Sql.ts"
import { stands } from "./Standing.ts"
import { requireUser } from "./Users.ts"
import { getWorkspace } from "./Workspaces.ts"

export interface Invitation {
  readonly invitationId: string
  readonly instanceId: string
  readonly email: string
  readonly role: string
  readonly expiresAt: string
}

type StoredInvitation = {
  id: string
  workspace_id: string
  email: string
  role: Role
  token_hash: string
  expires_at: number
}

const toInvitation = (row: StoredInvitation): Invitation => ({
  invitationId: row.id,
  instanceId: row.workspace_id,
  email: row.email,
  role: row.role,
  expiresAt: isoTime(row.expires_at)
})

/** Invites an e-mail address into a workspace; a new invitation of the same address takes the place of the old one. */
export const invite = (input: {
  readonly userId: string
  readonly instanceId: string
  readonly email: string
  readonly role: Role
  readonly invitationId: string
  readonly tokenHash: string
}) =>
  Effect.gen(function* () {
    const sql = yield* Sql
    const { INVITATION_TTL_SECONDS } = yield* AuthConfig
    return yield* sql.transaction(
      Effect.gen(function* () {
        yield* requireManager(input.userId, input.instanceId, input.role)
        const member = yield* sql.first(
          `SELECT m.seq FROM memberships m JOIN users u ON u.id = m.user_id
           WHERE m.workspace_id = ? AND u.email = ? AND m.removed_revision IS NULL`,
          input.instanceId,
          input.email
        )
        if (Option.isSome(member))
          return yield* refuse("ALREADY_MEMBER", "That user is a member of this workspace already.")
        const now = yield* Clock.currentTimeMillis
        const row: StoredInvitation = {
          id: input.invitationId,
          workspace_id: input.instanceId,
          email: input.email,
          role: input.role,
          token_hash: input.tokenHash,
          expires_at: now + INVITATION_TTL_SECONDS * 1_000
        }
        yield* sql.run(
          `DELETE FROM invitations WHERE workspace_id = ? AND email = ?`,
          row.workspace_id,
          row.email
        )
        yield* sql.run(
          `INSERT INTO invitations (id, workspace_id, email, role, token_hash, invited_by, created_at, expires_at)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
          row.id,
          row.workspace_id,
          row.email,
          row.role,
          row.token_hash,
          input.userId,
          now,
          row.expires_at
        )
        return toInvitation(row)
      })
    )
  })

/** The open invitations of a workspace, for its managers. */
export const listInvitations = ({
  userId,
  instanceId
}: {
  readonly userId: string
  readonly instanceId: string
}) =>
  Effect.gen(function* () {
    const sql = yield* Sql
    yield* requireManager(userId, instanceId)
    const rows = yield* sql.all<StoredInvitation>(
      `SELECT id, workspace_id, email, role, token_hash, expires_at FROM invitations i
       WHERE workspace_id = ? AND expires_at > ? AND ${stands} ORDER BY created_at, id`,
      instanceId,
      yield* Clock.currentTimeMillis
    )
    return rows.map(toInvitation)
  })

/** Takes an invitation back. */
export const revokeInvitation = (input: {
  readonly userId: string
  readonly instanceId: string
  readonly invitationId: string
}) =>
  Effect.gen(function* () {
    const sql = yield* Sql
    yield* requireManager(input.userId, input.instanceId)
    const row = yield* sql.first(
      `DELETE FROM invitations WHERE id = ? AND workspace_id = ? RETURNING id`,
      input.invitationId,
      input.instanceId
    )
    if (Option.isNone(row)) return yield* refuse("INVITATION_NOT_FOUND", "No such invitation.")
  })

/** Makes the user to whose address an invitation was sent a member; it can be used once. */
export const acceptInvitation = (input: {
  readonly userId: string
  readonly invitationId: string
  readonly tokenHash: string
}) =>
  Effect.gen(function* () {
    const sql = yield* Sql
    return yield* sql.transaction(
      Effect.gen(function* () {
        const user = yield* requireUser(input.userId)
        const found = yield* sql.first<StoredInvitation>(
          `SELECT i.id, i.workspace_id, i.email, i.role, i.token_hash, i.expires_at FROM invitations i
           JOIN workspaces w ON w.id = i.workspace_id WHERE i.id = ? AND i.token_hash = ? AND w.deleted_revision IS NULL
           AND ${stands}`,
          input.invitationId,
          input.tokenHash
        )
        if (Option.isNone(found)) return yield* refuse("INVITATION_NOT_FOUND", "No such invitation.")
        const invitation = found.value
        if (invitation.expires_at <= (yield* Clock.currentTimeMillis)) {
          return yield* refuse("INVITATION_EXPIRED", "The invitation has expired: ask for a new one.")
        }
        if (invitation.email !== user.email) {
          return yield* refuse("FORBIDDEN", "The invitation was sent to another e-mail address.")
        }
        yield* insertMember(invitation.workspace_id, input.userId, invitation.role)
        yield* sql.run(`DELETE FROM invitations WHERE id = ?`, invitation.id)
        return yield* getWorkspace({ userId: input.userId, instanceId: invitation.workspace_id })
      })
    )
  })
