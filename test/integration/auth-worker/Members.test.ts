import { describe, expect, it } from "vitest"
import { type AuthWorker, eventually, startAuthWorker, startHookServer } from "./support.ts"

const workspace = "shared-space"

/** A workspace of Alice's into which the others were invited, with everybody's token. */
const sharedWorkspace = async (
  roles: Readonly<Record<string, string>>,
  bindings: Record<string, string> = {}
) => {
  const worker = await startAuthWorker(bindings)
  const alice = await worker.tokenOf("alice@example.com")
  await worker.call("POST", "/workspaces", { token: alice, body: { instanceId: workspace, name: "Shared" } })
  const tokens: Record<string, string> = { alice }
  for (const [name, role] of Object.entries(roles)) {
    const token = await worker.tokenOf(`${name}@example.com`)
    const invitation = await worker.call("POST", `/workspaces/${workspace}/invitations`, {
      token: alice,
      body: { email: `${name}@example.com`, role }
    })
    expect(invitation.status).toBe(201)
    const accepted = await worker.call("POST", "/invitations/accept", {
      token,
      body: { token: invitation.body.token }
    })
    expect([accepted.status, accepted.body.instanceId]).toEqual([200, workspace])
    tokens[name] = token
  }
  const as = (name: string, method: string, path: string, body?: unknown) =>
    worker.call(method, `/workspaces/${workspace}${path}`, {
      token: tokens[name] ?? "",
      ...(body === undefined ? {} : { body })
    })
  const idOf = async (name: string) => {
    const account = await worker.call("GET", "/account", { token: tokens[name] ?? "" })
    return account.body.userId
  }
  return { worker, tokens, as, idOf }
}

const rolesOf = async (worker: AuthWorker) => {
  const { body } = await worker.internal("GET", "/workspaces")
  return body.workspaces.filter((row) => row.instanceId === workspace).map((row) => row.role)
}

describe("members", () => {
  it("see the workspace and each other, and it is listed once for each of them", async () => {
    const { as, worker } = await sharedWorkspace({ bob: "admin", carol: "member" })
    const { body } = await as("carol", "GET", "/members")
    expect(body.members.map((member) => [member.email, member.role])).toEqual([
      ["alice@example.com", "owner"],
      ["bob@example.com", "admin"],
      ["carol@example.com", "member"]
    ])
    const list = await worker.internal("GET", "/workspaces")
    expect(list.body.workspaces.map((row) => row.instanceId)).toEqual([workspace, workspace, workspace])
    expect(list.body.metadata).toMatchObject({ totalWorkspaces: 1, totalUsers: 3 })
  })

  it("may do what their role allows, and nothing beyond", async () => {
    const { as, idOf, worker } = await sharedWorkspace({ bob: "admin", carol: "member", dave: "member" })
    const [alice, bob, carol] = [await idOf("alice"), await idOf("bob"), await idOf("carol")]
    const outsider = await worker.tokenOf("mallory@example.com")

    const refused: ReadonlyArray<readonly [string, string, string, unknown?]> = [
      ["carol", "PATCH", "", { name: "Mine" }],
      ["carol", "PATCH", `/members/${carol}`, { role: "owner" }],
      ["carol", "DELETE", `/members/${bob}`],
      ["carol", "POST", "/invitations", { email: "x@example.com" }],
      ["carol", "GET", "/invitations"],
      ["carol", "DELETE", ""],
      ["bob", "PATCH", `/members/${alice}`, { role: "member" }],
      ["bob", "PATCH", `/members/${bob}`, { role: "owner" }],
      ["bob", "DELETE", `/members/${alice}`],
      ["bob", "POST", "/invitations", { email: "x@example.com", role: "owner" }],
      ["bob", "DELETE", ""]
    ]
    for (const [name, method, path, body] of refused) {
      const answer = await as(name, method, path, body)
      expect([name, method, path, answer.status]).toEqual([name, method, path, 403])
    }
    for (const path of ["", "/members", "/invitations"]) {
      expect((await worker.call("GET", `/workspaces/${workspace}${path}`, { token: outsider })).status).toBe(
        404
      )
    }
    expect((await as("bob", "PATCH", "", { name: "Renamed" })).body.name).toBe("Renamed")
    expect((await as("bob", "PATCH", `/members/${carol}`, { role: "admin" })).status).toBe(204)
    expect((await as("carol", "DELETE", `/members/${await idOf("dave")}`)).status).toBe(204)
    expect(await rolesOf(worker)).toEqual(["owner", "admin", "admin"])
  })

  it("cannot leave a workspace without an owner, and the last one to leave ends it", async () => {
    const server = await startHookServer()
    const { as, idOf, worker } = await sharedWorkspace(
      { bob: "member" },
      { SERVER_WEBHOOK_URL: server.url, WEBHOOK_SECRET: "secret" }
    )
    const [alice, bob] = [await idOf("alice"), await idOf("bob")]
    expect((await as("alice", "DELETE", `/members/${alice}`)).body.error.code).toBe("LAST_OWNER")
    expect((await as("alice", "PATCH", `/members/${alice}`, { role: "member" })).body.error.code).toBe(
      "LAST_OWNER"
    )
    expect((await as("alice", "PATCH", `/members/${bob}`, { role: "owner" })).status).toBe(204)
    expect((await as("alice", "DELETE", `/members/${alice}`)).status).toBe(204)
    expect((await as("alice", "GET", "")).status).toBe(404)
    expect(await rolesOf(worker)).toEqual(["owner"])
    expect((await as("bob", "DELETE", `/members/${bob}`)).status).toBe(204)
    expect((await worker.internal("GET", `/workspaces/${workspace}`)).status).toBe(404)
    const told = await eventually("the deletion", () =>
      server.deliveries.find((one) => one.body.event === "workspace.deleted")
    )
    expect(told.body.instanceId).toBe(workspace)
  })

  it("of a deleted owner keep the workspace, and the one who has been admin longest inherits it", async () => {
    const { idOf, worker } = await sharedWorkspace(
      { carol: "member", bob: "admin" },
      { ADMIN_TOKEN: "operator" }
    )
    const deleted = await worker.call("DELETE", `/admin/users/${await idOf("alice")}`, { token: "operator" })
    expect([deleted.status, deleted.body.removed]).toEqual([200, []])
    expect(await rolesOf(worker)).toEqual(["member", "owner"])
  })

  it("who become owners are counted against their quota", async () => {
    const { as, idOf, tokens, worker } = await sharedWorkspace(
      { bob: "admin" },
      { MAX_INSTANCES_PER_USER: "1" }
    )
    await worker.call("POST", "/workspaces", { token: tokens["bob"] ?? "", body: {} })
    const promoted = await as("alice", "PATCH", `/members/${await idOf("bob")}`, { role: "owner" })
    expect([promoted.status, promoted.body.error.code]).toEqual([403, "QUOTA_EXCEEDED"])
  })
})

describe("an invitation", () => {
  const inviteBob = async (bindings: Record<string, string> = {}) => {
    const shared = await sharedWorkspace({}, bindings)
    const { body } = await shared.as("alice", "POST", "/invitations", { email: "bob@example.com" })
    const accept = async (user: string) =>
      shared.worker.call("POST", "/invitations/accept", {
        token: await shared.worker.tokenOf(user),
        body: { token: body.token }
      })
    return { ...shared, invitation: body, accept }
  }

  it("is for its address alone, and for once", async () => {
    const { accept } = await inviteBob()
    expect((await accept("mallory@example.com")).status).toBe(403)
    expect((await accept("bob@example.com")).status).toBe(200)
    expect((await accept("bob@example.com")).status).toBe(404)
  })

  it("can be taken back, is replaced by a newer one, and ends", async () => {
    const { accept, as, invitation } = await inviteBob()
    expect((await as("alice", "GET", "/invitations")).body.invitations).toHaveLength(1)
    const newer = await as("alice", "POST", "/invitations", { email: "bob@example.com", role: "admin" })
    expect((await accept("bob@example.com")).status).toBe(404)
    expect((await as("alice", "DELETE", `/invitations/${invitation.invitationId}`)).status).toBe(404)
    expect((await as("alice", "DELETE", `/invitations/${newer.body.invitationId}`)).status).toBe(204)
    expect((await as("alice", "GET", "/invitations")).body.invitations).toEqual([])

    const brief = await inviteBob({ INVITATION_TTL_SECONDS: "1" })
    await eventually("the expiry", async () => {
      const { body } = await brief.as("alice", "GET", "/invitations")
      return body.invitations.length === 0 ? true : undefined
    })
    expect((await brief.accept("bob@example.com")).body.error.code).toBe("INVITATION_EXPIRED")
  })
})

describe("an invitation of somebody who may not invite any more", () => {
  /** alice owns; bob is an owner too, invites carol as an owner, and then something happens to bob. */
  const invitedByBob = async () => {
    const shared = await sharedWorkspace({ bob: "owner" }, { ADMIN_TOKEN: "operator" })
    const invite = async (role: string) =>
      (await shared.as("bob", "POST", "/invitations", { email: `${role}@example.com`, role })).body
    const invitations = { owner: await invite("owner"), member: await invite("member") }
    const accept = async (role: "owner" | "member") =>
      shared.worker.call("POST", "/invitations/accept", {
        token: await shared.worker.tokenOf(`${role}@example.com`),
        body: { token: invitations[role].token }
      })
    return { ...shared, accept, bob: await shared.idOf("bob") }
  }
  const openTo = async ({ as }: Awaited<ReturnType<typeof invitedByBob>>) =>
    (await as("alice", "GET", "/invitations")).body.invitations.map(({ email }) => email).toSorted()

  it("opens nothing once the inviter was removed, not even when invited back", async () => {
    const shared = await invitedByBob()
    expect((await shared.as("alice", "DELETE", `/members/${shared.bob}`)).status).toBe(204)
    const refused = await shared.accept("owner")
    expect([refused.status, refused.body.error.code]).toEqual([404, "INVITATION_NOT_FOUND"])
    expect((await shared.accept("member")).status).toBe(404)
    expect(await openTo(shared)).toEqual([])
    const back = await shared.as("alice", "POST", "/invitations", { email: "bob@example.com", role: "owner" })
    const accepted = await shared.worker.call("POST", "/invitations/accept", {
      token: await shared.worker.tokenOf("bob@example.com"),
      body: { token: back.body.token }
    })
    expect(accepted.status).toBe(200)
    expect((await shared.accept("owner")).status).toBe(404)
  })

  it("is worth no more than the role that is left after a demotion", async () => {
    const admin = await invitedByBob()
    expect((await admin.as("alice", "PATCH", `/members/${admin.bob}`, { role: "admin" })).status).toBe(204)
    expect(await openTo(admin)).toEqual(["member@example.com"])
    expect([(await admin.accept("owner")).status, (await admin.accept("member")).status]).toEqual([404, 200])

    const member = await invitedByBob()
    expect((await member.as("alice", "PATCH", `/members/${member.bob}`, { role: "member" })).status).toBe(204)
    expect((await member.as("alice", "PATCH", `/members/${member.bob}`, { role: "owner" })).status).toBe(204)
    expect([(await member.accept("owner")).status, (await member.accept("member")).status]).toEqual([
      404, 404
    ])
  })

  it("opens nothing once the inviter's account, or the workspace, was deleted", async () => {
    const gone = await invitedByBob()
    await gone.worker.call("DELETE", `/admin/users/${gone.bob}`, { token: "operator" })
    expect([(await gone.accept("owner")).status, (await gone.accept("member")).status]).toEqual([404, 404])
    const deleted = await invitedByBob()
    expect((await deleted.as("alice", "DELETE", "")).status).toBe(204)
    expect((await deleted.accept("owner")).status).toBe(404)
  })
})

describe("a user's default", () => {
  it("is the one that was set, one at a time, and the list says so", async () => {
    const worker = await startAuthWorker()
    const token = await worker.tokenOf("alice")
    for (const instanceId of ["first", "second"])
      await worker.call("POST", "/workspaces", { token, body: { instanceId } })
    const before = (await worker.internal("GET", "/workspaces")).headers.get("etag")
    expect((await worker.call("PUT", "/workspaces/second/default", { token })).status).toBe(204)
    const { body, headers } = await worker.internal("GET", "/workspaces")
    expect(body.workspaces.map((row) => [row.instanceId, row.isDefault])).toEqual([
      ["first", false],
      ["second", true]
    ])
    expect(headers.get("etag")).not.toBe(before)
    const unknown = await worker.call("PUT", "/workspaces/unknown/default", { token })
    expect(unknown.status).toBe(404)
  })
})

describe("an operator's change of the set", () => {
  it("is in the list and the feed, and the server hears of it", async () => {
    const server = await startHookServer()
    const worker = await startAuthWorker({
      ADMIN_TOKEN: "operator",
      MAX_INSTANCES_PER_USER: "1",
      SERVER_WEBHOOK_URL: server.url,
      WEBHOOK_SECRET: "secret"
    })
    await worker.tokenOf("alice")
    const create = (instanceId: string, token: string) =>
      worker.call("POST", "/admin/workspaces", { token, body: { userId: "alice", instanceId } })
    expect((await create("made-by-admin", "operator")).status).toBe(201)
    expect((await create("beyond-quota", "operator")).status).toBe(201)
    expect(
      (await worker.call("DELETE", "/admin/workspaces/made-by-admin", { token: "operator" })).status
    ).toBe(204)
    expect(
      (await worker.call("DELETE", "/admin/workspaces/made-by-admin", { token: "operator" })).status
    ).toBe(404)
    const listed = await worker.internal("GET", "/workspaces")
    expect(listed.body.workspaces.map((row) => row.instanceId)).toEqual(["beyond-quota"])
    await eventually("the deletion", () =>
      server.deliveries.find(
        (one) => one.body.event === "workspace.deleted" && one.body.instanceId === "made-by-admin"
      )
    )
    for (const token of ["wrong", "", await worker.tokenOf("alice"), "bypass-token-of-the-tests"]) {
      expect((await create("not-allowed", token)).status).toBe(403)
    }
    const unset = await startAuthWorker()
    expect((await unset.call("DELETE", "/admin/users/alice", { token: "undefined" })).status).toBe(403)
  })
})
