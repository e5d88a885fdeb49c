import { it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync, mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { describe, expect } from "vitest"
import { migrations } from "../../../src/persistence/migrations.ts"
import * as StateDatabase from "../../../src/persistence/StateDatabase.ts"
import { fillDisk, freeDisk, temporaryFolder } from "./state.ts"

const script = join(import.meta.dirname, "stateProcess.ts")
/** So many that the file has a page of each kind. */
const storeIds = Array.from({ length: 2_000 }, (_, index) => `workspace-${index}`)
const PAGE = 4_096

/** A server's process, as far as its state is concerned. `says` is its first line. */
const startProcess = (folder: string) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const child = spawn(process.execPath, ["--import", "tsx", script, folder, ...storeIds], {
        stdio: ["ignore", "pipe", "inherit"]
      })
      const ended = once(child, "exit")
      const says = await new Promise<string>((resolve) => {
        createInterface({ input: child.stdout }).once("line", resolve)
      })
      const kill = Effect.promise(async () => {
        child.kill("SIGKILL")
        await ended
      })
      return { says, kill }
    }),
    ({ kill }) => kill
  )

/** Leaves the state of a process that was killed. */
const killedLife = (folder: string) =>
  Effect.scoped(Effect.flatMap(startProcess(folder), ({ kill, says }) => Effect.as(kill, says)))

/** The state, open until the scope closes. */
const opened = (folder: string) =>
  Effect.map(Layer.build(StateDatabase.layer(folder)), (context) =>
    Context.get(context, StateDatabase.StateDatabase)
  )

/** The state, open for this one look. */
const looked = <A>(folder: string, look: (database: StateDatabase.StateDatabase["Type"]) => A) =>
  Effect.scoped(Effect.map(opened(folder), look))

const rowsIn = (database: StateDatabase.StateDatabase["Type"], table: "workspace" | "pause" | "audit") =>
  database.all(`SELECT count(*) AS rows FROM ${table}`)

describe("the state's folder", () => {
  it.scoped("is one process's: a second one is refused, with what to do, until the first has ended", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const first = yield* startProcess(folder)
      expect(first.says).toBe("open")
      const error = yield* Effect.flip(Effect.scoped(opened(folder)))
      expect(error.reason).toBe("in-use")
      expect(error.message).toBe(
        `Another server runs on the data folder of ${join(folder, "state.sqlite")}: stop it, or set STORE_DATA_PATH to a folder of its own.`
      )
      yield* first.kill
      expect(yield* looked(folder, (database) => rowsIn(database, "workspace"))).toEqual([{ rows: 2_000 }])
    })
  )

  it.scoped("refuses a second process while this one has it", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const database = yield* opened(folder)
      const second = yield* startProcess(folder)
      expect(second.says).toContain("Another server runs on the data folder")
      expect(rowsIn(database, "workspace")).toEqual([{ rows: 0 }])
    })
  )

  it.scoped("is made where there is none", () =>
    Effect.gen(function* () {
      const folder = join(yield* temporaryFolder, "not", "yet", "there")
      expect(yield* looked(folder, ({ path }) => existsSync(path))).toBe(true)
    })
  )

  it.scoped("that cannot be written is a refusal that names it", () =>
    Effect.gen(function* () {
      const file = join(yield* temporaryFolder, "a-file")
      writeFileSync(file, "")
      const error = yield* Effect.flip(Effect.scoped(opened(join(file, "data"))))
      expect(error.reason).toBe("unwritable")
      expect(error.message).toContain(`${join(file, "data", "state.sqlite")} cannot be opened (ENOTDIR`)
      expect(error.message).toContain("STORE_DATA_PATH")
    })
  )

  it.scoped("in which the file's place is taken is a refusal, and nothing is set aside", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      mkdirSync(join(folder, "state.sqlite"))
      expect((yield* Effect.flip(Effect.scoped(opened(folder)))).reason).toBe("unwritable")
      expect(readdirSync(folder).filter((name) => name.includes("corrupt"))).toEqual([])
    })
  )
})

describe("the state's file", () => {
  it.scoped("has what a process wrote that was killed", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      expect(yield* killedLife(folder)).toBe("open")
      yield* looked(folder, (database) => {
        expect(rowsIn(database, "workspace")).toEqual([{ rows: 2_000 }])
        // This one was still in the write-ahead log.
        expect(rowsIn(database, "audit")).toEqual([{ rows: 1 }])
      })
    })
  )

  it.scoped("is read while it is written (WAL), and has the newest schema", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      yield* looked(folder, ({ all }) => {
        expect(all("PRAGMA journal_mode")).toEqual([{ journal_mode: "wal" }])
        expect(all("PRAGMA user_version")).toEqual([{ user_version: migrations.length }])
      })
    })
  )

  it.scoped("of a newer program is refused and left as it is", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      yield* looked(folder, ({ all, run }) => {
        run("INSERT INTO removal (at) VALUES (1)")
        all(`PRAGMA user_version = ${migrations.length + 1}`)
      })
      const error = yield* Effect.flip(Effect.scoped(opened(folder)))
      expect(error.reason).toBe("newer")
      expect(error.message).toContain("was written by a newer version of this program")
      expect(error.detail).toBe(`schema ${migrations.length + 1}, this program knows ${migrations.length}`)
      expect(readdirSync(folder).filter((name) => name.includes("corrupt"))).toEqual([])
    })
  )

  it.scoped.each<readonly [string, (path: string) => void]>([
    ["is random bytes", (path) => writeFileSync(path, Buffer.from(storeIds.join()).reverse())],
    ["is cut in the middle", (path) => truncateSync(path, 5 * PAGE + 100)],
    ["is cut to less than a page", (path) => truncateSync(path, 50)],
    [
      "has one spoiled page",
      (path) => {
        const bytes = readFileSync(path)
        // The last page belongs to the newest rows of the largest table.
        for (let at = bytes.length - PAGE; at < bytes.length; at++) bytes[at] = 255 - (bytes[at] ?? 0)
        writeFileSync(path, bytes)
      }
    ]
  ])("that %s is set aside, and begun anew", ([_, spoil]) =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      yield* killedLife(folder)
      spoil(join(folder, "state.sqlite"))
      const spoiled = readFileSync(join(folder, "state.sqlite"))
      yield* looked(folder, (database) => {
        expect(rowsIn(database, "workspace")).toEqual([{ rows: 0 }])
        expect(rowsIn(database, "pause")).toEqual([{ rows: 0 }])
        database.run("INSERT INTO removal (at) VALUES (1)")
      })
      const aside = readdirSync(folder).filter((name) => /^state\.sqlite\.corrupt-[\dTZ.-]+$/.test(name))
      expect(aside).toHaveLength(1)
      expect(readFileSync(join(folder, aside[0] ?? "")).equals(spoiled)).toBe(true)
      // And the one begun anew is a file like any other.
      expect(yield* looked(folder, ({ all }) => all("SELECT at FROM removal"))).toEqual([{ at: 1 }])
    })
  )
})

describe("a write that fails", () => {
  const tooLarge = "x".repeat(100_000)

  it.scoped("does not fail its caller, says why until another succeeds, and leaves nothing behind", () =>
    Effect.gen(function* () {
      const database = yield* opened(yield* temporaryFolder)
      const write = (reason: string) =>
        database.attempt("pause", () =>
          database.transaction(() => {
            database.run("INSERT INTO removal (at) VALUES (1)")
            database.run("INSERT INTO pause (store_id, reason, actor, since) VALUES ('', ?, '', 1)", reason)
          })
        )
      expect(database.lastError()).toBeNull()
      fillDisk(database)
      yield* write(tooLarge)
      expect(database.lastError()).toBe("database or disk is full")
      freeDisk(database)
      expect(database.all("SELECT at FROM removal")).toEqual([])
      yield* write("room")
      expect(database.lastError()).toBeNull()
      expect(database.all("SELECT at FROM removal")).toEqual([{ at: 1 }])
    })
  )

  it.scoped("for another reason than the disk's leaves nothing behind either", () =>
    Effect.gen(function* () {
      const database = yield* opened(yield* temporaryFolder)
      yield* database.attempt("removal", () =>
        database.transaction(() => {
          database.run("INSERT INTO removal (at) VALUES (1)")
          throw new Error("half-way")
        })
      )
      expect(database.lastError()).toBe("half-way")
      expect(database.all("SELECT at FROM removal")).toEqual([])
    })
  )
})
