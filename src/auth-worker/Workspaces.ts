import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { refuse } from "./ApiError.ts"
import { AuthConfig } from "./AuthConfig.ts"
import { recordChange } from "./ChangeLog.ts"
import { directoryColumns, isoTime, type StoredDirectoryRow } from "./DirectoryRow.ts"
import { notifyServerOfWorkspaceEvent } from "./Notifier.ts"
import { randomId } from "./Secrets.ts"
import { Sql } from "./Sql.ts"
import { revokeFallen } from "./Standing.ts"
import { requireUser } from "./Users.ts"

/** Who an operator's changes are written down as having been made by. */
export const adminActor = "admin"

/** How exact `lastAccessedAt` is, in milliseconds. */
const accessResolutionMs = 60_000

/** A workspace as one of its members sees it. */
export interface Workspace {
  readonly instanceId: string
  readonly name: string
  readonly role: string
  readonly isDefault: boolean
  readonly createdAt: string
  readonly lastAccessedAt: string
}

const toWorkspace = (row: StoredDirectoryRow): Workspace => ({
  instanceId: row.workspace_id,
  name: row.name,
  role: row.role,
  isDefault: row.is_default === 1,
  createdAt: isoTime(row.created_at),
  lastAccessedAt: isoTime(row.last_accessed_at)
})

const membershipsWhere = (condition: string) =>
  `SELECT ${directoryColumns} FROM memberships m JOIN workspaces w ON w.id = m.workspace_id
   WHERE m.removed_revision IS NULL AND ${condition} ORDER BY m.seq`

/** The workspaces of a user. */
export const listWorkspaces = ({ userId }: { readonly userId: string }) =>
  Effect.gen(function* () {
    const sql = yield* Sql
    yield* requireUser(userId)
    const rows = yield* sql.all<StoredDirectoryRow>(membershipsWhere("m.user_id = ?"), userId)
    return rows.map(toWorkspace)
  })

/** A user's membership of a workspace, or WORKSPACE_NOT_FOUND: who is no member learns nothing of it. */
export const requireMembership = (userId: string, instanceId: string) =>
  Effect.gen(function* () {
    const sql = yield* Sql
    const row = yield* sql.first<StoredDirectoryRow>(
      membershipsWhere("m.user_id = ? AND m.workspace_id = ?"),
      userId,
      instanceId
    )
    if (Option.isNone(row)) return yield* refuse("WORKSPACE_NOT_FOUND", "No such workspace.")
    return row.value
  })

export interface CreateWorkspace {
  readonly userId: string
  readonly name: string
  /** An id of the client's choosing makes the request repeatable. */
  readonly instanceId?: string | undefined
  /** So does a key, for clients that leave the id to us. */
  readonly idempotencyKey?: string | undefined
  /** For an operator, whom the user's quota does not bind. */
  readonly beyondQuota?: boolean | undefined
}

/** What an earlier request of the same id or key created. */
const createdBefore = ({ userId, instanceId, idempotencyKey }: CreateWorkspace) =>
  Effect.gen(function* () {
    const sql = yield* Sql
    const keyed =
      idempotencyKey === undefined
        ? Option.none()
        : yield* sql.first<{ instance_id: string }>(
            `SELECT instance_id FROM idempotency WHERE user_id = ? AND key = ?`,
            userId,
            idempotencyKey
          )
    const id = Option.match(keyed, { onNone: () => instanceId, onSome: (row) => row.instance_id })
    if (id === undefined) return Option.none<Workspace>()
    const known = yield* sql.first<{ created_by: string; deleted_at: number | null }>(
      `SELECT created_by, deleted_at FROM workspaces WHERE id = ?`,
      id
    )
    if (Option.isNone(known)) return Option.none<Workspace>()
    if (known.value.created_by !== userId) return yield* refuse("WORKSPACE_EXISTS", "That id is taken.")
    if (known.value.deleted_at !== null) {
      return yield* refuse("WORKSPACE_DELETED", "That workspace was deleted; an id is never used twice.")
    }
    return Option.some(toWorkspace(yield* requireMembership(userId, id)))
  })

/**
 * Creates a workspace with its user as owner: rows, change record and owed webhook in one transaction. Repeated with the
 * same id or key it answers what the first request created (`created: false`).
 */
export const createWorkspace = (input: CreateWorkspace) =>
  Effect.gen(function* () {
    const sql = yield* Sql
    return yield* sql.transaction(
      Effect.gen(function* () {
        yield* requireUser(input.userId)
        const before = yield* createdBefore(input)
        if (Option.isSome(before)) return { created: false, workspace: before.value }
        if (input.beyondQuota !== true) yield* requireQuota(input.userId)
        const workspace = yield* insertWorkspace(input)
        return { created: true, workspace }
      })
    )
  })

/** QUOTA_EXCEEDED when a user owns as many workspaces as one may. */
export const requireQuota = (userId: string) =>
  Effect.gen(function* () {
    const sql = yield* Sql
    const { MAX_INSTANCES_PER_USER: quota } = yield* AuthConfig
    const owned = yield* sql.first<{ owned: number }>(
      `SELECT COUNT(*) AS owned FROM memberships WHERE user_id = ? AND removed_revision IS NULL AND role = 'owner'`,
      userId
    )
    if (Option.isSome(owned) && owned.value.owned >= quota) {
      return yield* refuse("QUOTA_EXCEEDED", `A user may own ${quota} workspaces.`)
    }
  })

/** Writes a new workspace with its owner, change record and owed webhook, inside a transaction. */
export const insertWorkspace = (input: CreateWorkspace) =>
  Effect.gen(function* () {
    const sql = yield* Sql
    const now = yield* Clock.currentTimeMillis
    const id = input.instanceId ?? (yield* randomId)
    const revision = yield* recordChange("upsert", id)
    yield* sql.run(
      `INSERT INTO workspaces (id, name, created_by, created_at, created_revision) VALUES (?, ?, ?, ?, ?)`,
      id,
      input.name,
      input.userId,
      now,
      revision
    )
    // A user's first workspace is the default one.
    yield* sql.run(
      `INSERT INTO memberships (workspace_id, user_id, role, is_default, created_at, last_accessed_at, added_revision)
       SELECT ?1, ?2, 'owner',
         NOT EXISTS (SELECT 1 FROM memberships WHERE user_id = ?2 AND removed_revision IS NULL AND is_default = 1),
         ?3, ?3, ?4`,
      id,
      input.userId,
      now,
      revision
    )
    if (input.idempotencyKey !== undefined) {
      yield* sql.run(
        `INSERT INTO idempotency (user_id, key, instance_id, created_at) VALUES (?, ?, ?, ?)`,
        input.userId,
        input.idempotencyKey,
        id,
        now
      )
    }
    yield* notifyServerOfWorkspaceEvent("workspace.created", id, input.userId, yield* AuthConfig)
    return toWorkspace(yield* requireMembership(input.userId, id))
  })

/** Deletes a workspace that its caller owns. Repeated by who deleted it, it changes nothing and succeeds. */
export const deleteWorkspace = ({
  userId,
  instanceId
}: {
  readonly userId: string
  readonly instanceId: string
}) =>
  Effect.gen(function* () {
    const sql = yield* Sql
    yield* sql.transaction(
      Effect.gen(function* () {
        yield* requireUser(userId)
        const deleted = yield* sql.first(
          `SELECT id FROM workspaces WHERE id = ? AND deleted_at IS NOT NULL AND deleted_by = ?`,
          instanceId,
          userId
        )
        if (Option.isSome(deleted)) return
        const membership = yield* requireMembership(userId, instanceId)
        if (membership.role !== "owner")
          return yield* refuse("FORBIDDEN", "Only an owner may delete a workspace.")
        yield* removeWorkspace(instanceId, userId)
      })
    )
  })

/** Deletes any workspace, for an operator. WORKSPACE_NOT_FOUND when there is none. */
export const adminDeleteWorkspace = ({ instanceId }: { readonly instanceId: string }) =>
  Effect.gen(function* () {
    const sql = yield* Sql
    yield* sql.transaction(
      Effect.gen(function* () {
        const live = yield* sql.first(
          `SELECT id FROM workspaces WHERE id = ? AND deleted_at IS NULL`,
          instanceId
        )
        if (Option.isNone(live)) return yield* refuse("WORKSPACE_NOT_FOUND", "No such workspace.")
        yield* removeWorkspace(instanceId, adminActor)
      })
    )
  })

/** Ends a live workspace with all its memberships, inside the transaction of whatever ended it. */
export const removeWorkspace = (instanceId: string, actor: string) =>
  Effect.gen(function* () {
    const sql = yield* Sql
    const now = yield* Clock.currentTimeMillis
    const revision = yield* recordChange("delete", instanceId)
    const lostDefault = yield* sql.all<{ user_id: string }>(
      `SELECT user_id FROM memberships WHERE workspace_id = ? AND removed_revision IS NULL AND is_default = 1`,
      instanceId
    )
    yield* sql.run(
      `UPDATE workspaces SET deleted_at = ?, deleted_revision = ?, deleted_by = ? WHERE id = ?`,
      now,
      revision,
      actor,
      instanceId
    )
    yield* sql.run(
      `UPDATE memberships SET removed_revision = ? WHERE workspace_id = ? AND removed_revision IS NULL`,
      revision,
      instanceId
    )
    yield* revokeFallen(instanceId)
    yield* Effect.forEach(lostDefault, (row) => electDefault(row.user_id), { discard: true })
    yield* notifyServerOfWorkspaceEvent("workspace.deleted", instanceId, actor, yield* AuthConfig)
  })

/** Makes the oldest workspace of a user who has none as default the default; of a user who is gone, none. */
export const electDefault = (userId: string) =>
  Effect.gen(function* () {
    const sql = yield* Sql
    const heir = yield* sql.first<{ seq: number; workspace_id: string }>(
      `SELECT seq, workspace_id FROM memberships WHERE user_id = ?1 AND removed_revision IS NULL
       AND NOT EXISTS (SELECT 1 FROM memberships WHERE user_id = ?1 AND removed_revision IS NULL AND is_default = 1)
       AND EXISTS (SELECT 1 FROM users WHERE id = ?1 AND deleted_at IS NULL)
       ORDER BY seq LIMIT 1`,
      userId
    )
    if (Option.isNone(heir)) return
    yield* recordChange("upsert", heir.value.workspace_id)
    yield* sql.run(`UPDATE memberships SET is_default = 1 WHERE seq = ?`, heir.value.seq)
  })

/** Makes one of a user's workspaces the default. */
export const setDefault = ({
  userId,
  instanceId
}: {
  readonly userId: string
  readonly instanceId: string
}) =>
  Effect.gen(function* () {
    const sql = yield* Sql
    yield* sql.transaction(
      Effect.gen(function* () {
        yield* requireUser(userId)
        const membership = yield* requireMembership(userId, instanceId)
        if (membership.is_default === 1) return
        const previous = yield* sql.all<{ workspace_id: string }>(
          `UPDATE memberships SET is_default = 0 WHERE user_id = ? AND removed_revision IS NULL AND is_default = 1
           RETURNING workspace_id`,
          userId
        )
        yield* sql.run(`UPDATE memberships SET is_default = 1 WHERE seq = ?`, membership.seq)
        for (const row of previous) yield* recordChange("upsert", row.workspace_id)
        yield* recordChange("upsert", instanceId)
      })
    )
  })

/** Names a workspace anew; for its owners and admins. */
export const renameWorkspace = (input: {
  readonly userId: string
  readonly instanceId: string
  readonly name: string
}) =>
  Effect.gen(function* () {
    const sql = yield* Sql
    return yield* sql.transaction(
      Effect.gen(function* () {
        yield* requireUser(input.userId)
        const membership = yield* requireMembership(input.userId, input.instanceId)
        if (membership.role === "member") {
          return yield* refuse("FORBIDDEN", "Your role in this workspace does not allow this.")
        }
        if (membership.name !== input.name) {
          yield* recordChange("upsert", input.instanceId)
          yield* sql.run(`UPDATE workspaces SET name = ? WHERE id = ?`, input.name, input.instanceId)
        }
        return toWorkspace({ ...membership, name: input.name })
      })
    )
  })

/**
 * A workspace as its member sees it. That counts as access; it is written down at most once a minute, and is no change of
 * the set.
 */
export const getWorkspace = ({
  userId,
  instanceId
}: {
  readonly userId: string
  readonly instanceId: string
}) =>
  Effect.gen(function* () {
    const sql = yield* Sql
    yield* requireUser(userId)
    const membership = yield* requireMembership(userId, instanceId)
    const now = yield* Clock.currentTimeMillis
    if (now - membership.last_accessed_at < accessResolutionMs) return toWorkspace(membership)
    yield* sql.run(`UPDATE memberships SET last_accessed_at = ? WHERE seq = ?`, now, membership.seq)
    return toWorkspace({ ...membership, last_accessed_at: now })
  })
