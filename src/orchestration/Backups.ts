/**
 * Backups of this server's own state: made while it runs, kept beside the state, and checked before anybody relies on
 * them. What they hold is small: the accepted snapshot, evidence, pauses, approvals, the audit trail and the ledger of
 * messages. The stores' events are in the sync backend, and are backed up there.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { Verification } from "./Audit.ts"
import type { Actor } from "./Operations.ts"

export interface Backup {
  /** When it was made, as a file name: `2026-11-20T22-41-07-123Z`. */
  readonly id: string
  /** ISO 8601. */
  readonly createdAt: string
  readonly sizeBytes: number
}

/** What a state database says of itself. */
export interface StateReport {
  /** Nothing below is a problem. */
  readonly intact: boolean
  /** In words; empty when intact. */
  readonly problems: ReadonlyArray<string>
  /** The number of migrations that it has seen. */
  readonly schemaVersion: number
  /** Rows by what they are. */
  readonly counts: Readonly<Record<string, number>>
  readonly audit: Verification
  /** The accepted snapshot that it holds; null: none. */
  readonly snapshot: {
    readonly revision: string | null
    readonly environmentId: string | null
    readonly fetchedAt: string
  } | null
}

/** No backup could be made; what there was is as it was. */
export class BackupFailed extends Schema.TaggedError<BackupFailed>()("BackupFailed", {
  /** `no-space`: the disk has not enough room for it, or had none left. */
  reason: Schema.Literal("no-space", "unwritable"),
  detail: Schema.String
}) {
  override get message(): string {
    return this.reason === "no-space"
      ? `There is not enough disk space for a backup: ${this.detail}`
      : `The backup could not be written: ${this.detail}`
  }
}

/** There is no backup of this id, or this is no id of a backup. */
export class UnknownBackup extends Schema.TaggedError<UnknownBackup>()("UnknownBackup", {}) {}

export class Backups extends Context.Tag("workspace-orchestrator/orchestration/Backups")<
  Backups,
  {
    /**
     * Makes a consistent copy of the state as it is now, checks it, and forgets the oldest beyond those that are kept.
     * One at a time. It is in the audit trail, whatever becomes of it.
     */
    readonly create: (actor: Actor) => Effect.Effect<Backup, BackupFailed>
    /** The newest first. */
    readonly list: Effect.Effect<ReadonlyArray<Backup>>
    /** Reads the whole backup. One that cannot be read is a report with problems, and no failure. */
    readonly verify: (id: string) => Effect.Effect<StateReport, UnknownBackup>
    /** The same of the state that is in use. */
    readonly inspect: Effect.Effect<StateReport>
  }
>() {}

/** Its form lets no id climb out of the folder of backups. */
const ID = /^(\d{4}-\d{2}-\d{2})T(\d{2})-(\d{2})-(\d{2})-(\d{3})Z$/

/** The id of a backup made at `at` (milliseconds since the epoch). */
export const backupIdOf = (at: number): string => new Date(at).toISOString().replaceAll(/[:.]/g, "-")

/** When the backup of this id was made, ISO 8601; undefined if it is no id of a backup. */
export const backupTimeOf = (id: string): string | undefined => {
  const match = ID.exec(id)
  if (match === null) return undefined
  const [, date, hours, minutes, seconds, millis] = match
  const time = `${date}T${hours}:${minutes}:${seconds}.${millis}Z`
  return Number.isNaN(Date.parse(time)) ? undefined : time
}
