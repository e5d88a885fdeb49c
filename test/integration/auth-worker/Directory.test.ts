import { describe, expect, it } from "vitest"
import { anIsoTime, type AuthWorker, bypassToken, startAuthWorker } from "./support.ts"

const internal = (worker: AuthWorker, path: string, headers: Record<string, string> = {}) =>
  worker.call("GET", `/internal${path}`, { token: bypassToken, headers })

const create = async (worker: AuthWorker, userId: string, ids: ReadonlyArray<string>) => {
  const token = await worker.tokenOf(userId)
  for (const instanceId of ids) {
    const answer = await worker.call("POST", "/workspaces", {
      token,
      body: { instanceId, name: `Name of ${instanceId}` }
    })
    expect(answer.status).toBe(201)
  }
  return token
}

const idsOf = (rows: ReadonlyArray<{ instanceId: string }>) => rows.map((row) => row.instanceId)

describe("GET /internal/workspaces", () => {
  it("lists every workspace in the contract's shape", async () => {
    const worker = await startAuthWorker()
    await create(worker, "alice", ["ws-one", "ws-two"])
    await create(worker, "bob", ["ws-three"])
    const { body, headers, status } = await internal(worker, "/workspaces")
    expect(status).toBe(200)
    expect(body.workspaces[0]).toMatchObject({
      instanceId: "ws-one",
      userId: "alice",
      name: "Name of ws-one",
      isDefault: true,
      createdAt: anIsoTime,
      lastAccessedAt: anIsoTime
    })
    expect(idsOf(body.workspaces)).toEqual(["ws-one", "ws-two", "ws-three"])
    expect(body.metadata).toMatchObject({
      totalUsers: 2,
      totalWorkspaces: 3,
      revision: "3",
      features: ["revision", "pages", "changes", "get"]
    })
    expect(body.metadata.environmentId).toMatch(/^[0-9a-f-]{36}$/)
    expect(headers.get("etag")).toContain(body.metadata.environmentId)
  })

  it("is forbidden with a wrong, missing, empty or user's token, and to everybody while the token is unset", async () => {
    const worker = await startAuthWorker()
    const user = await worker.tokenOf("alice")
    const paths = [
      "/workspaces",
      "/workspaces/changes?since=0",
      "/workspaces/some-id",
      "/users/alice/instances"
    ]
    for (const path of paths) {
      for (const token of [undefined, "", "wrong", "undefined", user, `${bypassToken}x`]) {
        const answer = await worker.call("GET", `/internal${path}`, token === undefined ? {} : { token })
        expect([answer.status, answer.body.error.code]).toEqual([403, "FORBIDDEN"])
      }
    }
    const unset = await startAuthWorker({ SERVER_BYPASS_TOKEN: "" })
    for (const token of ["undefined", "null", "", bypassToken]) {
      expect((await unset.call("GET", "/internal/workspaces", { token })).status).toBe(403)
    }
    expect([...worker.logs, ...unset.logs].join("\n")).not.toContain(bypassToken)
  })

  it("accepts both tokens while one is being replaced", async () => {
    const worker = await startAuthWorker({ SERVER_BYPASS_TOKEN: "new-token, old-token" })
    expect((await worker.call("GET", "/internal/workspaces", { token: "new-token" })).status).toBe(200)
    expect((await worker.call("GET", "/internal/workspaces", { token: "old-token" })).status).toBe(200)
    expect((await worker.call("GET", "/internal/workspaces", { token: "new-token, old-token" })).status).toBe(
      403
    )
  })

  it("answers 304 while the set is the same, and the list again when it has changed", async () => {
    const worker = await startAuthWorker()
    const token = await create(worker, "alice", ["ws-one"])
    const etag = (await internal(worker, "/workspaces")).headers.get("etag") ?? ""
    const same = await internal(worker, "/workspaces", { "if-none-match": etag })
    expect([same.status, same.body, same.headers.get("etag")]).toEqual([304, null, etag])
    await worker.call("DELETE", "/workspaces/ws-one", { token })
    expect((await internal(worker, "/workspaces", { "if-none-match": etag })).status).toBe(200)
  })

  it("gives pages of one revision, whatever changes while they are read", async () => {
    const worker = await startAuthWorker({ MAX_INSTANCES_PER_USER: "100" })
    const ids = Array.from({ length: 7 }, (_, index) => `ws-${index}`)
    const token = await create(worker, "alice", ids)
    const first = await internal(worker, "/workspaces?limit=3")
    expect(idsOf(first.body.workspaces)).toEqual(ids.slice(0, 3))

    await worker.call("DELETE", "/workspaces/ws-5", { token })
    await worker.call("DELETE", "/workspaces/ws-0", { token })
    await create(worker, "bob", ["ws-late"])

    const read = idsOf(first.body.workspaces)
    let metadata = first.body.metadata
    while (metadata.nextCursor !== undefined) {
      const page = await internal(
        worker,
        `/workspaces?limit=3&cursor=${encodeURIComponent(metadata.nextCursor)}`
      )
      expect(page.body.metadata).toMatchObject({ revision: "7", totalWorkspaces: 7, totalUsers: 1 })
      read.push(...idsOf(page.body.workspaces))
      metadata = page.body.metadata
    }
    expect(read).toEqual(ids)
    const now = await internal(worker, "/workspaces")
    expect(idsOf(now.body.workspaces).toSorted()).toEqual(["ws-1", "ws-2", "ws-3", "ws-4", "ws-6", "ws-late"])
  })

  it("refuses a limit or a cursor that is none", async () => {
    const worker = await startAuthWorker()
    for (const query of ["limit=0", "limit=1001", "limit=many", "cursor=%7B%7D", "cursor=bm9uc2Vuc2U"]) {
      const answer = await internal(worker, `/workspaces?${query}`)
      expect([query, answer.status, answer.body.error.code]).toEqual([query, 400, "INVALID_REQUEST"])
    }
  })
})

describe("GET /internal/workspaces/changes", () => {
  it("gives each change once, in order, and with it the workspace as it is now", async () => {
    const worker = await startAuthWorker()
    const token = await create(worker, "alice", ["ws-one", "ws-two"])
    await worker.call("DELETE", "/workspaces/ws-two", { token })
    const all = await internal(worker, "/workspaces/changes?since=0")
    expect(all.body).toMatchObject({
      changes: [
        {
          revision: "1",
          kind: "upsert",
          instanceId: "ws-one",
          workspace: { instanceId: "ws-one", userId: "alice" }
        },
        { revision: "2", kind: "upsert", instanceId: "ws-two" },
        { revision: "3", kind: "delete", instanceId: "ws-two" }
      ],
      revision: "3",
      hasMore: false
    })
    const page = await internal(worker, "/workspaces/changes?since=0&limit=2")
    expect([page.body.changes.length, page.body.revision, page.body.hasMore]).toEqual([2, "2", true])
    const rest = await internal(worker, "/workspaces/changes?since=2&limit=2")
    expect([idsOf(rest.body.changes), rest.body.hasMore]).toEqual([["ws-two"], false])
    const none = await internal(worker, "/workspaces/changes?since=3")
    expect([none.body.changes, none.body.revision]).toEqual([[], "3"])
  })

  it("answers 410 to a revision that this environment never reached, and 400 to what is none", async () => {
    const worker = await startAuthWorker()
    const ahead = await internal(worker, "/workspaces/changes?since=99")
    expect([ahead.status, ahead.body.error.code]).toEqual([410, "REVISION_GONE"])
    for (const query of ["", "?since=", "?since=-1", "?since=1e3"]) {
      expect((await internal(worker, `/workspaces/changes${query}`)).status).toBe(400)
    }
  })
})

describe("GET /internal/workspaces/:id and /internal/users/:id/instances", () => {
  it("answer what is there, and 404 for what is not", async () => {
    const worker = await startAuthWorker()
    const token = await create(worker, "alice", ["ws-one"])
    expect((await internal(worker, "/workspaces/ws-one")).body).toMatchObject({
      instanceId: "ws-one",
      userId: "alice"
    })
    expect((await internal(worker, "/users/alice/instances")).body).toMatchObject({
      userId: "alice",
      instances: [{ instanceId: "ws-one", name: "Name of ws-one", role: "owner", isDefault: true }]
    })
    await worker.call("DELETE", "/workspaces/ws-one", { token })
    const gone = await internal(worker, "/workspaces/ws-one")
    expect([gone.status, gone.body.error.code]).toEqual([404, "WORKSPACE_NOT_FOUND"])
    expect((await internal(worker, "/users/alice/instances")).body.instances).toEqual([])
    const unknown = await internal(worker, "/users/nobody/instances")
    expect([unknown.status, unknown.body.error.code]).toEqual([404, "USER_NOT_FOUND"])
  })
})
