import * as Effect from "effect/Effect"
import { spawn } from "node:child_process"
import { createServer, type IncomingMessage } from "node:http"
import { describe, expect, it, onTestFinished } from "vitest"
import * as Examined from "../../../spec/auth-worker-conformance/AuthWorker.ts"
import type { Driver } from "../../../spec/auth-worker-conformance/drivenLines.ts"
import { examine } from "../../../spec/auth-worker-conformance/examine.ts"
import { type Verdict, Violation } from "../../../spec/auth-worker-conformance/Line.ts"
import { report } from "../../../spec/auth-worker-conformance/report.ts"
import { type AuthWorker, bypassToken, startAuthWorker } from "./support.ts"

const examineAt = (url: string, driver?: Driver) =>
  Effect.runPromise(
    examine(driver).pipe(
      Effect.provideService(Examined.AuthWorker, Examined.make({ url, token: bypassToken }))
    )
  )

const idsOf = (verdicts: ReadonlyArray<Verdict>, verdict: Verdict["verdict"]) =>
  verdicts.filter((one) => one.verdict === verdict).map((one) => one.id)

/** Our Auth Worker with a history: two users, a shared past, one workspace deleted. */
const ours = async () => {
  const worker = await startAuthWorker({ MAX_INSTANCES_PER_USER: "1000" })
  for (const [user, count] of [
    ["alice", 4],
    ["bob", 3]
  ] as const) {
    const token = await worker.tokenOf(user)
    for (let index = 0; index < count; index++) {
      await worker.call("POST", "/workspaces", { token, body: { instanceId: `${user}-${index}` } })
    }
    await worker.call("DELETE", `/workspaces/${user}-1`, { token })
  }
  return worker
}

const driverOf = async (worker: AuthWorker): Promise<Driver> => {
  const token = await worker.tokenOf("driver")
  const failed = () => new Violation({ message: "the driver failed" })
  return {
    create: Effect.tryPromise({
      try: async () => (await worker.call("POST", "/workspaces", { token, body: {} })).body.instanceId,
      catch: failed
    }),
    remove: (id) =>
      Effect.tryPromise({ try: () => worker.call("DELETE", `/workspaces/${id}`, { token }), catch: failed })
  }
}

interface Json {
  workspaces?: Array<Record<string, unknown>>
  changes?: Array<Record<string, unknown>>
  instances?: Array<unknown>
  metadata?: Record<string, unknown>
  error?: Record<string, unknown>
  instanceId?: string
}

interface Passing {
  readonly url: URL
  readonly status: number
  readonly body: Json
}

/** A fault between our Auth Worker and the suite: what is asked differently, and what is answered differently. */
interface Fault {
  readonly asked?: (
    request: IncomingMessage,
    url: URL
  ) => { readonly path?: string; readonly headers?: Record<string, string> }
  readonly answered?: (passing: Passing) => { readonly status?: number; readonly body?: unknown } | undefined
}

const parseJson: (text: string) => Json = JSON.parse

const headerOf = (request: IncomingMessage, name: string): Record<string, string> => {
  const value = request.headers[name]
  return typeof value === "string" ? { [name]: value } : {}
}

/** Our Auth Worker seen through a fault. */
const through = async (worker: AuthWorker, fault: Fault) => {
  const answer = async (request: IncomingMessage) => {
    const url = new URL(request.url ?? "/", worker.url)
    const changed = fault.asked?.(request, url) ?? {}
    const answered = await fetch(new URL(changed.path ?? url, worker.url), {
      headers: {
        ...headerOf(request, "authorization"),
        ...headerOf(request, "if-none-match"),
        ...changed.headers
      }
    })
    const text = await answered.text()
    const altered =
      text === "" ? undefined : fault.answered?.({ url, status: answered.status, body: parseJson(text) })
    return {
      status: altered?.status ?? answered.status,
      etag: answered.headers.get("etag"),
      text: altered?.body === undefined ? text : JSON.stringify(altered.body)
    }
  }
  const listener = createServer((request, response) => {
    void answer(request).then(({ etag, status, text }) => {
      response.writeHead(status, etag === null ? {} : { etag }).end(text)
    })
  })
  const port = await new Promise<number>((resolve) => {
    listener.listen(0, "127.0.0.1", () => {
      const address = listener.address()
      resolve(typeof address === "object" && address !== null ? address.port : 0)
    })
  })
  onTestFinished(() => void listener.close())
  return `http://127.0.0.1:${port}`
}

const isList = (url: URL) => url.pathname === "/internal/workspaces"
const isChanges = (url: URL) => url.pathname.endsWith("/changes")

describe("the conformance suite", () => {
  it("finds that our Auth Worker holds every line, also when the set changes", async () => {
    const worker = await ours()
    const verdicts = await examineAt(worker.url, await driverOf(worker))
    expect(report(verdicts.filter((one) => one.verdict === "violated"))).toContain("0 violated")
    // The one thing that a young environment cannot show is a revision that is too old.
    expect(idsOf(verdicts, "absent")).toEqual(["changes.gone"])
    expect(idsOf(verdicts, "holds")).toHaveLength(verdicts.length - 1)
  })

  it("finds the plain list of a minimal Auth Worker enough, and the rest absent", async () => {
    const minimal = createServer((request, response) => {
      const { pathname } = new URL(request.url ?? "/", "http://minimal")
      if (request.headers.authorization !== `Bearer ${bypassToken}`) response.writeHead(403).end("{}")
      else if (pathname !== "/internal/workspaces") response.writeHead(404).end("{}")
      else response.end(JSON.stringify({ workspaces: [{ instanceId: "one" }, { instanceId: "two" }] }))
    })
    const port = await new Promise<number>((resolve) => {
      minimal.listen(0, "127.0.0.1", () => {
        const address = minimal.address()
        resolve(typeof address === "object" && address !== null ? address.port : 0)
      })
    })
    onTestFinished(() => void minimal.close())
    const verdicts = await examineAt(`http://127.0.0.1:${port}`)
    expect(idsOf(verdicts, "violated")).toEqual([])
    expect(idsOf(verdicts, "holds")).toEqual(["list.shape", "list.token", "list.memberships", "list.stable"])
  })

  const faults: Readonly<Record<string, Fault>> = {
    "list.shape": {
      answered: ({ body }) => ({
        body: {
          ...body,
          workspaces: body.workspaces?.map(({ instanceId, ...row }) => ({ ...row, id: instanceId }))
        }
      })
    },
    "list.token": { asked: () => ({ headers: { authorization: `Bearer ${bypassToken}` } }) },
    "list.memberships": {
      answered: ({ body, url }) =>
        isList(url)
          ? { body: { ...body, workspaces: [...(body.workspaces ?? []), body.workspaces?.[0]] } }
          : undefined
    },
    "list.totals": {
      answered: ({ body, url }) =>
        isList(url) ? { body: { ...body, metadata: { ...body.metadata, totalWorkspaces: 99 } } } : undefined
    },
    "revision.metadata": {
      answered: ({ body, url }) =>
        isList(url)
          ? { body: { ...body, metadata: { ...body.metadata, environmentId: undefined } } }
          : undefined
    },
    "revision.etag": { asked: () => ({ headers: { "if-none-match": '"another"' } }) },
    "pages.complete": {
      answered: ({ body, url }) =>
        url.searchParams.has("limit")
          ? { body: { ...body, metadata: { ...body.metadata, nextCursor: undefined } } }
          : undefined
    },
    "pages.revision": {
      answered: ({ body, url }) =>
        url.searchParams.has("cursor")
          ? { body: { ...body, metadata: { ...body.metadata, revision: "1" } } }
          : undefined
    },
    "pages.limits": {
      answered: ({ url }) => (url.searchParams.get("limit") === "1000" ? { status: 400 } : undefined)
    },
    "changes.none": {
      asked: (_, url) => (isChanges(url) ? { path: "/internal/workspaces/changes?since=0" } : {})
    },
    "changes.order": {
      answered: ({ body, url }) =>
        isChanges(url) ? { body: { ...body, changes: body.changes?.toReversed() } } : undefined
    },
    "changes.fold": {
      answered: ({ body, url }) =>
        isChanges(url)
          ? { body: { ...body, changes: body.changes?.filter((change) => change["kind"] !== "delete") } }
          : undefined
    },
    "changes.gone": { answered: ({ url }) => (isChanges(url) ? { status: 410, body: "gone" } : undefined) },
    "get.found": {
      answered: ({ body }) =>
        "instanceId" in body ? { body: { ...body, instanceId: "another" } } : undefined
    },
    "get.missing": { answered: ({ status }) => (status === 404 ? { status: 200, body: null } : undefined) },
    "instances.found": {
      answered: ({ body }) => ("instances" in body ? { body: { ...body, instances: [] } } : undefined)
    },
    "instances.missing": {
      answered: ({ status, url }) =>
        status === 404 && url.pathname.endsWith("/instances") ? { status: 200 } : undefined
    }
  }

  it("finds each fault, and shows the exchange without the token", async () => {
    const worker = await ours()
    for (const [line, fault] of Object.entries(faults)) {
      const verdicts = await examineAt(await through(worker, fault))
      expect([line, idsOf(verdicts, "violated")]).toEqual([line, expect.arrayContaining([line])])
      const text = report(verdicts)
      expect(text).toContain("< ")
      expect(text).not.toContain(bypassToken)
    }
  })

  it("runs from the command line, with commands that change the set, and says by its exit code what it found", async () => {
    const worker = await ours()
    const token = await worker.tokenOf("driver")
    const cli = (...more: ReadonlyArray<string>) =>
      new Promise<{ readonly code: number | null; readonly output: string }>((resolve) => {
        const child = spawn(process.execPath, [
          "--import",
          "tsx",
          "spec/auth-worker-conformance/main.ts",
          ...more
        ])
        let output = ""
        child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text))
        child.once("close", (code) => resolve({ code, output }))
      })
    const script = (method: string, path: string) =>
      `node -e 'fetch("${worker.url}${path}", { method: "${method}", headers: { authorization: "Bearer ${token}", "content-type": "application/json" }, ...("${method}" === "POST" ? { body: "{}" } : {}) }).then(async (answer) => console.log(answer.status === 201 ? (await answer.json()).instanceId : answer.status))'`
    const driven = await cli(
      ...["--url", worker.url, "--token", bypassToken],
      ...[
        "--create",
        script("POST", "/workspaces"),
        "--delete",
        script("DELETE", "/workspaces/'\"$INSTANCE_ID\"'")
      ]
    )
    expect(driven.output).toContain("0 violated")
    expect(driven.output).toMatch(/holds +driven\.changes/)
    expect(driven.code).toBe(0)
    expect((await cli("--url", worker.url, "--token", "wrong")).code).toBe(1)
    expect((await cli("--url", worker.url)).code).toBe(64)
    expect((await cli("--url", "http://127.0.0.1:1", "--token", "x")).code).toBe(69)
  })
})
