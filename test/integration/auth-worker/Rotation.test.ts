import { expect, it } from "vitest"
import { eventually, jwtSecret, startAuthWorker, startHookServer, temporaryFolder } from "./support.ts"

const nextJwtSecret = "the-next-secret-of-the-tests-with-enough-characters"

/** The Auth Worker after a deployment: the same database, other secrets. */
const redeployed = (dataPath: string, bindings: Record<string, string>) =>
  startAuthWorker(bindings, { dataPath })

// docs/deployment.md, "Rotating a secret": these are its steps.

it("JWT_SECRET is replaced without logging anybody out", async () => {
  const dataPath = await temporaryFolder()
  const before = await redeployed(dataPath, { JWT_SECRET: jwtSecret })
  const signedUp = await before.call("POST", "/auth/signup", {
    body: { email: "ada@example.com", password: "correct horse battery" }
  })
  const { accessToken: oldToken, refreshToken } = signedUp.body
  await before.stop()

  const during = await redeployed(dataPath, { JWT_SECRET: `${nextJwtSecret},${jwtSecret}` })
  expect((await during.call("GET", "/account", { token: oldToken })).status).toBe(200)
  const refreshed = await during.call("POST", "/auth/refresh", { body: { refreshToken } })
  expect(refreshed.status).toBe(200)
  await during.stop()

  const after = await redeployed(dataPath, { JWT_SECRET: nextJwtSecret })
  expect((await after.call("GET", "/account", { token: refreshed.body.accessToken })).status).toBe(200)
  expect((await after.call("GET", "/account", { token: oldToken })).status).toBe(401)
  const again = await after.call("POST", "/auth/refresh", {
    body: { refreshToken: refreshed.body.refreshToken }
  })
  expect(again.status).toBe(200)
})

it("SERVER_BYPASS_TOKEN is replaced without a call refused: old and next both open while two are active", async () => {
  const worker = await startAuthWorker({ SERVER_BYPASS_TOKEN: "old-token,next-token" })
  const statuses = await Promise.all(
    ["old-token", "next-token", "old-token,next-token", "other-token"].map(async (token) => {
      return (await worker.call("GET", "/internal/workspaces", { token })).status
    })
  )
  expect(statuses).toEqual([200, 200, 403, 403])
})

it("WEBHOOK_SECRET is replaced without a webhook refused: the first is presented, and both sign", async () => {
  const server = await startHookServer()
  const worker = await startAuthWorker({
    SERVER_WEBHOOK_URL: server.url,
    WEBHOOK_SECRET: "next-secret,old-secret"
  })
  await worker.call("POST", "/workspaces", { token: await worker.tokenOf("ada"), body: {} })
  const delivery = await eventually("a webhook", () => server.deliveries[0])
  expect(delivery.headers["x-webhook-secret"]).toBe("next-secret")
  expect(String(delivery.headers["webhook-signature"]).split(" ")).toHaveLength(2)
})
