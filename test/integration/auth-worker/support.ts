import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { mkdtemp, rm } from "node:fs/promises"
import { createServer, type IncomingHttpHeaders } from "node:http"
import { tmpdir } from "node:os"
import * as path from "node:path"
import { expect, onTestFinished } from "vitest"
import { makeAuthWorker } from "../../../src/dev/Workers.ts"
import { bypassToken, jwtSecret } from "./secrets.ts"

export { bypassToken, jwtSecret }

/** Matches a time as the contract writes it. */
export const anIsoTime: unknown = expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/)

/** A folder that goes with the test. */
export const temporaryFolder = async (): Promise<string> => {
  const folder = await mkdtemp(path.join(tmpdir(), "auth-worker-"))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}

/** Polls until the answer is not undefined; a bounded wait for a condition, never a sleep for luck. */
export const eventually = async <A>(
  what: string,
  check: () => A | undefined | Promise<A | undefined>,
  withinMs = 15_000
): Promise<A> => {
  const deadline = performance.now() + withinMs
  for (;;) {
    const found = await check()
    if (found !== undefined) return found
    if (performance.now() > deadline) throw new Error(`not within ${withinMs} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** What the API answers, as far as the tests look at it: each finds the fields that its request gives. */
export interface Body {
  readonly error: { readonly code: string; readonly message: string; readonly requestId: string }
  readonly workspaces: ReadonlyArray<Row>
  readonly instances: ReadonlyArray<Row>
  readonly metadata: {
    readonly revision: string
    readonly environmentId: string
    readonly lineage: string | null
    readonly nextCursor?: string
    readonly totalWorkspaces: number
    readonly totalUsers: number
    readonly features: ReadonlyArray<string>
  }
  readonly changes: ReadonlyArray<{
    readonly revision: string
    readonly kind: string
    readonly instanceId: string
  }>
  readonly revision: string
  readonly hasMore: boolean
  readonly instanceId: string
  readonly name: string
  readonly token: string
  readonly accessToken: string
  readonly userId: string
  readonly refreshToken: string
  readonly user: { readonly userId: string; readonly email: string }
  readonly workspace: Row
  readonly members: ReadonlyArray<{ readonly userId: string; readonly email: string; readonly role: string }>
  readonly invitations: ReadonlyArray<{ readonly invitationId: string; readonly email: string }>
  readonly invitationId: string
  readonly webhooks: ReadonlyArray<WebhookRow>
  readonly counts: Readonly<Record<string, number>>
  readonly pausedUntil: string | null
  readonly nextCursor?: string
  readonly retried: number
  readonly removed: ReadonlyArray<string>
}

interface WebhookRow {
  readonly webhookId: string
  readonly event: string
  readonly instanceId: string
  readonly status: string
  readonly attempts: number
  readonly lastStatus: number | null
  readonly lastError: string | null
}

interface Row {
  readonly instanceId: string
  readonly userId: string
  readonly name: string
  readonly role: string
  readonly isDefault: boolean
}

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly body: Body
}

/** The assertions that follow are what checks the shape. */
const parseBody: (text: string) => Body = JSON.parse
const parseEvent: (text: string) => Delivery["body"] = JSON.parse

/** The Auth Worker under test, in real workerd. */
export interface AuthWorker {
  readonly url: string
  readonly pid: number
  readonly dataPath: string
  readonly logs: ReadonlyArray<string>
  readonly call: (method: string, path: string, options?: CallOptions) => Promise<Answer>
  /** Asks with the server's token. */
  readonly internal: (method: string, path: string, headers?: Record<string, string>) => Promise<Answer>
  /** An access token of a user, who is made when there is none: of that id, or of that e-mail address. */
  readonly tokenOf: (user: string) => Promise<string>
  readonly stop: () => Promise<void>
}

export interface CallOptions {
  readonly token?: string
  readonly body?: unknown
  readonly headers?: Record<string, string>
}

export const startAuthWorker = async (
  bindings: Record<string, string> = {},
  at: { readonly dataPath?: string; readonly port?: number } = {}
): Promise<AuthWorker> => {
  const dataPath = at.dataPath ?? (await temporaryFolder())
  const logs: Array<string> = []
  const scope = await Effect.runPromise(Scope.make())
  const stop = () => Effect.runPromise(Scope.close(scope, Exit.void))
  onTestFinished(stop)
  const { pid, url } = await Effect.runPromise(
    makeAuthWorker({
      dataPath,
      port: at.port ?? 0,
      bindings: {
        JWT_SECRET: jwtSecret,
        SERVER_BYPASS_TOKEN: bypassToken,
        DEV_USERS_ENABLED: "true",
        ...bindings
      },
      onLog: (log) => logs.push(log.message)
    }).pipe(Scope.extend(scope))
  )
  const call = async (method: string, target: string, options: CallOptions = {}): Promise<Answer> => {
    const response = await fetch(url + target, {
      method,
      headers: {
        ...(options.body === undefined ? {} : { "content-type": "application/json" }),
        ...(options.token === undefined ? {} : { authorization: `Bearer ${options.token}` }),
        ...options.headers
      },
      ...(options.body === undefined
        ? {}
        : { body: typeof options.body === "string" ? options.body : JSON.stringify(options.body) })
    })
    const text = await response.text()
    return {
      status: response.status,
      headers: response.headers,
      body: parseBody(text === "" ? "null" : text)
    }
  }
  const tokenOf = async (user: string) => {
    const answer = await call("POST", "/dev/token", {
      body: user.includes("@") ? { email: user } : { userId: user }
    })
    return answer.body.token
  }
  const internal = (method: string, target: string, headers: Record<string, string> = {}) =>
    call(method, `/internal${target}`, { token: bypassToken, headers })
  return { url, pid: pid ?? 0, dataPath, logs, call, internal, tokenOf, stop }
}

export interface Delivery {
  readonly at: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  readonly body: {
    readonly event: string
    readonly instanceId: string
    readonly userId: string
    readonly timestamp: string
  }
}

export interface HookAnswer {
  readonly status: number
  readonly headers?: Record<string, string>
  /** Never answers: the connection stays open. */
  readonly hang?: boolean
}

/** A server that receives webhooks and answers as the test says; it can stop listening and come back on its port. */
export const startHookServer = async (
  answer: (delivery: Delivery) => HookAnswer = () => ({ status: 200 })
) => {
  const deliveries: Array<Delivery> = []
  let respond = answer
  const listener = createServer((request, response) => {
    let text = ""
    request.setEncoding("utf8").on("data", (chunk: string) => (text += chunk))
    request.on("end", () => {
      const delivery: Delivery = {
        at: performance.now(),
        headers: request.headers,
        text,
        body: parseEvent(text)
      }
      deliveries.push(delivery)
      const { hang, headers, status } = respond(delivery)
      if (hang !== true) response.writeHead(status, { ...headers, connection: "close" }).end("{}")
    })
  })
  const listen = (port: number) =>
    new Promise<number>((resolve, reject) => {
      listener.once("error", reject)
      listener.listen(port, "127.0.0.1", () => {
        const address = listener.address()
        resolve(typeof address === "object" && address !== null ? address.port : 0)
      })
    })
  const close = () =>
    new Promise<void>((resolve) => {
      listener.close(() => resolve())
      listener.closeAllConnections()
    })
  const port = await listen(0)
  onTestFinished(close)
  return {
    url: `http://127.0.0.1:${port}/webhooks/workspaces`,
    deliveries,
    answerWith: (next: typeof answer) => {
      respond = next
    },
    goDown: close,
    comeBack: () => listen(port)
  }
}
