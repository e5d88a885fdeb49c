import { expect, it } from "vitest"
import {
  type AuthWorker,
  bypassToken,
  eventually,
  startAuthWorker,
  startHookServer,
  temporaryFolder
} from "./support.ts"

/** One client that creates and deletes until its Worker dies, remembering what was acknowledged. */
const load = async (
  worker: AuthWorker,
  token: string,
  round: number,
  expected: Map<string, "live" | "deleted" | "unknown">
) => {
  for (let count = 0; ; count++) {
    const instanceId = `ws-${round}-${count}`
    expected.set(instanceId, "unknown")
    const created = await worker
      .call("POST", "/workspaces", { token, body: { instanceId } })
      .catch(() => undefined)
    if (created?.status !== 201) return
    expected.set(instanceId, "live")
    if (count % 2 === 1) continue
    expected.set(instanceId, "unknown")
    const deleted = await worker.call("DELETE", `/workspaces/${instanceId}`, { token }).catch(() => undefined)
    if (deleted?.status !== 204) return
    expected.set(instanceId, "deleted")
  }
}

/** How often workerd is killed; CRASH_ROUNDS asks for more than the usual, and for figures. */
const rounds = Number(process.env["CRASH_ROUNDS"] ?? "4")

it("every acknowledged change and every owed webhook outlives kill -9 of workerd under load", async () => {
  const server = await startHookServer()
  const dataPath = await temporaryFolder()
  const bindings = {
    SERVER_WEBHOOK_URL: server.url,
    WEBHOOK_SECRET: "a-webhook-secret",
    WEBHOOK_BACKOFF_MS: "100",
    WEBHOOK_MAX_ATTEMPTS: "50",
    MAX_INSTANCES_PER_USER: "100000"
  }
  const expected = new Map<string, "live" | "deleted" | "unknown">()
  for (let round = 0; round < rounds; round++) {
    // A server that takes only every third webhook keeps the outbox busy at the moment of the kill.
    let asked = 0
    server.answerWith(() => ({ status: asked++ % 3 === 0 ? 200 : 503 }))
    const worker = await startAuthWorker(bindings, { dataPath })
    const token = await worker.tokenOf("alice")
    const running = load(worker, token, round, expected)
    await eventually("some acknowledged changes", () => (expected.size > 15 * (round + 1) ? true : undefined))
    process.kill(worker.pid, "SIGKILL")
    await running
    await worker.stop()
  }

  server.answerWith(() => ({ status: 200 }))
  const before = server.deliveries.length
  const worker = await startAuthWorker(bindings, { dataPath })
  // Nothing touches the object: its alarm alone brings it back to what it owes.
  await eventually("a delivery after the restart", () => server.deliveries[before])

  const { body } = await worker.call("GET", "/internal/workspaces", { token: bypassToken })
  const listed = body.workspaces.map((row) => row.instanceId)
  expect(new Set(listed).size).toBe(listed.length)
  for (const [instanceId, state] of expected) {
    if (state !== "unknown")
      expect([instanceId, listed.includes(instanceId)]).toEqual([instanceId, state === "live"])
  }
  const feed = await worker.call("GET", "/internal/workspaces/changes?since=0&limit=1000", {
    token: bypassToken
  })
  const { changes } = feed.body
  expect(changes.map((change) => change.revision)).toEqual(changes.map((_, index) => String(index + 1)))
  for (const kind of ["upsert", "delete"]) {
    // The default moves on deletion, which is an upsert of another workspace: only a deletion must be unique.
    const ids = changes.filter((change) => change.kind === kind).map((change) => change.instanceId)
    if (kind === "delete") expect(new Set(ids).size).toBe(ids.length)
  }
  // The last thing that happened to each workspace was said to the server, unless nothing is known to have happened.
  const last = new Map(changes.map((change) => [change.instanceId, change.kind]))
  await eventually("all that is owed", () => {
    const said = new Set(server.deliveries.map(({ body }) => `${body.event} ${body.instanceId}`))
    const missing = [...last].filter(
      ([id, kind]) => !said.has(`workspace.${kind === "delete" ? "deleted" : "created"} ${id}`)
    )
    return missing.length === 0 ? true : undefined
  })
  if (process.env["CRASH_ROUNDS"] !== undefined) {
    const acknowledged = [...expected.values()].filter((state) => state !== "unknown").length
    console.log(
      `${rounds} kills: ${acknowledged} workspaces' acknowledged states all there, ${changes.length} changes, ` +
        `${last.size} last changes all told in ${server.deliveries.length} deliveries`
    )
  }
})
