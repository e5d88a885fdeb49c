import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { Sql } from "./Sql.ts"

/** One row of the list: a workspace as one of its members has it (contract, section 1). */
export interface DirectoryRow {
  readonly instanceId: string
  readonly userId: string
  readonly name: string
  readonly createdAt: string
  readonly lastAccessedAt: string
  readonly isDefault: boolean
  readonly role: string
}

/** The columns of a DirectoryRow, from `memberships m` joined with `workspaces w`. */
export const directoryColumns = `m.seq, m.workspace_id, m.user_id, m.role, m.is_default, m.last_accessed_at, w.name, w.created_at`

export type StoredDirectoryRow = {
  seq: number
  workspace_id: string
  user_id: string
  role: string
  is_default: number
  last_accessed_at: number
  name: string
  created_at: number
}

export const isoTime = (milliseconds: number): string => new Date(milliseconds).toISOString()

export const toDirectoryRow = (row: StoredDirectoryRow): DirectoryRow => ({
  instanceId: row.workspace_id,
  userId: row.user_id,
  name: row.name,
  createdAt: isoTime(row.created_at),
  lastAccessedAt: isoTime(row.last_accessed_at),
  isDefault: row.is_default === 1,
  role: row.role
})

/** A live workspace's first membership, which stands for it where one row per workspace is wanted. */
export const representative = (instanceId: string) =>
  Effect.gen(function* () {
    const sql = yield* Sql
    const row = yield* sql.first<StoredDirectoryRow>(
      `SELECT ${directoryColumns} FROM memberships m JOIN workspaces w ON w.id = m.workspace_id
       WHERE m.workspace_id = ? AND m.removed_revision IS NULL AND w.deleted_revision IS NULL
       ORDER BY m.seq LIMIT 1`,
      instanceId
    )
    return Option.map(row, toDirectoryRow)
  })
