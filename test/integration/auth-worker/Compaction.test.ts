import { expect, it } from "vitest"
import { eventually, startAuthWorker } from "./support.ts"

it("what is older than the retention is forgotten, and a reader of long ago is told to list again", async () => {
  const worker = await startAuthWorker({ CHANGES_RETENTION_MS: "1000" })
  const token = await worker.tokenOf("alice")
  for (const instanceId of ["ws-1", "ws-2", "ws-3"])
    await worker.call("POST", "/workspaces", { token, body: { instanceId } })
  const page = await worker.internal("GET", "/workspaces?limit=1")
  await worker.call("DELETE", "/workspaces/ws-2", { token })
  const revision = (await worker.internal("GET", "/workspaces")).body.metadata.revision
  expect(Number(revision)).toBeGreaterThanOrEqual(4)

  // Nothing touches the object meanwhile but these questions; its alarm compacts.
  const gone = await eventually("compaction", async () => {
    const answer = await worker.internal("GET", `/workspaces/changes?since=${Number(revision) - 1}`)
    return answer.status === 410 ? answer : undefined
  })
  expect(gone.body.error.code).toBe("REVISION_GONE")

  const now = await worker.internal("GET", "/workspaces")
  expect(now.body.workspaces.map((row) => row.instanceId)).toEqual(["ws-1", "ws-3"])
  expect(now.body.metadata.revision).toBe(revision)
  const tail = await worker.internal("GET", `/workspaces/changes?since=${revision}`)
  expect([tail.status, tail.body.changes]).toEqual([200, []])

  // A listing that began before goes on under the current revision: its reader starts again.
  const stale = await worker.internal(
    "GET",
    `/workspaces?limit=1&cursor=${String(page.body.metadata.nextCursor)}`
  )
  expect([stale.status, stale.body.metadata.revision]).toEqual([200, revision])
  expect(stale.body.metadata.revision).not.toBe(page.body.metadata.revision)

  // An id is remembered for ever: it must never come to mean another workspace's data.
  const reborn = await worker.call("POST", "/workspaces", { token, body: { instanceId: "ws-2" } })
  expect(reborn.body.error.code).toBe("WORKSPACE_DELETED")
})
