/** What a person can do to the files of the state while it is open, on a real disk. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as TestClock from "effect/TestClock"
import { chmodSync, existsSync, mkdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs"
import { spawnSync } from "node:child_process"
import { join } from "node:path"
import { StateDatabase, layer } from "../../../src/persistence/StateDatabase.ts"
import { temporaryFolder } from "../../support/Program.ts"

const modeOf = (path: string): number => statSync(path).mode & 0o777

const inFolder = <A, E>(body: (folder: string) => Effect.Effect<A, E>) =>
  Effect.acquireUseRelease(
    Effect.promise(temporaryFolder),
    ({ path }) => body(join(path, "data")),
    (folder) => Effect.promise(() => folder[Symbol.asyncDispose]())
  )

const write = (key: string) =>
  Effect.flatMap(StateDatabase, (database) =>
    database.attempt("test", () => database.run("DELETE FROM removal WHERE at < ?", key.length))
  )

describe("the files of the state", () => {
  it.effect("are their owner's only, whatever they were before", () =>
    inFolder((folder) =>
      Effect.gen(function* () {
        mkdirSync(folder)
        chmodSync(folder, 0o755)
        writeFileSync(join(folder, "state.lock"), "", { mode: 0o644 })
        yield* Effect.provide(Effect.void, layer(folder))
        expect(modeOf(folder)).toBe(0o700)
        expect(modeOf(join(folder, "state.lock"))).toBe(0o600)
        expect(modeOf(join(folder, "state.sqlite"))).toBe(0o600)
      })
    )
  )

  it.effect("are missed within seconds when they are deleted or replaced, and writes are refused", () =>
    inFolder((folder) =>
      Effect.gen(function* () {
        const database = yield* StateDatabase
        yield* write("one")
        expect(database.lastError()).toBeNull()
        const path = join(folder, "state.sqlite")
        renameSync(path, `${path}.away`)
        yield* TestClock.adjust("5 seconds")
        expect(database.lastError()).toContain("was deleted while this server runs")
        yield* write("two")
        expect(() => database.transaction(() => undefined)).toThrow("was deleted")
        expect(database.lastError()).toContain("was deleted")
        writeFileSync(path, "")
        yield* TestClock.adjust("5 seconds")
        expect(database.lastError()).toContain("was replaced while this server runs")
        rmSync(path)
        renameSync(`${path}.away`, path)
        yield* TestClock.adjust("5 seconds")
        yield* write("three")
        expect(database.lastError()).toBeNull()
      }).pipe(Effect.provide(layer(folder)))
    )
  )

  it.effect("are missed when only what SQLite keeps beside the database is deleted", () =>
    inFolder((folder) =>
      Effect.gen(function* () {
        const database = yield* StateDatabase
        yield* TestClock.adjust("5 seconds")
        rmSync(join(folder, "state.sqlite-wal"))
        yield* TestClock.adjust("5 seconds")
        expect(database.lastError()).toContain("state.sqlite-wal was deleted")
      }).pipe(Effect.provide(layer(folder)))
    )
  )

  it.effect("are kept from a second process, also when the lock file alone was deleted", () =>
    inFolder((folder) =>
      Effect.gen(function* () {
        const lockFile = join(folder, "state.lock")
        rmSync(lockFile)
        const second = yield* Effect.either(Effect.scoped(Effect.provide(Effect.void, layer(folder))))
        expect(Either.isLeft(second) && second.left.reason).toBe("in-use")
        expect(existsSync(lockFile)).toBe(false)
        yield* TestClock.adjust("5 seconds")
        expect(existsSync(lockFile)).toBe(true)
        // Taken again: a process that knows only of the lock file is kept out, too.
        const third = spawnSync(process.execPath, [
          "-e",
          `const D=require("libsql");try{new D(${JSON.stringify(lockFile)},{timeout:0}).exec("BEGIN EXCLUSIVE");console.log("free")}catch(e){console.log(e.code)}`
        ])
        expect(third.stdout.toString().trim()).toBe("SQLITE_BUSY")
      }).pipe(Effect.provide(layer(folder)))
    )
  )
})
