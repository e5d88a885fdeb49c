import * as Effect from "effect/Effect"
import * as Encoding from "effect/Encoding"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { refuse } from "./ApiError.ts"
import { compactedThrough, currentRevision, environmentId, lineageOf } from "./Revision.ts"
import {
  directoryColumns,
  isoTime,
  representative,
  type StoredDirectoryRow,
  toDirectoryRow
} from "./DirectoryRow.ts"
import { Sql } from "./Sql.ts"

/** What this Auth Worker offers beyond the plain list (contract, section 1). */
const features = ["revision", "pages", "changes", "get"] as const

/** Where a listing stands: the revision it shows, the totals at that revision, and the last row given. */
const Cursor = Schema.parseJson(
  Schema.Struct({
    revision: Schema.Int,
    after: Schema.Int,
    totalUsers: Schema.Int,
    totalWorkspaces: Schema.Int
  })
)
type Cursor = typeof Cursor.Type

const encodeCursor = (cursor: Cursor) => Encoding.encodeBase64Url(Schema.encodeSync(Cursor)(cursor))

const decodeCursor = (text: string) =>
  Encoding.decodeBase64UrlString(text).pipe(
    Either.flatMap(Schema.decodeEither(Cursor)),
    Either.mapLeft(() => refuse("INVALID_REQUEST", "cursor: expected one that a page of this list gave."))
  )

/** The set as it stood at a revision: what had come by then and had not gone. */
const liveAt = (table: "m" | "w", added: string, removed: string) =>
  `${table}.${added} <= ?1 AND (${table}.${removed} IS NULL OR ${table}.${removed} > ?1)`

const countAt = (revision: number) =>
  Effect.gen(function* () {
    const sql = yield* Sql
    const counted = yield* sql.first<{ users: number; workspaces: number }>(
      `SELECT COUNT(DISTINCT m.user_id) AS users, COUNT(DISTINCT m.workspace_id) AS workspaces FROM memberships m
       WHERE ${liveAt("m", "added_revision", "removed_revision")}`,
      revision
    )
    return Option.match(counted, {
      onNone: () => ({ totalUsers: 0, totalWorkspaces: 0 }),
      onSome: (row) => ({ totalUsers: row.users, totalWorkspaces: row.workspaces })
    })
  })

/**
 * One page of the list, or all of it when `limit` is absent. Every page of a listing shows the revision of its first
 * page. A cursor older than the retention goes on at the current revision, which tells the reader to start again.
 */
export const listDirectory = ({ limit, cursor }: { readonly limit?: number; readonly cursor?: string }) =>
  Effect.gen(function* () {
    const sql = yield* Sql
    const current = yield* currentRevision
    const given = cursor === undefined ? undefined : yield* decodeCursor(cursor)
    const start: Cursor =
      given !== undefined && given.revision >= (yield* compactedThrough) && given.revision <= current
        ? given
        : { revision: current, after: given?.after ?? 0, ...(yield* countAt(current)) }
    const rows = yield* sql.all<StoredDirectoryRow>(
      `SELECT ${directoryColumns} FROM memberships m JOIN workspaces w ON w.id = m.workspace_id
       WHERE m.seq > ?2 AND ${liveAt("m", "added_revision", "removed_revision")}
       ORDER BY m.seq LIMIT ?3`,
      start.revision,
      start.after,
      limit === undefined ? -1 : limit + 1
    )
    const page = limit === undefined ? rows : rows.slice(0, limit)
    const last = page.at(-1)
    return {
      workspaces: page.map(toDirectoryRow),
      metadata: {
        totalUsers: start.totalUsers,
        totalWorkspaces: start.totalWorkspaces,
        revision: String(start.revision),
        environmentId: yield* environmentId,
        lineage: yield* lineageOf(start.revision),
        features,
        ...(last !== undefined && page.length < rows.length
          ? { nextCursor: encodeCursor({ ...start, after: last.seq }) }
          : {})
      }
    }
  })

/** The revision a listing would show, for `If-None-Match`: answering 304 must not cost a list. */
export const directoryVersion = () =>
  Effect.gen(function* () {
    const revision = yield* currentRevision
    return {
      revision: String(revision),
      environmentId: yield* environmentId,
      lineage: yield* lineageOf(revision)
    }
  })

/** One workspace, or WORKSPACE_NOT_FOUND. */
export const getDirectoryRow = ({ instanceId }: { readonly instanceId: string }) =>
  representative(instanceId).pipe(
    Effect.flatMap(
      Option.match({
        onNone: () => refuse("WORKSPACE_NOT_FOUND", "No such workspace."),
        onSome: Effect.succeed
      })
    )
  )

/** The workspaces that a user is a member of, or USER_NOT_FOUND. */
export const instancesOfUser = ({ userId }: { readonly userId: string }) =>
  Effect.gen(function* () {
    const sql = yield* Sql
    const user = yield* sql.first(`SELECT id FROM users WHERE id = ? AND deleted_at IS NULL`, userId)
    if (Option.isNone(user)) return yield* refuse("USER_NOT_FOUND", "No such user.")
    const rows = yield* sql.all<StoredDirectoryRow>(
      `SELECT ${directoryColumns} FROM memberships m JOIN workspaces w ON w.id = m.workspace_id
       WHERE m.user_id = ? AND m.removed_revision IS NULL ORDER BY m.seq`,
      userId
    )
    return {
      userId,
      instances: rows.map((row) => ({
        instanceId: row.workspace_id,
        name: row.name,
        role: row.role,
        isDefault: row.is_default === 1,
        createdAt: isoTime(row.created_at)
      }))
    }
  })
