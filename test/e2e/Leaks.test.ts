/** What comes and goes leaves nothing: no descriptor, no store, no listener. */
import { expect, it } from "vitest"
import { eventually } from "../support/Eventually.ts"
import { descriptorsOf } from "../support/ProcessTable.ts"
import { temporaryFolder } from "../support/Program.ts"
import { startServer } from "../support/RunningServer.ts"
import { startStack } from "../support/RunningStack.ts"
import { startSickAuthWorker, workspaceIds } from "../support/SickAuthWorker.ts"

const CYCLES = 4
/** What the removal guard lets pass at once. */
const AT_ONCE = 3

it("holds as many descriptors after stores have come and gone as before", async () => {
  await using folder = await temporaryFolder()
  await using stack = await startStack(folder.path, { REMOVAL_GUARD_WINDOW_MS: "1000" })
  const { auth, program, server } = stack
  const monitored = (ids: ReadonlyArray<string>) =>
    eventually(
      `${ids.join(", ")} and no other are monitored`,
      async () => (await server.monitored()).join() === ids.join(),
      30_000
    )
  const descriptors = async () => (await descriptorsOf(program.pid)).length
  await auth.create("staying")
  await monitored(["staying"])
  const before = await descriptors()
  for (let cycle = 0; cycle < CYCLES; cycle++) {
    // An id is never used twice.
    const coming = workspaceIds(AT_ONCE, `coming-${cycle}`)
    for (const id of coming) await auth.create(id)
    await monitored([...coming, "staying"])
    for (const id of coming) await auth.delete(id)
    await monitored(["staying"])
  }
  const files = await descriptorsOf(program.pid)
  expect(files.filter((file) => file.includes("/stores/coming-"))).toEqual([])
  // The socket of a closed store lingers for up to half a minute; a kept-alive connection or two come and go.
  await eventually("as many as before", async () => (await descriptors()) <= before + 2, 60_000)
})

it("holds as many descriptors after a thousand webhooks and a sick source as before", async () => {
  await using source = await startSickAuthWorker(workspaceIds(5))
  await using folder = await temporaryFolder()
  await using server = await startServer({
    AUTH_WORKER_INTERNAL_URL: source.url,
    SERVER_BYPASS_TOKEN: source.token,
    WEBHOOK_SECRET: "webhook-secret-of-the-test",
    STORE_DATA_PATH: folder.path,
    WORKSPACE_RECONCILE_INTERVAL_MS: "200"
  })
  const { client, program } = server
  await eventually("all are monitored", async () => (await client.monitored()).length === 5)
  const before = (await descriptorsOf(program.pid)).length
  await Promise.all(workspaceIds(1_000).map((id) => client.webhook("workspace.created", id)))
  source.fallIll("breaks the connection")
  await eventually("it was sick", () => source.sickCalls() >= 10)
  source.recover()
  await eventually("healthy", async () => (await client.health()).status === "healthy")
  await eventually(
    "as many as before",
    async () => (await descriptorsOf(program.pid)).length <= before + 2,
    30_000
  )
})
