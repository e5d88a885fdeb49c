/**
 * A process of its own that opens the state below the folder in its arguments, writes what a life of a server leaves
 * behind, says so on standard output, and keeps the state open until it is killed. What fails is said instead.
 */
import * as Effect from "effect/Effect"
import { SnapshotStore } from "../../../src/workspaces/SnapshotStore.ts"
import { StateStore } from "../../../src/orchestration/StateStore.ts"
import { StateDatabase } from "../../../src/persistence/StateDatabase.ts"
import { stateIn } from "./state.ts"

const [folder = "", ...storeIds] = process.argv.slice(2)

const life = Effect.gen(function* () {
  const database = yield* StateDatabase
  const snapshots = yield* SnapshotStore
  const state = yield* StateStore
  const entries = new Map(storeIds.map((storeId) => [storeId, { absence: null }]))
  const snapshot = { entries, revision: "7", environmentId: null, features: new Set<never>(), fetchedAt: 1 }
  yield* snapshots.save(snapshot, new Set(storeIds))
  yield* state.pauses.save({ storeId: null, reason: "a test", actor: "ada", since: 1, expiresAt: null })
  // From here on all of it is in the file itself, so that a test can spoil it there.
  database.all("PRAGMA wal_checkpoint(TRUNCATE)")
  yield* state.audit.append({
    at: 1,
    actor: "ada",
    address: "",
    action: "loop.paused",
    subject: "",
    detail: "",
    outcome: "succeeded"
  })
  console.log("open")
  return yield* Effect.never
})

const keepsRunning = setInterval(() => undefined, 60_000)
await Effect.runPromise(
  life.pipe(
    Effect.provide(stateIn(folder)),
    Effect.catchAll((error) => Effect.sync(() => console.log(error.message)))
  )
)
clearInterval(keepsRunning)
