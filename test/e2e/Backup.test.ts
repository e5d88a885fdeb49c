/** A backup of a running server, put back with the command line when the world has moved on: it converges, and harms nothing. */
import { readdirSync } from "node:fs"
import { expect, it } from "vitest"
import { eventually } from "../support/Eventually.ts"
import { temporaryFolder } from "../support/Program.ts"
import { startServer } from "../support/RunningServer.ts"
import { startSickAuthWorker, workspaceIds } from "../support/SickAuthWorker.ts"
import { runWso } from "../support/Wso.ts"

const parseBackup: (text: string) => { readonly id: string } = JSON.parse

it("starts from an older state without harm: what came is added, what went is held by the guard", async () => {
  const ids = workspaceIds(20)
  await using folder = await temporaryFolder()
  await using source = await startSickAuthWorker(ids)
  const environment = {
    AUTH_WORKER_INTERNAL_URL: source.url,
    SERVER_BYPASS_TOKEN: source.token,
    STORE_DATA_PATH: folder.path,
    WORKSPACE_RECONCILE_INTERVAL_MS: "1000"
  }
  let id = ""
  const gone = ids.slice(0, 12)
  const left = ids.slice(12)
  {
    await using server = await startServer(environment)
    const { client, program } = server
    const operator = { WSO_URL: client.url, SERVER_BYPASS_TOKEN: source.token }
    await eventually("all are monitored", async () => (await client.monitored()).length === 20)
    const made = await runWso(["backup", "create", "-o", "json"], operator)
    expect([made.code, made.err]).toEqual([0, ""])
    id = parseBackup(made.out).id
    const verified = await runWso(["backup", "verify", id], operator)
    expect(verified.out).toMatch(/^Intact: schema \d+; workspaces 20, /)

    const refused = await runWso(["backup", "restore", id, "--data-path", folder.path], {})
    expect([refused.code, refused.out]).toEqual([5, ""])
    expect(refused.err).toContain("A server runs on")

    // The world moves on: most are deleted, which somebody approves, and others come.
    for (const gonely of gone) source.workspaces.delete(gonely)
    for (const other of ["new-a", "new-b"]) source.workspaces.add(other)
    await eventually("the guard holds what went", async () => (await client.health()).removalGuard.tripped)
    const plan = /wso approve ([0-9a-f]+)/.exec((await runWso(["diff"], operator)).out)?.[1] ?? ""
    expect((await runWso(["approve", plan], operator)).code).toBe(0)
    await eventually("they are stopped", async () => (await client.monitored()).length === left.length + 2)
    program.kill("SIGTERM")
    expect(await program.ended).toBe(0)
  }

  const restored = await runWso(["backup", "restore", id], { STORE_DATA_PATH: folder.path })
  expect([restored.code, restored.err]).toEqual([0, ""])
  expect(restored.out).toContain(`${id} is the state of`)
  expect(readdirSync(folder.path).some((name) => name.startsWith("state.sqlite.replaced-"))).toBe(true)

  await using again = await startServer(environment)
  const { client } = again
  await eventually("what is there is monitored", async () => {
    const monitored = new Set(await client.monitored())
    return ["new-a", "new-b", ...left].every((one) => monitored.has(one))
  })
  // The approval of before is not in the older state: the same removals pass the guard once more, or not.
  await eventually(
    "the guard holds what went, again",
    async () => (await client.health()).removalGuard.tripped
  )
  expect(new Set(await client.monitored())).toEqual(new Set([...ids, "new-a", "new-b"]))
  expect((await client.health()).orchestrator.totalDeprovisioned).toBe(0)

  const operator = { WSO_URL: client.url, SERVER_BYPASS_TOKEN: source.token }
  const plan = /wso approve ([0-9a-f]+)/.exec((await runWso(["diff"], operator)).out)?.[1] ?? ""
  expect((await runWso(["approve", plan], operator)).code).toBe(0)
  await eventually("it converges", async () => {
    const { convergence } = await client.health()
    return convergence.converged && convergence.monitoredCount === left.length + 2
  })
  const audit = await runWso(["audit", "--action", "backup.restored"], operator)
  expect(audit.out).toContain(id)
  expect((await runWso(["audit", "verify"], operator)).code).toBe(0)
})
