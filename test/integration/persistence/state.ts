/** Parts that the tests of the persistent state share. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as SqliteSnapshotStore from "../../../src/persistence/SqliteSnapshotStore.ts"
import * as SqliteStateStore from "../../../src/persistence/SqliteStateStore.ts"
import * as StateDatabase from "../../../src/persistence/StateDatabase.ts"

/** A data folder that goes with the scope. */
export const temporaryFolder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "wso-state-"))),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
)

/** Both stores in SQLite, with the database behind them for whoever wants to look or to make it fail. */
export const stateOver = <E>(database: Layer.Layer<StateDatabase.StateDatabase, E>) =>
  Layer.merge(SqliteSnapshotStore.layer, SqliteStateStore.layer).pipe(Layer.provideMerge(database))

export const stateIn = (folder: string) => stateOver(StateDatabase.layer(folder))

/** Leaves the file no room to grow: the next write that needs a page fails as on a full disk. */
export const fillDisk = ({ all }: StateDatabase.StateDatabase["Type"]): void => {
  // SQLite raises a limit below the file's size to just that.
  all("PRAGMA max_page_count = 1")
}

export const freeDisk = ({ all }: StateDatabase.StateDatabase["Type"]): void => {
  all("PRAGMA max_page_count = 1000000")
}
