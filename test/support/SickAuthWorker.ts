/**
 * An Auth Worker as existing deployments run it (wire contract, section 1: the plain list and nothing else), which falls
 * ill when a test says so and counts what it is asked.
 */
import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http"

type Answer = (response: ServerResponse, list: string) => void

const send =
  (body: string, status = 200, type = "application/json"): Answer =>
  (response) => {
    response.writeHead(status, { "content-type": type }).end(body)
  }

const edited =
  (edit: (list: string) => string): Answer =>
  (response, list) => {
    send(edit(list))(response, list)
  }

/** What a sick source has been seen to answer. */
/** What a server proves itself with where a test does not say otherwise. */
export const TEST_TOKEN = "bypass-token-of-the-test"

export const sicknesses = {
  "answers 500": send("Internal Server Error", 500, "text/plain"),
  "answers 403": send('{"error":"Forbidden"}', 403),
  "answers HTML": send("<!doctype html><title>Just a moment…</title>", 200, "text/html"),
  "answers null": send("null"),
  "answers []": send("[]"),
  "answers {}": send("{}"),
  "answers nothing": send(""),
  "answers an empty list": send('{"workspaces":[]}'),
  "answers an empty list that says so": send(
    '{"workspaces":[],"metadata":{"totalUsers":0,"totalWorkspaces":0}}'
  ),
  "has lost half of its rows": edited((list) => {
    const rows = list.split("\n")
    return [...rows.slice(0, rows.length / 2), rows.at(-1)].join("\n").replace(/,\n\]/, "\n]")
  }),
  "cuts its answer short": edited((list) => list.slice(0, list.length / 2)),
  "has one malformed row": edited((list) => list.replace(/"instanceId":"[^"]*"/, '"instanceId":42')),
  "has renamed a field": edited((list) => list.replaceAll('"instanceId"', '"workspaceId"')),
  "has renamed the list": edited((list) => list.replace('"workspaces"', '"instances"')),
  "breaks the connection": (response) => response.socket?.destroy(),
  hangs: () => undefined
} satisfies Record<string, Answer>

export type Sickness = keyof typeof sicknesses

export interface SickAuthWorker extends AsyncDisposable {
  readonly url: string
  readonly token: string
  /** The workspaces that exist. */
  readonly workspaces: Set<string>
  /** How often the list was asked for. */
  readonly calls: () => number
  /** The headers of the newest of these requests. */
  readonly newestHeaders: () => IncomingHttpHeaders
  /** How often since it fell ill. */
  readonly sickCalls: () => number
  readonly fallIll: (sickness: Sickness) => void
  readonly recover: () => void
}

/** One row a line, which makes it easy to spoil. */
const listOf = (workspaces: ReadonlySet<string>): string => {
  const rows = [...workspaces].map((instanceId) =>
    JSON.stringify({ instanceId, userId: "user-1", name: "W" })
  )
  return `{"workspaces":[\n${rows.join(",\n")}\n]}`
}

export const startSickAuthWorker = async (
  workspaces: Iterable<string> = [],
  token = TEST_TOKEN
): Promise<SickAuthWorker> => {
  const existing = new Set(workspaces)
  let answer: Answer | undefined
  let calls = 0
  let sickCalls = 0
  let headers: IncomingHttpHeaders = {}
  const server = createServer((request, response) => {
    if (request.url !== "/internal/workspaces") return send('{"error":"Not found"}', 404)(response, "")
    calls++
    headers = request.headers
    if (request.headers.authorization !== `Bearer ${token}`) return send("{}", 403)(response, "")
    if (answer === undefined) return send(listOf(existing))(response, "")
    sickCalls++
    answer(response, listOf(existing))
  })
  const port = await new Promise<number>((resolve) => {
    server.listen({ host: "127.0.0.1", port: 0 }, () => {
      const address = server.address()
      resolve(typeof address === "object" && address !== null ? address.port : 0)
    })
  })
  return {
    url: `http://127.0.0.1:${port}`,
    token,
    workspaces: existing,
    calls: () => calls,
    newestHeaders: () => headers,
    sickCalls: () => sickCalls,
    fallIll: (sickness) => {
      sickCalls = 0
      answer = sicknesses[sickness]
    },
    // A request that hangs goes on hanging, as it would.
    recover: () => {
      answer = undefined
    },
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      })
  }
}

/** `count` ids that a directory could have. */
export const workspaceIds = (count: number, prefix = "workspace"): ReadonlyArray<string> =>
  Array.from({ length: count }, (_, index) => `${prefix}-${String(index).padStart(5, "0")}`)
