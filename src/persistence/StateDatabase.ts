/**
 * The one SQLite file of this server's own state. libsql is synchronous: a statement is some tens of microseconds, and
 * a transaction is atomic because nothing else runs meanwhile.
 */
import Database from "libsql"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { existsSync, renameSync, rmSync } from "node:fs"
import { join } from "node:path"
import * as Column from "./Column.ts"
import type { Value } from "./Column.ts"
import { migrations } from "./migrations.ts"
import * as Supervised from "../controller/Supervised.ts"
import * as PersistenceMetrics from "./PersistenceMetrics.ts"
import * as StateFiles from "./StateFiles.ts"

/** The state cannot be used, so the server does not start. */
export class StateError extends Schema.TaggedError<StateError>()("StateError", {
  path: Schema.String,
  reason: Schema.Literal("in-use", "newer", "unwritable"),
  detail: Schema.String
}) {
  override get message(): string {
    switch (this.reason) {
      case "in-use":
        return `Another server runs on the data folder of ${this.path}: stop it, or set STORE_DATA_PATH to a folder of its own.`
      case "newer":
        return `${this.path} was written by a newer version of this program (${this.detail}): start that version, or set STORE_DATA_PATH to another folder.`
      case "unwritable":
        return `${this.path} cannot be opened (${this.detail}): check STORE_DATA_PATH, its permissions and the free space.`
    }
  }
}

export type { Value } from "./Column.ts"

export class StateDatabase extends Context.Tag("workspace-orchestrator/persistence/StateDatabase")<
  StateDatabase,
  {
    readonly path: string
    /** The rows of a query. Throws what SQLite throws: callers decide what a failure means. */
    readonly all: (sql: string, ...values: ReadonlyArray<Value>) => ReadonlyArray<unknown>
    readonly run: (sql: string, ...values: ReadonlyArray<Value>) => void
    /** All of it or nothing. */
    readonly transaction: <A>(body: () => A) => A
    /** Runs a write that must not fail its caller; what goes wrong is logged and shown by `lastError`. */
    readonly attempt: (name: string, write: () => void) => Effect.Effect<void>
    /** The newest failed write, until one succeeds. */
    readonly lastError: () => string | null
  }
>() {}

export const STATE_FILE = "state.sqlite"
const LOCK_FILE = "state.lock"
/** What SQLite says of a file that is not, or no longer, a database. */
const CORRUPT_CODES = new Set(["SQLITE_NOTADB", "SQLITE_CORRUPT"])

const codeOf = (cause: unknown): string =>
  cause instanceof Error && "code" in cause && typeof cause.code === "string" ? cause.code : "UNKNOWN"
const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause))

/** How often the files of the state are compared with those that are open. */
const WATCH_EVERY = "2 seconds"

/**
 * Whether a process has the database open. Asked where the lock file is missing beside a database: it may have been deleted
 * while its holder runs. A connection of its own, which takes no part in anything else.
 */
const isOpenElsewhere = (path: string): boolean => {
  const probe = new Database(path, { timeout: 0 })
  try {
    // Every connection in WAL mode holds a shared lock on the file as long as it lives.
    probe.exec("PRAGMA locking_mode = EXCLUSIVE; SELECT count(*) FROM sqlite_schema")
    return false
  } catch (cause) {
    // What else is wrong with the file is found out, and told better, where it is opened.
    return codeOf(cause) === "SQLITE_BUSY"
  } finally {
    probe.close()
  }
}

/**
 * One process at a time uses a data folder. The lock is SQLite's own on a file beside the state, which the operating
 * system lets go however the process ends.
 */
export const lock = (folder: string, path: string): Effect.Effect<void, StateError, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.try({
      try: () => {
        StateFiles.close(folder)
        const wasThere = existsSync(join(folder, LOCK_FILE))
        const held = new Database(join(folder, LOCK_FILE), { timeout: 0 })
        held.exec("BEGIN EXCLUSIVE")
        if (!wasThere && existsSync(path) && isOpenElsewhere(path)) {
          held.close()
          // As it was, so that the next one that tries asks the same question.
          rmSync(join(folder, LOCK_FILE), { force: true })
          throw new StateError({ path, reason: "in-use", detail: "the database is open in another process" })
        }
        return held
      },
      catch: (cause) =>
        cause instanceof StateError
          ? cause
          : new StateError({
              path,
              reason: codeOf(cause) === "SQLITE_BUSY" ? "in-use" : "unwritable",
              detail: messageOf(cause)
            })
    }),
    (held) => Effect.sync(() => held.close())
  ).pipe(Effect.asVoid)

const UserVersion = Schema.Struct({ user_version: Schema.Number })
const QuickCheck = Schema.Struct({ quick_check: Schema.String })

/** All of it or nothing. libsql's own rolls back what SQLite has rolled back already, and reports that instead. */
const atomically = <A>(database: Database.Database, body: () => A): A => {
  database.exec("BEGIN")
  try {
    const result = body()
    database.exec("COMMIT")
    return result
  } catch (cause) {
    if (database.inTransaction) database.exec("ROLLBACK")
    throw cause
  }
}

class Corrupt extends Schema.TaggedError<Corrupt>()("Corrupt", { detail: Schema.String }) {}

const migrate = (database: Database.Database, path: string): void => {
  const version = Schema.decodeUnknownSync(UserVersion)(
    database.prepare("PRAGMA user_version").get()
  ).user_version
  if (version > migrations.length) {
    throw new StateError({
      path,
      reason: "newer",
      detail: `schema ${version}, this program knows ${migrations.length}`
    })
  }
  for (const [index, migration] of migrations.entries()) {
    if (index < version) continue
    atomically(database, () => {
      database.exec(migration)
      database.exec(`PRAGMA user_version = ${index + 1}`)
    })
  }
}

const openChecked = (path: string): Effect.Effect<Database.Database, StateError | Corrupt> =>
  Effect.try({
    try: () => {
      const database = new Database(path)
      database.exec("PRAGMA journal_mode = WAL")
      // A killed process loses nothing with NORMAL; only a power cut may lose the newest transactions.
      database.exec("PRAGMA synchronous = NORMAL")
      const check = Schema.decodeUnknownSync(QuickCheck)(database.prepare("PRAGMA quick_check(1)").get())
      if (check.quick_check !== "ok") throw new Corrupt({ detail: check.quick_check })
      migrate(database, path)
      return database
    },
    catch: (cause) => {
      if (cause instanceof StateError || cause instanceof Corrupt) return cause
      return CORRUPT_CODES.has(codeOf(cause))
        ? new Corrupt({ detail: messageOf(cause) })
        : new StateError({ path, reason: "unwritable", detail: messageOf(cause) })
    }
  })

/**
 * Moves the file and what SQLite keeps beside it out of the way, for whoever wants to look at it. The log goes before the
 * file: cut in between, what is left is a state that is a little older, and never a log that belongs to another file.
 */
export const setAside = (path: string, why: "corrupt" | "replaced", at: number): string => {
  const aside = `${path}.${why}-${new Date(at).toISOString().replaceAll(":", "-")}`
  for (const suffix of ["-wal", "-shm", ""]) {
    if (existsSync(path + suffix)) renameSync(path + suffix, aside + suffix)
  }
  return aside
}

const open = (path: string) =>
  Effect.catchTag(openChecked(path), "Corrupt", ({ detail }) =>
    Effect.gen(function* () {
      const aside = setAside(path, "corrupt", yield* Clock.currentTimeMillis)
      yield* Effect.logError("state.corrupt").pipe(
        Effect.annotateLogs({
          path,
          aside,
          detail,
          consequence:
            "the state is rebuilt from the source; pauses, approvals and audit of before are in that file"
        })
      )
      return yield* openChecked(path)
    })
  ).pipe(
    Effect.catchTag("Corrupt", ({ detail }) =>
      Effect.fail(new StateError({ path, reason: "unwritable", detail }))
    )
  )

/** The service over an open database. `lost` says why nothing may be written to it, if so. */
const over = (path: string, database: Database.Database, lost: () => string | null) => {
  const statements = new Map<string, Database.Statement>()
  const prepared = (sql: string): Database.Statement => {
    const known = statements.get(sql)
    if (known !== undefined) return known
    const statement = database.prepare(sql)
    statements.set(sql, statement)
    return statement
  }
  const requireFiles = (): void => {
    const reason = lost()
    if (reason !== null) throw new Error(reason)
  }
  let lastError: string | null = null
  return StateDatabase.of({
    path,
    all: (sql, ...values) => prepared(sql).all(values.map(Column.encode)).map(Column.decodeRow),
    run: (sql, ...values) => {
      requireFiles()
      prepared(sql).run(values.map(Column.encode))
    },
    transaction: (body) => {
      requireFiles()
      return atomically(database, body)
    },
    attempt: (name, write) =>
      Effect.try({ try: write, catch: messageOf }).pipe(
        Effect.matchEffect({
          onSuccess: () =>
            Effect.sync(() => {
              lastError = null
            }),
          onFailure: (message) => {
            lastError = message
            PersistenceMetrics.writeFailed(name)
            return Effect.logError("state.write_failed").pipe(
              Effect.annotateLogs({ write: name, path, error: message })
            )
          }
        })
      ),
    lastError: () => lost() ?? lastError
  })
}

const opened = (path: string) =>
  Effect.acquireRelease(open(path), (database) => Effect.sync(() => database.close()))

const make = (folder: string) =>
  Effect.gen(function* () {
    const path = join(folder, STATE_FILE)
    const { corrected } = yield* Effect.try({
      try: () => StateFiles.close(folder),
      catch: (cause) => new StateError({ path, reason: "unwritable", detail: messageOf(cause) })
    })
    yield* StateFiles.logCorrected(corrected)
    yield* lock(folder, path)
    const database = yield* opened(path)
    StateFiles.close(folder)
    /** Why nothing is written: what is open is not what the path names, and would be lost with the next start. */
    let lost: string | null = null
    const files = StateFiles.watch(filesOf(folder))
    const lookAtFiles = Effect.gen(function* () {
      const gone = files.look()
      const before = lost
      lost =
        gone === undefined
          ? null
          : `${gone.path} was ${gone.fate} while this server runs: put it back, or restart the server`
      if (lost === before) return
      yield* lost === null
        ? Effect.logWarning("state.files_back").pipe(Effect.annotateLogs({ path }))
        : Effect.logError("state.files_lost").pipe(Effect.annotateLogs({ path, error: lost }))
    })
    const lockPath = join(folder, LOCK_FILE)
    let lockFile = StateFiles.watch([lockPath])
    const locks: Array<Database.Database> = []
    yield* Effect.addFinalizer(() => Effect.sync(() => locks.forEach((held) => held.close())))
    /** A lock whose file was deleted keeps nobody out: the next file is taken, which `isOpenElsewhere` leaves free. */
    const lookAtLock = Effect.suspend(() => {
      if (lost !== null || lockFile.look() === undefined) return Effect.void
      const held = new Database(lockPath, { timeout: 0 })
      locks.push(held)
      held.exec("BEGIN EXCLUSIVE")
      lockFile = StateFiles.watch([lockPath])
      return Effect.logWarning("state.lock_taken_again").pipe(Effect.annotateLogs({ path: lockPath }))
    })
    yield* Supervised.run(
      "state-files",
      Effect.zipRight(lookAtFiles, lookAtLock).pipe(Effect.delay(WATCH_EVERY), Effect.forever)
    )
    return over(path, database, () => lost)
  })

/** What the state below `folder` consists of: the database, and what SQLite keeps beside it. */
export const filesOf = (folder: string): readonly [string, string, string] => {
  const path = join(folder, STATE_FILE)
  return [path, `${path}-wal`, `${path}-shm`]
}

/** Opens the state below `folder`; fails when another process has it, or when it is newer than this program. */
export const layer = (folder: string): Layer.Layer<StateDatabase, StateError> =>
  Layer.scoped(StateDatabase, make(folder))

/** SQLite's name of a database that ends with its connection. */
export const IN_MEMORY = ":memory:"

/** The same database without a file: it refuses what the real one refuses, and forgets everything at its end. */
export const layerMemory: Layer.Layer<StateDatabase> = Layer.orDie(
  Layer.scoped(
    StateDatabase,
    Effect.map(opened(IN_MEMORY), (database) => over(IN_MEMORY, database, () => null))
  )
)
