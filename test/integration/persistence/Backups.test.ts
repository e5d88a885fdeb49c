/** Backups of the state while it is in use, and putting one in its place. */
import { it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import Database from "libsql"
import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync
} from "node:fs"
import { join } from "node:path"
import { describe, expect } from "vitest"
import { Backups } from "../../../src/orchestration/Backups.ts"
import { StateStore } from "../../../src/orchestration/StateStore.ts"
import * as SqliteBackups from "../../../src/persistence/SqliteBackups.ts"
import { StateDatabase } from "../../../src/persistence/StateDatabase.ts"
import { restore } from "../../../src/persistence/StateRestore.ts"
import { SnapshotStore, type Snapshot } from "../../../src/workspaces/SnapshotStore.ts"
import { stateIn, temporaryFolder } from "./state.ts"

const actor = { name: "ada", address: "127.0.0.1" }

const snapshotOf = (...ids: ReadonlyArray<string>): Snapshot => ({
  entries: new Map(ids.map((id) => [id, { absence: null }])),
  revision: String(ids.length),
  environmentId: "env",
  features: new Set(),
  fetchedAt: 1_000
})

/** A server's state and its backups, for as long as the scope is open. */
const opened = (folder: string, options: Partial<SqliteBackups.Options> = {}) =>
  Effect.map(
    Layer.build(
      SqliteBackups.layer({ dataPath: folder, keep: 3, ...options }).pipe(Layer.provideMerge(stateIn(folder)))
    ),
    (context) => ({
      backups: Context.get(context, Backups),
      state: Context.get(context, StateStore),
      snapshots: Context.get(context, SnapshotStore),
      database: Context.get(context, StateDatabase)
    })
  )

type Opened = Effect.Effect.Success<ReturnType<typeof opened>>

/** The state, open for this one look. */
const life = <A, E>(
  folder: string,
  live: (parts: Opened) => Effect.Effect<A, E>,
  options?: Partial<SqliteBackups.Options>
) => Effect.scoped(Effect.flatMap(opened(folder, options), live))

const save = ({ snapshots }: Opened, ...ids: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const before = yield* snapshots.load
    const touched = new Set([...ids, ...(before._tag === "Some" ? before.value.entries.keys() : [])])
    yield* snapshots.save(snapshotOf(...ids), touched)
  })

const idsIn = ({ snapshots }: Opened) =>
  Effect.map(snapshots.load, (loaded) =>
    loaded._tag === "Some" ? [...loaded.value.entries.keys()].sort() : []
  )

const quiet = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.provide(effect, Logger.remove(Logger.defaultLogger))

const filesOf = (folder: string) => readdirSync(join(folder, "backups")).sort()

describe("a backup", () => {
  it.scopedLive("holds the state of the moment, found whole, and is in the audit trail", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const parts = yield* opened(folder)
      yield* save(parts, "ws-a", "ws-b")
      const made = yield* parts.backups.create(actor)
      yield* save(parts, "ws-c")
      const report = yield* parts.backups.verify(made.id)
      expect(report).toMatchObject({
        intact: true,
        problems: [],
        counts: { workspaces: 2, auditRecords: 0 },
        snapshot: { revision: "2", environmentId: "env" }
      })
      expect((yield* parts.backups.inspect).counts["workspaces"]).toBe(1)
      expect(yield* parts.backups.list).toEqual([made])
      expect(statSync(join(folder, "backups", `${made.id}.sqlite`)).mode & 0o777).toBe(0o600)
      const [record] = yield* parts.state.audit.read({ limit: 1, before: null, action: null })
      expect(record).toMatchObject({
        action: "backup.created",
        actor: "ada",
        detail: made.id,
        outcome: "succeeded"
      })
    })
  )

  it.scopedLive("takes the place of the oldest beyond those that are kept", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const { backups } = yield* opened(folder, { keep: 2 })
      const made: Array<string> = []
      for (let count = 0; count < 4; count++) {
        made.push((yield* backups.create(actor)).id)
        yield* Effect.sleep("2 millis")
      }
      expect((yield* backups.list).map(({ id }) => id)).toEqual(made.slice(2).reverse())
    })
  )

  it.scopedLive("is refused while the disk has no room for it, and none of it is left", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const { backups, database, state } = yield* opened(folder, {
        freeBytes: () => Effect.succeed(1_000_000)
      })
      const error = yield* quiet(Effect.flip(backups.create(actor)))
      expect(error.reason).toBe("no-space")
      expect(error.message).toContain("1000000 are free")
      expect(filesOf(folder)).toEqual([])
      expect(database.lastError()).toBeNull()
      const [record] = yield* state.audit.read({ limit: 1, before: null, action: null })
      expect(record).toMatchObject({ action: "backup.created", detail: "no-space", outcome: "failed" })
    })
  )

  it.scopedLive("that cannot be written is an error that says so, and is no backup", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      writeFileSync(join(folder, "backups"), "in the way")
      const { backups } = yield* opened(folder)
      expect((yield* quiet(Effect.flip(backups.create(actor)))).reason).toBe("unwritable")
      expect(yield* backups.list).toEqual([])
    })
  )

  it.scopedLive("which a killed process left half written is cleared away, and was never listed", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      mkdirSync(join(folder, "backups"))
      const half = join(folder, "backups", "2026-01-01T00-00-00-000Z.sqlite.partial")
      writeFileSync(half, "half")
      const { backups } = yield* opened(folder)
      expect(yield* backups.list).toEqual([])
      yield* backups.create(actor)
      expect(existsSync(half)).toBe(false)
    })
  )

  it.scopedLive("is not looked for outside its folder, whatever its id is said to be", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const { backups } = yield* opened(folder)
      yield* backups.create(actor)
      for (const id of [
        "../state",
        "..%2Fstate",
        "/etc/passwd",
        "",
        ".",
        "2026-01-01T00-00-00-000Z/../../state"
      ]) {
        expect([id, (yield* Effect.either(backups.verify(id)))._tag]).toEqual([id, "Left"])
      }
      // Well formed and not there, and no date at all.
      for (const id of ["2026-01-01T00-00-00-000Z", "2026-99-99T99-99-99-999Z"]) {
        expect((yield* Effect.flip(backups.verify(id)))._tag).toBe("UnknownBackup")
      }
    })
  )

  it.scopedLive("that was damaged, or whose audit trail was, is found out", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const parts = yield* opened(folder)
      yield* save(parts, ...Array.from({ length: 500 }, (_, index) => `ws-${index}`))
      yield* parts.backups.create(actor)
      yield* Effect.sleep("2 millis")
      const { id } = yield* parts.backups.create(actor)
      const file = join(folder, "backups", `${id}.sqlite`)
      const whole = readFileSync(file)

      const forged = new Database(file)
      forged.exec("UPDATE audit SET actor = 'mallory'")
      forged.close()
      const tampered = yield* parts.backups.verify(id)
      expect([tampered.intact, tampered.problems]).toEqual([false, ["The audit trail is broken at record 1"]])

      writeFileSync(
        file,
        whole.map((byte, at) => (at > 8_192 ? byte ^ 0xff : byte))
      )
      expect((yield* parts.backups.verify(id)).intact).toBe(false)

      writeFileSync(file, "no database")
      const none = yield* parts.backups.verify(id)
      expect([none.intact, none.problems.length]).toEqual([false, 1])
    })
  )
})

describe("a state whose audit trail somebody has changed", () => {
  it.scopedLive("is backed up and restored as it is, and said to be broken", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const id = yield* life(folder, (parts) =>
        Effect.gen(function* () {
          yield* save(parts, "ws-a")
          yield* parts.backups.create(actor)
          parts.database.run("UPDATE audit SET actor = 'mallory'")
          yield* Effect.sleep("2 millis")
          const made = yield* parts.backups.create(actor)
          const problems = ["The audit trail is broken at record 1"]
          expect(yield* parts.backups.verify(made.id)).toMatchObject({ intact: false, problems })
          yield* save(parts, "ws-b")
          return made.id
        })
      )
      expect((yield* restore(folder, id, "ada")).report.audit.firstBrokenSeq).toBe(1)
      yield* life(folder, (parts) =>
        Effect.map(idsIn(parts), (ids) => {
          expect(ids).toEqual(["ws-a"])
        })
      )
    })
  )
})

describe("restoring", () => {
  it.scopedLive("is refused while a server has the folder, and changes nothing", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const parts = yield* opened(folder)
      yield* save(parts, "ws-a")
      const { id } = yield* parts.backups.create(actor)
      yield* save(parts, "ws-b")
      const error = yield* Effect.flip(restore(folder, id, "ada"))
      expect([error._tag, error.message]).toEqual([
        "StateError",
        expect.stringContaining("Another server runs")
      ])
      expect(yield* idsIn(parts)).toEqual(["ws-b"])
      expect(readdirSync(folder).filter((name) => /replaced|restoring/.test(name))).toEqual([])
    })
  )

  it.scopedLive("brings the state of the backup back, keeps the other beside it, and is in the trail", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const id = yield* life(folder, (parts) =>
        Effect.gen(function* () {
          yield* save(parts, "ws-a")
          const made = yield* parts.backups.create(actor)
          yield* save(parts, "ws-b", "ws-c")
          return made.id
        })
      )
      const restored = yield* restore(folder, id, "ada@ops")
      expect(restored.report.counts["workspaces"]).toBe(1)
      const aside = new Database(restored.aside ?? "")
      expect(aside.prepare("SELECT count(*) AS rows FROM workspace").get()).toMatchObject({ rows: 2 })
      aside.close()
      yield* life(folder, (parts) =>
        Effect.gen(function* () {
          expect(yield* idsIn(parts)).toEqual(["ws-a"])
          const [newest] = yield* parts.state.audit.read({ limit: 1, before: null, action: null })
          expect(newest).toMatchObject({ action: "backup.restored", actor: "ada@ops", detail: id })
          expect((yield* parts.state.audit.verify).intact).toBe(true)
          // And what came before can be brought back by hand: it is whole.
          expect((yield* parts.backups.verify(id)).intact).toBe(true)
        })
      )
    })
  )

  it.scopedLive("refuses what is no backup, or is not whole, and changes nothing", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const id = yield* life(folder, (parts) =>
        Effect.zipRight(
          save(parts, "ws-a"),
          Effect.map(parts.backups.create(actor), (made) => made.id)
        )
      )
      const before = readFileSync(join(folder, "state.sqlite"))
      const unknown = yield* Effect.flip(restore(folder, "../state", "ada"))
      expect(unknown.message).toContain(id)
      writeFileSync(join(folder, "backups", `${id}.sqlite`), "no database")
      const broken = yield* Effect.flip(restore(folder, id, "ada"))
      expect(broken.message).toContain("The backup is not whole, so nothing was replaced")
      expect(readFileSync(join(folder, "state.sqlite")).equals(before)).toBe(true)
      expect(readdirSync(folder).filter((name) => /replaced|restoring/.test(name))).toEqual([])
    })
  )

  it.scopedLive("names the folder that is not there, and makes none", () =>
    Effect.gen(function* () {
      const folder = join(yield* temporaryFolder, "elsewhere")
      const result = yield* Effect.either(restore(folder, "2026-01-01T00-00-00-000Z", "ada"))
      expect(Either.isLeft(result) && result.left.message).toContain("--data-path")
      expect(existsSync(folder)).toBe(false)
    })
  )

  it.effect.each([
    [
      "a trigger",
      "CREATE TRIGGER planted AFTER INSERT ON audit BEGIN DELETE FROM pause; END",
      "trigger planted"
    ],
    ["a view", "CREATE VIEW planted AS SELECT * FROM audit", "view planted"],
    ["a table", "CREATE TABLE planted (x)", "table planted"],
    ["an index", "CREATE INDEX planted ON audit (actor)", "index planted"]
  ])("refuses a file with %s that no version of this program made", ([, statement = "", what]) =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const { id } = yield* life(folder, (parts) =>
        Effect.zipRight(save(parts, "ws-1"), parts.backups.create(actor))
      )
      const planted = new Database(join(folder, "backups", `${id}.sqlite`))
      planted.exec(statement)
      planted.close()
      const refused = yield* Effect.either(restore(folder, id, "ada"))
      expect(Either.isLeft(refused) && refused.left.message).toContain(what)
    }).pipe(Effect.scoped)
  )

  it.scoped("follows no link, and takes no file that has another name", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const { id } = yield* life(folder, (parts) =>
        Effect.zipRight(save(parts, "ws-1"), parts.backups.create(actor))
      )
      const file = join(folder, "backups", `${id}.sqlite`)
      renameSync(file, join(folder, "elsewhere.sqlite"))
      symlinkSync(join(folder, "elsewhere.sqlite"), file)
      expect(Either.isLeft(yield* Effect.either(restore(folder, id, "ada")))).toBe(true)
      rmSync(file)
      linkSync(join(folder, "elsewhere.sqlite"), file)
      expect(Either.isLeft(yield* Effect.either(restore(folder, id, "ada")))).toBe(true)
    })
  )
})
