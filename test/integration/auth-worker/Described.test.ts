import * as HttpApi from "@effect/platform/HttpApi"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { expect, it } from "vitest"
import { Api } from "../../../src/auth-worker/Api.ts"
import { bypassToken, startAuthWorker, startHookServer } from "./support.ts"

interface Described {
  readonly line: string
  readonly pattern: RegExp
  /** The schema of each status's body; None where there is no body. */
  readonly answers: ReadonlyMap<number, Option.Option<Schema.Schema<unknown>>>
}

/** What Api.ts says of every operation; fixed paths before those with parameters, as the router has them. */
const described = (): ReadonlyArray<Described> => {
  const operations: Array<Described> = []
  HttpApi.reflect(Api, {
    onGroup: () => undefined,
    onEndpoint: ({ endpoint, errors, successes }) => {
      operations.push({
        line: `${endpoint.method} ${endpoint.path}`,
        pattern: new RegExp(`^${endpoint.method} ${endpoint.path.replaceAll(/:\w+/g, "[^/]+")}$`),
        answers: new Map(
          [...errors, ...successes].map(([status, { ast }]) => [
            status,
            Option.map(ast, (one) => Schema.make<unknown>(one))
          ])
        )
      })
    }
  })
  return operations.toSorted((a, b) => Number(a.line.includes(":")) - Number(b.line.includes(":")))
}

it("the Auth Worker answers what its document says, field by field, in every operation", async () => {
  const hooks = await startHookServer(() => ({ status: 500 }))
  const worker = await startAuthWorker({
    ADMIN_TOKEN: "operator",
    SERVER_WEBHOOK_URL: hooks.url,
    WEBHOOK_SECRET: "a-webhook-secret",
    WEBHOOK_MAX_ATTEMPTS: "1"
  })
  const operations = described()
  const answered = new Set<string>()

  /** Asks, and holds the answer against the description: no field missing, none beyond it, no status unheard of. */
  const ask = async (
    method: string,
    path: string,
    options: {
      readonly token?: string
      readonly body?: unknown
      readonly headers?: Record<string, string>
    } = {}
  ) => {
    const answer = await worker.call(method, path, options)
    const asked = `${method} ${path.split("?", 1)[0] ?? ""}`
    const operation = operations.find(({ pattern }) => pattern.test(asked))
    expect(operation, asked).toBeDefined()
    const schema = operation?.answers.get(answer.status)
    expect(schema, `${asked} answered ${answer.status}: ${JSON.stringify(answer.body)}`).toBeDefined()
    if (schema !== undefined && Option.isSome(schema) && answer.status !== 204 && answer.status !== 304) {
      const decoded = Schema.decodeUnknownEither(schema.value)(answer.body, { onExcessProperty: "error" })
      expect(
        Either.getOrElse(Either.flip(decoded), () => "as described"),
        asked
      ).toBe("as described")
    } else expect(answer.body, asked).toBeNull()
    if (answer.status < 400) answered.add(operation?.line ?? "")
    return answer
  }
  const server = { token: bypassToken }
  const operator = { token: "operator" }
  const credentials = { email: "ada@example.com", password: "correct horse battery" }

  await ask("GET", "/health")
  const signedUp = (await ask("POST", "/auth/signup", { body: credentials })).body
  await ask("POST", "/auth/signup", { body: credentials })
  await ask("POST", "/auth/signup", { body: "[" })
  await ask("POST", "/auth/login", { body: { ...credentials, password: "wrong" } })
  const { accessToken: token, refreshToken } = (await ask("POST", "/auth/login", { body: credentials })).body
  const refreshed = (await ask("POST", "/auth/refresh", { body: { refreshToken } })).body
  await ask("POST", "/auth/refresh", { body: { refreshToken: "none" } })
  await ask("GET", "/account", { token })
  await ask("GET", "/account")
  const ada = { token }
  const bob = { token: (await ask("POST", "/dev/token", { body: { email: "bob@example.com" } })).body.token }

  await ask("POST", "/workspaces", { ...ada, body: { instanceId: "team", name: "Team" } })
  await ask("POST", "/workspaces", { ...ada, body: { instanceId: "team" } })
  await ask("POST", "/workspaces", { ...bob, body: { instanceId: "team" } })
  await ask("GET", "/workspaces", ada)
  await ask("GET", "/workspaces/team", ada)
  await ask("GET", "/workspaces/team", bob)
  await ask("PATCH", "/workspaces/team", { ...ada, body: { name: "The team" } })
  await ask("PUT", "/workspaces/team/default", ada)

  const invite = { email: "bob@example.com", role: "admin" }
  const revoked = await ask("POST", "/workspaces/team/invitations", { ...ada, body: invite })
  await ask("DELETE", `/workspaces/team/invitations/${revoked.body.invitationId}`, ada)
  const invited = await ask("POST", "/workspaces/team/invitations", { ...ada, body: invite })
  await ask("GET", "/workspaces/team/invitations", ada)
  await ask("POST", "/invitations/accept", { ...bob, body: { token: invited.body.token } })
  const members = (await ask("GET", "/workspaces/team/members", ada)).body.members
  const bobsId = members.find(({ email }) => email === invite.email)?.userId ?? ""
  await ask("PATCH", `/workspaces/team/members/${bobsId}`, { ...ada, body: { role: "member" } })
  await ask("DELETE", `/workspaces/team/members/${signedUp.user.userId}`, ada)
  await ask("DELETE", `/workspaces/team/members/${bobsId}`, ada)

  await ask("POST", "/admin/workspaces", { ...operator, body: { userId: bobsId, instanceId: "given" } })
  await ask("POST", "/admin/workspaces", { ...operator, body: { userId: "nobody" } })
  await ask("DELETE", "/admin/workspaces/given", operator)
  await ask("DELETE", "/admin/workspaces/given", operator)
  await ask("DELETE", "/admin/workspaces/given", ada)
  await ask("DELETE", "/workspaces/team", ada)

  const page = await ask("GET", "/internal/workspaces?limit=1", server)
  await ask("GET", "/internal/workspaces", server)
  await ask("GET", "/internal/workspaces", {
    ...server,
    headers: { "if-none-match": page.headers.get("etag") ?? "" }
  })
  await ask("GET", "/internal/workspaces?limit=0", server)
  await ask("GET", "/internal/workspaces")
  await ask("GET", "/internal/workspaces/changes?since=0", server)
  await ask("GET", "/internal/workspaces/changes?since=99999", server)
  await ask("GET", `/internal/workspaces/${signedUp.workspace.instanceId}`, server)
  await ask("GET", "/internal/workspaces/none", server)
  await ask("GET", `/internal/users/${signedUp.user.userId}/instances`, server)
  await ask("GET", "/internal/users/nobody/instances", server)
  await ask("POST", "/auth/logout", { body: { refreshToken: refreshed.refreshToken } })
  await ask("DELETE", `/admin/users/${bobsId}`, operator)
  await ask("DELETE", "/account", ada)
  await ask("GET", "/account", ada)

  const owed = await ask("GET", "/internal/webhooks?status=all&limit=2", server)
  await ask("GET", "/internal/webhooks?status=none", server)
  await ask("POST", `/internal/webhooks/${owed.body.webhooks[0]?.webhookId ?? ""}/retry`, server)
  await ask("POST", "/internal/webhooks/none/retry", server)
  await ask("POST", "/internal/webhooks/retry", server)

  expect(operations.map(({ line }) => line).filter((line) => !answered.has(line))).toEqual([])
})
