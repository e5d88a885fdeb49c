/**
 * The Auth Worker is restored from a backup, and other changes bring it to the revision that a reader knows: neither a 304
 * nor the feed may hide that (laws 5 and 10).
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { cp, rm } from "node:fs/promises"
import { expect, it } from "vitest"
import * as CircuitBreaker from "../../../src/controller/CircuitBreaker.ts"
import * as HttpClients from "../../../src/transport/HttpClients.ts"
import * as AuthWorkerDirectory from "../../../src/workspaces/AuthWorkerDirectory.ts"
import * as DesiredState from "../../../src/workspaces/DesiredState.ts"
import * as SnapshotStore from "../../../src/workspaces/SnapshotStore.ts"
import { type AuthWorker, bypassToken, startAuthWorker, temporaryFolder } from "./support.ts"

const create = async (worker: AuthWorker, ids: ReadonlyArray<string>) => {
  const token = await worker.tokenOf("alice")
  for (const instanceId of ids) {
    expect((await worker.call("POST", "/workspaces", { token, body: { instanceId } })).status).toBe(201)
  }
}

const ask = (worker: AuthWorker, path: string, headers: Record<string, string> = {}) =>
  worker.call("GET", `/internal/workspaces${path}`, { token: bypassToken, headers })

it("has another tag and another lineage at the same revision after a restore, and the feed says 410", async () => {
  const dataPath = await temporaryFolder()
  const backup = await temporaryFolder()
  let worker = await startAuthWorker({}, { dataPath })
  await create(worker, ["ws-kept"])
  await worker.stop()
  await cp(dataPath, backup, { recursive: true })

  worker = await startAuthWorker({}, { dataPath })
  await create(worker, ["ws-lost-1", "ws-lost-2"])
  const before = await ask(worker, "")
  const feed = await ask(worker, "/changes?since=1")
  expect(feed.body).toMatchObject({ revision: "3", lineage: before.body.metadata.lineage })
  await worker.stop()

  await rm(dataPath, { recursive: true, force: true })
  await cp(backup, dataPath, { recursive: true })
  worker = await startAuthWorker({}, { dataPath })
  await create(worker, ["ws-other-1", "ws-other-2"])
  const after = await ask(worker, "", { "if-none-match": before.headers.get("etag") ?? "" })
  expect(after.status).toBe(200)
  expect(after.body.metadata.revision).toBe(before.body.metadata.revision)
  expect(after.body.metadata.environmentId).toBe(before.body.metadata.environmentId)
  expect(after.body.metadata.lineage).not.toBe(before.body.metadata.lineage)
  expect(after.headers.get("etag")).not.toBe(before.headers.get("etag"))
  const since = `/changes?since=3&lineage=${String(before.body.metadata.lineage)}`
  expect((await ask(worker, since)).status).toBe(410)
  expect((await ask(worker, `/changes?since=3&lineage=${String(after.body.metadata.lineage)}`)).status).toBe(
    200
  )
  expect((await ask(worker, "/changes?since=3")).status).toBe(200)
  await worker.stop()
})

it("is believed anew by a server that knew the revision of before the restore, by its next nudge", async () => {
  const dataPath = await temporaryFolder()
  const backup = await temporaryFolder()
  let worker = await startAuthWorker({}, { dataPath })
  await create(worker, ["ws-kept"])
  await worker.stop()
  await cp(dataPath, backup, { recursive: true })
  worker = await startAuthWorker({}, { dataPath })
  await create(worker, ["ws-lost-1", "ws-lost-2"])

  const port = Number(new URL(worker.url).port)
  const asked = { baseUrl: worker.url, token: Redacted.make(bypassToken), retries: 0 }
  const program = Effect.gen(function* () {
    const directory = yield* Layer.build(
      AuthWorkerDirectory.layer(asked).pipe(Layer.provide(HttpClients.layer))
    )
    const desired = yield* DesiredState.make({
      staticOnly: false,
      removalConfirmations: 2,
      pinned: [],
      breaker: yield* CircuitBreaker.make({ name: "auth-worker" })
    }).pipe(Effect.provide(Layer.merge(SnapshotStore.layerMemory, Layer.succeedContext(directory))))
    // Two lists that agree: from here on the next may be answered by 304.
    yield* desired.refresh("resync")
    yield* desired.refresh("resync")
    expect([...desired.ids()].sort()).toEqual(["ws-kept", "ws-lost-1", "ws-lost-2"])

    yield* Effect.promise(async () => {
      await worker.stop()
      await rm(dataPath, { recursive: true, force: true })
      await cp(backup, dataPath, { recursive: true })
      worker = await startAuthWorker({}, { dataPath, port })
      await create(worker, ["ws-other-1", "ws-other-2"])
    })
    yield* desired.refresh("nudge")
    expect(desired.view().revision).toBe("3")
    expect(desired.get("ws-other-1")._tag).toBe("Present")
    expect(desired.get("ws-other-2")._tag).toBe("Present")
    expect(desired.get("ws-lost-1")).toMatchObject({ _tag: "Absent", absence: { kind: "absent" } })
    expect(desired.get("ws-kept")._tag).toBe("Present")
  })
  await Effect.runPromise(Effect.scoped(program))
  await worker.stop()
})
