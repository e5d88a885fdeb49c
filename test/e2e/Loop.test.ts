/** The server alone beside real Workers: what it repairs when webhooks, or it itself, are lost. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { join } from "node:path"
import { expect, it } from "vitest"
import { makeWorkers } from "../../src/dev/Workers.ts"
import { authClient } from "../support/AuthClient.ts"
import { eventually } from "../support/Eventually.ts"
import { freePort, temporaryFolder } from "../support/Program.ts"
import { startServer, type RunningServer } from "../support/RunningServer.ts"

const bypassToken = "bypass-token-of-the-loop-test"
const webhookSecret = "webhook-secret-of-the-loop-test"

/** Both Workers in real workerd, whose webhooks go where the test says. */
const startWorkers = async (dataPath: string, webhooks: { readonly SERVER_WEBHOOK_URL?: string }) => {
  const scope = await Effect.runPromise(Scope.make())
  const workers = await Effect.runPromise(
    makeWorkers({
      dataPath,
      bundlesPath: join(import.meta.dirname, "..", "..", "dist", "workers"),
      authPort: 0,
      syncPort: 0,
      bindings: { SERVER_BYPASS_TOKEN: bypassToken, JWT_SECRET: "jwt-secret-of-the-loop-test-0123456789" },
      authBindings: { DEV_USERS_ENABLED: "true", WEBHOOK_SECRET: webhookSecret, ...webhooks }
    }).pipe(Scope.extend(scope))
  )
  return { ...workers, [Symbol.asyncDispose]: () => Effect.runPromise(Scope.close(scope, Exit.void)) }
}

const environment = (workers: { readonly authUrl: string; readonly syncUrl: string }, dataPath: string) => ({
  AUTH_WORKER_INTERNAL_URL: workers.authUrl,
  LIVESTORE_SYNC_URL: workers.syncUrl,
  SERVER_BYPASS_TOKEN: bypassToken,
  WEBHOOK_SECRET: webhookSecret,
  STORE_DATA_PATH: dataPath,
  STORE_DRIVER: "livestore",
  WORKSPACE_RECONCILE_INTERVAL_MS: "500",
  REMOVAL_GUARD_WINDOW_MS: "1000"
})

const monitors = ({ client }: RunningServer, ids: ReadonlyArray<string>) =>
  eventually(`${ids.join(", ")} and no other are monitored`, async () => {
    return (await client.monitored()).join() === ids.join()
  })

it.each([
  ["none are sent", () => Promise.resolve({})],
  ["they go to a port where nobody listens", async () => webhookTo(await freePort())]
])("finds what was created and deleted by its own resync where webhooks are lost: %s", async (_, target) => {
  await using folder = await temporaryFolder()
  await using workers = await startWorkers(join(folder.path, "workers"), await target())
  await using server = await startServer(environment(workers, join(folder.path, "server")))
  const auth = await authClient(workers.authUrl)
  for (const id of ["first", "second", "third"]) await auth.create(id)
  await monitors(server, ["first", "second", "third"])
  await auth.delete("second")
  await monitors(server, ["first", "third"])
  expect(server.program.log.filter(({ msg }) => msg === "workspace_webhook.handled")).toEqual([])
})

const webhookTo = (port: number) => ({ SERVER_WEBHOOK_URL: `http://127.0.0.1:${port}/webhooks/workspaces` })

it("converges after a kill -9 of the server, on what has happened meanwhile", async () => {
  const port = await freePort()
  await using folder = await temporaryFolder()
  await using workers = await startWorkers(join(folder.path, "workers"), webhookTo(port))
  const auth = await authClient(workers.authUrl)
  const serverEnvironment = { ...environment(workers, join(folder.path, "server")), PORT: String(port) }
  {
    await using server = await startServer(serverEnvironment)
    for (const id of ["first", "second", "third"]) await auth.create(id)
    await monitors(server, ["first", "second", "third"])
    server.program.kill("SIGKILL")
    expect(await server.program.ended).toBe("SIGKILL")
  }
  await auth.delete("first")
  await auth.create("fourth")
  await using server = await startServer(serverEnvironment)
  await monitors(server, ["fourth", "second", "third"])
})
