import { describe, expect, it } from "vitest"
import { startAuthWorker } from "./support.ts"

describe("rate limits", () => {
  it("stop one user and one address, say for how long, and never touch the server", async () => {
    const worker = await startAuthWorker({
      API_RATE_PER_MINUTE: "5",
      AUTH_RATE_PER_MINUTE: "3",
      PASSWORD_HASH_ROUNDS: "1"
    })
    const [alice, bob] = [await worker.tokenOf("alice"), await worker.tokenOf("bob")]
    const list = async (token: string) => worker.call("GET", "/workspaces", { token })
    const answers = []
    for (let count = 0; count < 7; count++) answers.push(await list(alice))
    expect(answers.map((answer) => answer.status)).toEqual([200, 200, 200, 200, 200, 429, 429])
    expect(answers.at(-1)?.body.error.code).toBe("RATE_LIMITED")
    expect(Number(answers.at(-1)?.headers.get("retry-after"))).toBeGreaterThan(0)
    expect((await list(bob)).status).toBe(200)

    const guess = () =>
      worker.call("POST", "/auth/login", { body: { email: "a@example.com", password: "12345678" } })
    const guesses = [await guess(), await guess(), await guess(), await guess()]
    expect(guesses.map((answer) => answer.status)).toEqual([401, 401, 401, 429])

    const server = await Promise.all(Array.from({ length: 50 }, () => worker.internal("GET", "/workspaces")))
    expect(new Set(server.map((answer) => answer.status))).toEqual(new Set([200]))
  })
})

describe("pages of other origins", () => {
  const preflight = {
    "access-control-request-method": "POST",
    "access-control-request-headers": "authorization"
  }

  it("may call the API only from configured origins, and never what is internal", async () => {
    const app = "https://app.example.com"
    const worker = await startAuthWorker({ ALLOWED_ORIGINS: `${app}, http://localhost:5173` })
    const asked = (origin: string, path: string) =>
      worker.call("OPTIONS", path, { headers: { origin, ...preflight } })
    const allowed = await asked(app, "/workspaces")
    expect([allowed.status, allowed.headers.get("access-control-allow-origin")]).toEqual([204, app])
    expect(allowed.headers.get("access-control-allow-headers")).toContain("authorization")
    const plain = await worker.call("GET", "/workspaces", { headers: { origin: app } })
    expect([plain.status, plain.headers.get("access-control-allow-origin")]).toEqual([401, app])
    expect(plain.headers.get("vary")).toContain("Origin")

    for (const answer of [
      await asked("https://evil.example.com", "/workspaces"),
      await asked("null", "/workspaces"),
      await asked(app, "/internal/workspaces"),
      await asked(app, "/admin/workspaces"),
      await worker.call("GET", "/internal/workspaces", { headers: { origin: app } })
    ]) {
      expect(answer.headers.get("access-control-allow-origin")).toBeNull()
    }
  })

  it("may call nothing by default", async () => {
    const worker = await startAuthWorker()
    const answer = await worker.call("GET", "/health", { headers: { origin: "http://localhost:5173" } })
    expect([answer.status, answer.headers.get("access-control-allow-origin")]).toEqual([200, null])
  })
})
