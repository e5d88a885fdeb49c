/** Backups of the SQLite file of the server's state, made while it is in use. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { chmodSync, renameSync, rmSync } from "node:fs"
import { statfs } from "node:fs/promises"
import { type Backup, BackupFailed, backupIdOf, Backups, UnknownBackup } from "../orchestration/Backups.ts"
import type { Actor } from "../orchestration/Operations.ts"
import { StateStore } from "../orchestration/StateStore.ts"
import { gauge } from "../telemetry/Metrics.ts"
import { backupFolder, inspectFile, syncToDisk } from "./BackupFolder.ts"
import { StateDatabase } from "./StateDatabase.ts"
import { inspect, isWhole } from "./StateInspection.ts"

export interface Options {
  /** The data folder (`STORE_DATA_PATH`); backups are kept in `backups` below it. */
  readonly dataPath: string
  /** How many backups are kept (`STATE_BACKUP_KEEP`); the oldest go. */
  readonly keep: number
  /** Bytes that are free on the disk of a folder. Default: what the file system says. */
  readonly freeBytes?: (folder: string) => Effect.Effect<number, unknown>
}

/** Stays free whatever happens: a backup must never be what fills the disk that the server itself writes to. */
const SPARE_BYTES = 33_554_432
const MS_PER_SECOND = 1_000
const OWNER_ONLY = 0o600
/** How SQLite and the file system say that the disk is full. */
const FULL = /SQLITE_FULL|ENOSPC|EDQUOT|disk is full/

const lastSuccess = gauge(
  "wso_backup_last_success_timestamp_seconds",
  "When the newest backup of the server's own state was made, in seconds since the epoch"
)

const describe = (cause: unknown): string => {
  const code = cause instanceof Error && "code" in cause ? `${String(cause.code)}: ` : ""
  return cause instanceof Error ? `${code}${cause.message}` : String(cause)
}

const failed = (cause: unknown): BackupFailed => {
  const detail = describe(cause)
  return new BackupFailed({ reason: FULL.test(detail) ? "no-space" : "unwritable", detail })
}

const freeOnDisk = (folder: string) =>
  Effect.map(
    Effect.tryPromise(() => statfs(folder)),
    ({ bavail, bsize }) => bavail * bsize
  )

const Pages = Schema.Tuple(Schema.Struct({ page_count: Schema.Number }))
const PageSize = Schema.Tuple(Schema.Struct({ page_size: Schema.Number }))

const make = (options: Options) =>
  Effect.gen(function* () {
    const database = yield* StateDatabase
    const state = yield* StateStore
    const folder = backupFolder(options.dataPath)
    const freeBytes = options.freeBytes ?? freeOnDisk
    const one = yield* Effect.makeSemaphore(1)

    const noteNewest = (newest: Backup | undefined): void => {
      if (newest !== undefined) lastSuccess.set(Date.parse(newest.createdAt) / MS_PER_SECOND)
    }
    noteNewest(
      yield* Effect.orElseSucceed(Effect.try(folder.list), () => []).pipe(Effect.map(([first]) => first))
    )

    /** As large as the state is now, at the most. */
    const neededBytes = (): number => {
      const [{ page_count }] = Schema.decodeUnknownSync(Pages)(database.all("PRAGMA page_count"))
      const [{ page_size }] = Schema.decodeUnknownSync(PageSize)(database.all("PRAGMA page_size"))
      return page_count * page_size
    }

    const requireSpace = Effect.gen(function* () {
      const needed = yield* Effect.try({ try: neededBytes, catch: failed })
      const free = yield* Effect.mapError(freeBytes(folder.path), failed)
      if (free >= needed + SPARE_BYTES) return
      return yield* new BackupFailed({
        reason: "no-space",
        detail: `it needs ${needed} bytes beside the ${SPARE_BYTES} that stay free, and ${free} are free`
      })
    })

    /**
     * A file is a backup once it has its name, and has it only when it was read through and found whole. Copying and
     * reading take the event loop for about 10 ms for each MB (100,000 workspaces: 36 MB), each in a turn
     * of its own.
     */
    const write = (id: string): Effect.Effect<Backup, BackupFailed> => {
      const partial = folder.partialFileOf(id)
      const step = <A>(body: () => A) => Effect.try({ try: body, catch: failed })
      return Effect.gen(function* () {
        yield* step(() => {
          database.run("VACUUM INTO ?", partial)
          chmodSync(partial, OWNER_ONLY)
        })
        yield* Effect.yieldNow()
        return yield* step(() => {
          const report = inspectFile(partial)
          if (!isWhole(report)) throw new Error(`the copy is not whole: ${report.problems.join("; ")}`)
          syncToDisk(partial)
          renameSync(partial, folder.fileOf(id))
          folder.sync()
          const made = folder.find(id)
          if (made === undefined) throw new Error("the copy is not there")
          return made
        })
      }).pipe(
        Effect.tapError(() => Effect.sync(() => rmSync(partial, { force: true }))),
        // Cut in two, the file would be there and nobody would know.
        Effect.uninterruptible
      )
    }

    /** What cannot be deleted is kept, which harms nobody: it is tried again with the next backup. */
    const forgetOldest = Effect.ignore(
      Effect.try(() => {
        for (const { id } of folder.list().slice(options.keep)) rmSync(folder.fileOf(id), { force: true })
      })
    )

    const audited = (actor: Actor, detail: string, outcome: "succeeded" | "failed") =>
      Effect.flatMap(Clock.currentTimeMillis, (at) =>
        state.audit.append({
          at,
          actor: actor.name,
          address: actor.address,
          action: "backup.created",
          subject: "",
          detail,
          outcome
        })
      )

    return Backups.of({
      create: (actor) =>
        Effect.gen(function* () {
          const id = backupIdOf(yield* Clock.currentTimeMillis)
          yield* Effect.try({ try: folder.prepare, catch: failed })
          yield* requireSpace
          const backup = yield* write(id)
          noteNewest(backup)
          yield* forgetOldest
          return backup
        }).pipe(
          Effect.tap(({ id }) => audited(actor, id, "succeeded")),
          Effect.tapError(({ reason }) => audited(actor, reason, "failed")),
          Effect.tapError((error) => Effect.logError("state.backup_failed", error)),
          one.withPermits(1)
        ),
      list: Effect.orElseSucceed(Effect.try(folder.list), () => []),
      verify: (id) =>
        Effect.suspend(() =>
          folder.find(id) === undefined
            ? Effect.fail(new UnknownBackup())
            : Effect.sync(() => inspectFile(folder.fileOf(id)))
        ),
      inspect: Effect.sync(() => inspect((sql) => database.all(sql)))
    })
  })

/** Keeps backups beside the state. Its folder is made with the first backup. */
export const layer = (options: Options): Layer.Layer<Backups, never, StateDatabase | StateStore> =>
  Layer.effect(Backups, make(options))
