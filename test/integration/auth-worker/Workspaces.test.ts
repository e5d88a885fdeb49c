import { describe, expect, it } from "vitest"
import { bypassToken, startAuthWorker } from "./support.ts"

describe("a user's workspaces", () => {
  it("are created, listed and deleted, by their owner alone", async () => {
    const worker = await startAuthWorker()
    const [alice, bob] = [await worker.tokenOf("alice"), await worker.tokenOf("bob")]
    const created = await worker.call("POST", "/workspaces", { token: alice, body: { name: "  One " } })
    expect(created.status).toBe(201)
    expect(created.body).toMatchObject({ name: "One", role: "owner", isDefault: true })
    const id = created.body.instanceId
    expect(id).toMatch(/^[a-zA-Z0-9][a-zA-Z0-9_-]{2,63}$/)

    expect((await worker.call("GET", "/workspaces", { token: alice })).body.workspaces).toHaveLength(1)
    expect((await worker.call("GET", "/workspaces", { token: bob })).body.workspaces).toEqual([])
    const foreign = await worker.call("DELETE", `/workspaces/${id}`, { token: bob })
    expect([foreign.status, foreign.body.error.code]).toEqual([404, "WORKSPACE_NOT_FOUND"])

    expect((await worker.call("DELETE", `/workspaces/${id}`, { token: alice })).status).toBe(204)
    expect((await worker.call("GET", "/workspaces", { token: alice })).body.workspaces).toEqual([])
    // The answer to a delete may be lost: asking again is no error.
    expect((await worker.call("DELETE", `/workspaces/${id}`, { token: alice })).status).toBe(204)
    expect((await worker.call("DELETE", `/workspaces/${id}`, { token: bob })).status).toBe(404)
  })

  it("are created once for a client's id or key, however often it asks", async () => {
    const worker = await startAuthWorker()
    const [alice, bob] = [await worker.tokenOf("alice"), await worker.tokenOf("bob")]
    const byId = { token: alice, body: { name: "Mine", instanceId: "my-own-id" } }
    const first = await worker.call("POST", "/workspaces", byId)
    const again = await worker.call("POST", "/workspaces", byId)
    expect([first.status, again.status]).toEqual([201, 200])
    expect(again.body).toEqual(first.body)

    const byKey = { token: alice, body: { name: "Keyed" }, headers: { "idempotency-key": "key-1" } }
    const keyed = await Promise.all(
      Array.from({ length: 5 }, () => worker.call("POST", "/workspaces", byKey))
    )
    expect(keyed.map((answer) => answer.status).toSorted()).toEqual([200, 200, 200, 200, 201])
    expect(new Set(keyed.map((answer) => answer.body.instanceId)).size).toBe(1)

    const taken = await worker.call("POST", "/workspaces", { token: bob, body: { instanceId: "my-own-id" } })
    expect([taken.status, taken.body.error.code]).toEqual([409, "WORKSPACE_EXISTS"])
    await worker.call("DELETE", "/workspaces/my-own-id", { token: alice })
    const reborn = await worker.call("POST", "/workspaces", byId)
    expect([reborn.status, reborn.body.error.code]).toEqual([409, "WORKSPACE_DELETED"])
    expect((await worker.call("GET", "/workspaces", { token: alice })).body.workspaces).toHaveLength(1)
  })

  it("are limited by the quota, which a deletion frees", async () => {
    const worker = await startAuthWorker({ MAX_INSTANCES_PER_USER: "2" })
    const token = await worker.tokenOf("alice")
    const create = () => worker.call("POST", "/workspaces", { token, body: { name: "W" } })
    const burst = await Promise.all([create(), create(), create(), create()])
    expect(burst.filter((answer) => answer.status === 201)).toHaveLength(2)
    const refused = burst.find((answer) => answer.status !== 201)
    expect([refused?.status, refused?.body.error.code]).toEqual([403, "QUOTA_EXCEEDED"])
    const kept = burst.find((answer) => answer.status === 201)
    await worker.call("DELETE", `/workspaces/${String(kept?.body.instanceId)}`, { token })
    expect((await create()).status).toBe(201)
  })

  it("keep a default: the first one, and after its deletion the oldest of the rest", async () => {
    const worker = await startAuthWorker()
    const token = await worker.tokenOf("alice")
    for (const instanceId of ["first", "second", "third"]) {
      await worker.call("POST", "/workspaces", { token, body: { instanceId } })
    }
    await worker.call("DELETE", "/workspaces/first", { token })
    const { body } = await worker.call("GET", "/workspaces", { token })
    const rows: ReadonlyArray<{ instanceId: string; isDefault: boolean }> = body.workspaces
    expect(rows.map((row) => [row.instanceId, row.isDefault])).toEqual([
      ["second", true],
      ["third", false]
    ])
  })
})

describe("a request that is not right", () => {
  it("is told what was expected where, and never what it sent", async () => {
    const worker = await startAuthWorker()
    const token = await worker.tokenOf("alice")
    const post = (body: unknown, headers = {}) => worker.call("POST", "/workspaces", { token, body, headers })
    const secretive = await post({ name: 7, instanceId: "<script>" })
    expect(secretive.status).toBe(400)
    expect(secretive.body.error.message).toContain("name: Expected string")
    expect(secretive.body.error.message).toContain("instanceId: expected an id")
    expect(JSON.stringify(secretive.body)).not.toContain("<script>")
    expect(secretive.body.error.requestId).toBe(secretive.headers.get("x-request-id"))

    expect((await post("{not json")).status).toBe(400)
    expect((await post("[".repeat(5_000) + "]".repeat(5_000))).status).toBe(400)
    expect((await post("null")).status).toBe(400)
    expect((await post({ instanceId: "changes" })).status).toBe(400)
    expect((await post({ name: "x" }, { "content-type": "text/plain" })).status).toBe(415)
    expect((await post({ name: "x".repeat(70_000) })).status).toBe(413)
    expect((await worker.call("GET", "/nowhere")).status).toBe(404)
    const wrongMethod = await worker.call("PUT", "/workspaces", { token })
    expect([wrongMethod.status, wrongMethod.headers.get("allow")]).toEqual([405, "GET, POST"])
  })

  it("is refused without a valid token, and with one of another secret", async () => {
    const worker = await startAuthWorker()
    const token = await worker.tokenOf("alice")
    const refused = [undefined, "", "nonsense", bypassToken, `${token}x`]
    for (const one of refused) {
      const answer = await worker.call("GET", "/workspaces", one === undefined ? {} : { token: one })
      expect([answer.status, answer.body.error.code]).toEqual([401, "UNAUTHORIZED"])
    }
    const other = await startAuthWorker({ JWT_SECRET: "another-secret-with-just-as-many-characters" })
    expect((await other.call("GET", "/workspaces", { token })).status).toBe(401)
  })
})

describe("the configuration", () => {
  it("without JWT_SECRET refuses everything and names the variable", async () => {
    const worker = await startAuthWorker({ JWT_SECRET: "" })
    const answer = await worker.call("GET", "/workspaces")
    expect([answer.status, answer.body.error.code]).toEqual([503, "NOT_CONFIGURED"])
    expect(answer.body.error.message).toContain("JWT_SECRET")
  })

  it("names every bad variable at once, and no value", async () => {
    const worker = await startAuthWorker({
      JWT_SECRET: "short-secret",
      WEBHOOK_MAX_ATTEMPTS: "many",
      SERVER_WEBHOOK_URL: "not a url"
    })
    const { body, status } = await worker.call("GET", "/health")
    expect(status).toBe(503)
    for (const variable of ["JWT_SECRET", "WEBHOOK_MAX_ATTEMPTS", "SERVER_WEBHOOK_URL"]) {
      expect(body.error.message).toContain(variable)
    }
    expect(JSON.stringify(body)).not.toMatch(/short-secret|many|not a url/)
  })

  it("without DEV_USERS_ENABLED hands out no development tokens", async () => {
    const worker = await startAuthWorker({ DEV_USERS_ENABLED: "" })
    expect((await worker.call("POST", "/dev/token", { body: { userId: "alice" } })).status).toBe(404)
  })
})
