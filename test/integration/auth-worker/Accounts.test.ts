import { describe, expect, it } from "vitest"
import { type AuthWorker, eventually, startAuthWorker, startHookServer } from "./support.ts"

// One round keeps the tests fast; the default is the work of six.
const bindings = { PASSWORD_HASH_ROUNDS: "1", AUTH_RATE_PER_MINUTE: "1000" }

const signUp = (worker: AuthWorker, email: string, password = "correct horse battery") =>
  worker.call("POST", "/auth/signup", { body: { email, password } })

const logIn = (worker: AuthWorker, email: string, password = "correct horse battery") =>
  worker.call("POST", "/auth/login", { body: { email, password } })

const refresh = (worker: AuthWorker, refreshToken: string) =>
  worker.call("POST", "/auth/refresh", { body: { refreshToken } })

describe("signing up", () => {
  it("gives a user with a personal workspace that the server hears of, and tokens that work", async () => {
    const server = await startHookServer()
    const worker = await startAuthWorker({
      ...bindings,
      SERVER_WEBHOOK_URL: server.url,
      WEBHOOK_SECRET: "secret"
    })
    const answer = await signUp(worker, " Alice@Example.COM ")
    expect(answer.status).toBe(201)
    expect(answer.body.user.email).toBe("alice@example.com")
    expect(answer.body.workspace).toMatchObject({
      name: "Personal Workspace",
      role: "owner",
      isDefault: true
    })
    const mine = await worker.call("GET", "/workspaces", { token: answer.body.accessToken })
    expect(mine.body.workspaces).toEqual([answer.body.workspace])
    const account = await worker.call("GET", "/account", { token: answer.body.accessToken })
    expect(account.body).toEqual(answer.body.user)
    const delivery = await eventually("the nudge", () => server.deliveries[0])
    expect(delivery.body).toMatchObject({
      event: "workspace.created",
      instanceId: answer.body.workspace.instanceId,
      userId: answer.body.user.userId
    })
  })

  it("is once per address, also for two at the same moment", async () => {
    const worker = await startAuthWorker(bindings)
    const answers = await Promise.all(Array.from({ length: 3 }, () => signUp(worker, "alice@example.com")))
    expect(answers.map((answer) => answer.status).toSorted()).toEqual([201, 409, 409])
    expect((await worker.internal("GET", "/workspaces")).body.metadata.totalWorkspaces).toBe(1)
  })

  it("refuses short passwords and what is no address, and repeats neither", async () => {
    const worker = await startAuthWorker(bindings)
    const answer = await signUp(worker, "nobody", "short")
    expect(answer.status).toBe(400)
    expect(answer.body.error.message).toContain("email: expected an e-mail address")
    expect(answer.body.error.message).toContain("password: expected at least 8 characters")
    expect(answer.body.error.message).not.toMatch(/nobody|short/)
  })
})

describe("logging in", () => {
  it("takes the right password only, and tells nobody which accounts exist", async () => {
    const worker = await startAuthWorker(bindings)
    const { body } = await signUp(worker, "alice@example.com")
    const right = await logIn(worker, "ALICE@example.com")
    expect([right.status, right.body.user]).toEqual([200, body.user])
    const wrong = await logIn(worker, "alice@example.com", "wrong horse battery")
    const unknown = await logIn(worker, "bob@example.com")
    for (const refused of [wrong, unknown]) {
      expect([refused.status, refused.body.error.code]).toEqual([401, "INVALID_CREDENTIALS"])
    }
    expect(wrong.body.error.message).toBe(unknown.body.error.message)
  })

  it("with the right password always passes, whatever strangers have tried from the same address", async () => {
    const worker = await startAuthWorker({ ...bindings, AUTH_RATE_PER_MINUTE: "12" })
    await signUp(worker, "alice@example.com")
    await signUp(worker, "bob@example.com")
    const statuses = []
    for (let attempt = 0; attempt < 14; attempt++) {
      statuses.push((await logIn(worker, "alice@example.com", `guess number ${attempt}`)).status)
    }
    expect(statuses.slice(0, 10)).toEqual(Array.from({ length: 10 }, () => 401))
    expect(statuses.slice(10)).toEqual([429, 429, 429, 429])
    expect((await logIn(worker, "alice@example.com")).status).toBe(200)
    expect((await logIn(worker, "bob@example.com")).status).toBe(200)
    const wrong = await logIn(worker, "bob@example.com", "wrong")
    expect([wrong.status, Number(wrong.headers.get("retry-after")) > 0]).toEqual([429, true])
  })

  it("fails alike for accounts that exist and accounts that do not, the lock-out included", async () => {
    const worker = await startAuthWorker(bindings)
    await signUp(worker, "alice@example.com")
    const answersOf = async (email: string) => {
      const answers = []
      for (let attempt = 0; attempt < 12; attempt++) {
        const { body, status } = await logIn(worker, email, `guess number ${attempt}`)
        answers.push([status, body.error.code, body.error.message])
      }
      return answers
    }
    expect(await answersOf("nobody@example.com")).toEqual(await answersOf("alice@example.com"))
  })

  it("counts guesses that come at the same time, and strangers elsewhere count for nobody else", async () => {
    const worker = await startAuthWorker(bindings)
    await signUp(worker, "alice@example.com")
    const from = (address: string, password: string) =>
      worker.call("POST", "/auth/login", {
        body: { email: "alice@example.com", password },
        headers: { "cf-connecting-ip": address }
      })
    const guesses = await Promise.all(
      // All of one IPv6 subscriber.
      Array.from({ length: 30 }, (_, guess) => from(`2001:db8::${guess + 1}`, `guess number ${guess}`))
    )
    const refused = guesses.map(({ status }) => status)
    expect(refused.every((status) => status === 401 || status === 429)).toBe(true)
    expect(refused.filter((status) => status === 401).length).toBeLessThanOrEqual(10)
    expect((await from("2001:db8::ffff", "a guess more")).status).toBe(429)
    expect((await from("2001:db8:0:1::1", "a guess from elsewhere")).status).toBe(401)
    expect((await from("2001:db8::ffff", "correct horse battery")).status).toBe(200)
  })

  it("stores a password anew when more rounds are wanted", async () => {
    const worker = await startAuthWorker(bindings)
    await signUp(worker, "alice@example.com")
    await worker.stop()
    const stronger = await startAuthWorker(
      { ...bindings, PASSWORD_HASH_ROUNDS: "2" },
      { dataPath: worker.dataPath }
    )
    expect((await logIn(stronger, "alice@example.com")).status).toBe(200)
    expect((await logIn(stronger, "alice@example.com")).status).toBe(200)
    expect((await logIn(stronger, "alice@example.com", "wrong")).status).toBe(401)
  })
})

describe("a session", () => {
  it("goes on by refreshing, each time with a new token", async () => {
    const worker = await startAuthWorker(bindings)
    const { body: first } = await signUp(worker, "alice@example.com")
    const second = await refresh(worker, first.refreshToken)
    expect(second.status).toBe(200)
    expect(second.body.refreshToken).not.toBe(first.refreshToken)
    expect((await worker.call("GET", "/account", { token: second.body.accessToken })).status).toBe(200)
    expect((await refresh(worker, second.body.refreshToken)).status).toBe(200)
  })

  it("survives a lost answer: the same token again gives the same next one", async () => {
    const worker = await startAuthWorker(bindings)
    const { body: first } = await signUp(worker, "alice@example.com")
    const lost = await refresh(worker, first.refreshToken)
    const again = await refresh(worker, first.refreshToken)
    expect([again.status, again.body.refreshToken]).toEqual([200, lost.body.refreshToken])
    expect((await refresh(worker, again.body.refreshToken)).status).toBe(200)
  })

  it("ends for everybody when a token that was replaced long ago comes again: somebody stole it", async () => {
    const worker = await startAuthWorker(bindings)
    const { body: first } = await signUp(worker, "alice@example.com")
    const second = await refresh(worker, first.refreshToken)
    const third = await refresh(worker, second.body.refreshToken)
    expect((await refresh(worker, first.refreshToken)).status).toBe(401)
    expect((await refresh(worker, third.body.refreshToken)).status).toBe(401)
    expect((await logIn(worker, "alice@example.com")).status).toBe(200)
  })

  it("ends by logging out", async () => {
    const worker = await startAuthWorker(bindings)
    const { body } = await signUp(worker, "alice@example.com")
    expect(
      (await worker.call("POST", "/auth/logout", { body: { refreshToken: body.refreshToken } })).status
    ).toBe(204)
    expect((await refresh(worker, body.refreshToken)).status).toBe(401)
    for (const nonsense of ["", ".", "x.y", "no-dot"])
      expect((await refresh(worker, nonsense)).status).toBe(401)
  })

  it("ends when its refresh token expires, and an access token when it does", async () => {
    const worker = await startAuthWorker({
      ...bindings,
      // In whole seconds an access token of two lives longer than one: when it is over, so is the other.
      REFRESH_TOKEN_TTL_SECONDS: "1",
      ACCESS_TOKEN_TTL_SECONDS: "2"
    })
    const { body } = await signUp(worker, "alice@example.com")
    await eventually("the expiry of both", async () => {
      const account = await worker.call("GET", "/account", { token: body.accessToken })
      return account.status === 401 ? true : undefined
    })
    expect((await refresh(worker, body.refreshToken)).status).toBe(401)
  })
})

describe("deleting a user", () => {
  it("ends sessions, tokens and what nobody else is in, and tells the server of each", async () => {
    const server = await startHookServer()
    const worker = await startAuthWorker({
      ...bindings,
      SERVER_WEBHOOK_URL: server.url,
      WEBHOOK_SECRET: "secret"
    })
    const { body } = await signUp(worker, "alice@example.com")
    await worker.call("POST", "/workspaces", { token: body.accessToken, body: { instanceId: "second" } })
    expect((await worker.call("DELETE", "/account", { token: body.accessToken })).status).toBe(204)

    expect((await worker.call("GET", "/workspaces", { token: body.accessToken })).status).toBe(401)
    expect((await refresh(worker, body.refreshToken)).status).toBe(401)
    expect((await logIn(worker, "alice@example.com")).status).toBe(401)
    expect((await worker.internal("GET", "/workspaces")).body.workspaces).toEqual([])
    expect((await worker.internal("GET", `/users/${body.user.userId}/instances`)).status).toBe(404)
    const gone = [body.workspace.instanceId, "second"].toSorted()
    const told = await eventually("both deletions", () => {
      const ids = server.deliveries.flatMap((one) =>
        one.body.event === "workspace.deleted" ? [one.body.instanceId] : []
      )
      return ids.length === 2 ? ids.toSorted() : undefined
    })
    expect(told).toEqual(gone)
    expect((await signUp(worker, "alice@example.com")).status).toBe(201)
  })
})

it("no log holds a password, token or secret", async () => {
  const worker = await startAuthWorker({ ...bindings, ADMIN_TOKEN: "the-admin-token" })
  const { body } = await signUp(worker, "alice@example.com", "a-password-to-look-for")
  await logIn(worker, "alice@example.com", "another-password-to-look-for")
  await refresh(worker, body.refreshToken)
  await refresh(worker, body.refreshToken)
  await worker.call("GET", "/workspaces", { token: "a-wrong-token-to-look-for" })
  await worker.internal("GET", "/workspaces")
  await worker.call("DELETE", "/admin/workspaces/unknown", { token: "the-admin-token" })
  const log = worker.logs.join("\n")
  for (const secret of [
    "to-look-for",
    body.refreshToken,
    body.accessToken,
    "the-admin-token",
    "bypass-token"
  ]) {
    expect(log).not.toContain(secret)
  }
})
