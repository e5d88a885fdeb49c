/**
 * Puts a backup in the place of the state, while no server runs on it. The state that was there is kept beside it. What
 * is older than the world converges without harm: what the source has is added, and what it has not needs evidence, and
 * passes the guard, as ever (laws 5 to 7).
 */
import Database from "libsql"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { copyFileSync, constants, existsSync, renameSync, rmSync } from "node:fs"
import { join, resolve } from "node:path"
import { AuditRecord, GENESIS, hashOf } from "../orchestration/Audit.ts"
import type { StateReport } from "../orchestration/Backups.ts"
import { backupFolder, inspectFile, syncToDisk } from "./BackupFolder.ts"
import { isWhole } from "./StateInspection.ts"
import { lock, setAside, STATE_FILE, type StateError } from "./StateDatabase.ts"

/** Nothing was replaced. */
export class RestoreRefused extends Schema.TaggedError<RestoreRefused>()("RestoreRefused", {
  reason: Schema.Literal("unknown", "broken", "no-state", "failed"),
  detail: Schema.String
}) {
  override get message(): string {
    return this.detail
  }
}

export interface Restored {
  readonly id: string
  /** The state's file, which is the backup now. */
  readonly path: string
  /** Where the state that was there is kept; null: there was none. */
  readonly aside: string | null
  /** What the backup holds; its audit trail may be broken, and goes on as it is. */
  readonly report: StateReport
}

const RESTORING_SUFFIX = ".restoring"

const failed = (cause: unknown): RestoreRefused =>
  new RestoreRefused({
    reason: "failed",
    detail: `The backup could not be put in place: ${cause instanceof Error ? cause.message : String(cause)}`
  })

/** The trail of the restored state goes on with who restored it: it has no record of what came after the backup. */
const recordRestore = (file: string, id: string, actor: string, at: number): void => {
  const database = new Database(file)
  try {
    const [newest] = Schema.decodeUnknownSync(Schema.Array(AuditRecord))(
      database.prepare("SELECT * FROM audit ORDER BY seq DESC LIMIT 1").all()
    )
    const seq = (newest?.seq ?? 0) + 1
    const entry = {
      at,
      actor,
      address: "",
      action: "backup.restored",
      subject: "",
      detail: id,
      outcome: "succeeded"
    } as const
    database
      .prepare(
        "INSERT INTO audit (seq, at, actor, address, action, subject, detail, outcome, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
      )
      .run(
        seq,
        entry.at,
        entry.actor,
        entry.address,
        entry.action,
        entry.subject,
        entry.detail,
        entry.outcome,
        hashOf(newest?.hash ?? GENESIS, seq, entry)
      )
  } finally {
    database.close()
  }
}

/**
 * Restores the backup `id` of a data folder. Fails with `StateError` when a server runs on the folder, and with
 * `RestoreRefused` when there is no such backup or it is not whole; then everything is as it was.
 */
export const restore = (
  dataPath: string,
  id: string,
  actor: string
): Effect.Effect<Restored, RestoreRefused | StateError> =>
  Effect.gen(function* () {
    const folder = backupFolder(dataPath)
    const path = join(resolve(dataPath), STATE_FILE)
    if (!existsSync(dataPath)) {
      return yield* new RestoreRefused({
        reason: "no-state",
        detail: `There is no folder ${resolve(dataPath)}: --data-path takes the server's STORE_DATA_PATH.`
      })
    }
    yield* lock(dataPath, path)
    if (folder.find(id) === undefined) {
      const known = folder.list().map((backup) => backup.id)
      return yield* new RestoreRefused({
        reason: "unknown",
        detail: `There is no such backup in ${resolve(folder.path)}. ${known.length === 0 ? "There is none at all." : `There are: ${known.join(", ")}.`}`
      })
    }
    const restoring = `${path}${RESTORING_SUFFIX}`
    const at = yield* Clock.currentTimeMillis
    yield* Effect.try({
      try: () => {
        rmSync(restoring, { force: true })
        copyFileSync(folder.fileOf(id), restoring, constants.COPYFILE_FICLONE)
      },
      catch: failed
    })
    const report = inspectFile(restoring)
    if (!isWhole(report)) {
      rmSync(restoring, { force: true })
      return yield* new RestoreRefused({
        reason: "broken",
        detail: `The backup is not whole, so nothing was replaced: ${report.problems.join("; ")}.`
      })
    }
    const aside = yield* Effect.try({
      try: () => {
        recordRestore(restoring, id, actor, at)
        syncToDisk(restoring)
        const kept = existsSync(path) ? setAside(path, "replaced", at) : null
        renameSync(restoring, path)
        syncToDisk(dataPath)
        return kept
      },
      catch: failed
    })
    return { id, path, aside, report }
  }).pipe(Effect.scoped, Effect.uninterruptible)
