import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { armAlarm } from "./Alarm.ts"
import { refuse } from "./ApiError.ts"
import { type DirectoryRow, representative } from "./DirectoryRow.ts"
import { compactedThrough, currentRevision, environmentId, lineageOf, noteLineage } from "./Revision.ts"
import { randomId } from "./Secrets.ts"
import { Sql } from "./Sql.ts"

export type ChangeKind = "upsert" | "delete"

/**
 * Takes the next revision and records what changed under it. To be called inside the transaction that changes the
 * rows, before they are written, so that they carry the revision.
 */
export const recordChange = (kind: ChangeKind, instanceId: string) =>
  Effect.gen(function* () {
    const sql = yield* Sql
    const revision = (yield* currentRevision) + 1
    yield* sql.run(`UPDATE meta SET value = ? WHERE key = 'revision'`, String(revision))
    const lineage = yield* randomId
    yield* sql.run(
      `INSERT INTO changes (revision, kind, instance_id, at, lineage) VALUES (?, ?, ?, ?, ?)`,
      revision,
      kind,
      instanceId,
      yield* Clock.currentTimeMillis,
      lineage
    )
    yield* noteLineage(revision, lineage)
    // What is remembered must be forgotten one day.
    yield* armAlarm
    return revision
  })

export interface Change {
  readonly revision: string
  readonly kind: ChangeKind
  readonly instanceId: string
  readonly workspace?: DirectoryRow
}

/**
 * The changes after `since`, oldest first, at most `limit`: the cost is theirs, whatever the size of the set. REVISION_GONE
 * when some of them are forgotten, or when `since` was never reached here (another environment, a restored backup), or was
 * reached by other changes than the reader knows (`lineage`, after a restore): list again.
 */
export const changesSince = ({
  since,
  limit,
  lineage
}: {
  readonly since: number
  readonly limit: number
  readonly lineage?: string
}) =>
  Effect.gen(function* () {
    const sql = yield* Sql
    const revision = yield* currentRevision
    const isOfAnotherLineage = lineage !== undefined && lineage !== (yield* lineageOf(since))
    if (since < (yield* compactedThrough) || since > revision || isOfAnotherLineage) {
      return yield* refuse("REVISION_GONE", "The changes since that revision are not kept: list again.")
    }
    const rows = yield* sql.all<{ revision: number; kind: ChangeKind; instance_id: string }>(
      `SELECT revision, kind, instance_id FROM changes WHERE revision > ? ORDER BY revision LIMIT ?`,
      since,
      limit
    )
    const changes = yield* Effect.forEach(rows, (row) =>
      Effect.gen(function* () {
        const change: Change = { revision: String(row.revision), kind: row.kind, instanceId: row.instance_id }
        if (row.kind === "delete") return change
        // As it is now, not as it was: a workspace deleted since then has its own record further on.
        const workspace = yield* representative(row.instance_id)
        return Option.match(workspace, {
          onNone: () => change,
          onSome: (found) => ({ ...change, workspace: found })
        })
      })
    )
    const last = rows.at(-1)?.revision ?? revision
    return {
      changes,
      revision: String(last),
      hasMore: last < revision,
      environmentId: yield* environmentId,
      lineage: yield* lineageOf(last)
    }
  })
