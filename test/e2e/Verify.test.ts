/** `wso verify` and `wso report daily` against the whole stack: real Workers, real stores. */
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { gunzipSync } from "node:zlib"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { eventually } from "../support/Eventually.ts"
import { temporaryFolder } from "../support/Program.ts"
import { type RunningStack, startStack } from "../support/RunningStack.ts"
import { beginWso, runWso } from "../support/Wso.ts"

interface Verified {
  readonly verified: boolean
  readonly findings: ReadonlyArray<{
    readonly check: string
    readonly result: string
    readonly detail: string
  }>
}
const parseVerified: (text: string) => Verified = JSON.parse
const parseSecrets: (text: string) => { readonly SERVER_BYPASS_TOKEN: string } = JSON.parse
const parseRecord: (text: string) => Readonly<Record<string, string>> = JSON.parse
const parseWorkspaces: (text: string) => {
  readonly workspaces: ReadonlyArray<{ readonly instanceId: string }>
} = JSON.parse

let folder: Awaited<ReturnType<typeof temporaryFolder>>
let stack: RunningStack
let env: Record<string, string>

/** The canaries that the Auth Worker still has. */
const canaries = async (): Promise<ReadonlyArray<string>> => {
  const response = await fetch(`${stack.authUrl}/workspaces`, {
    headers: { authorization: `Bearer ${env["WSO_CANARY_TOKEN"] ?? ""}` }
  })
  return parseWorkspaces(await response.text())
    .workspaces.map(({ instanceId }) => instanceId)
    .filter((id) => id.startsWith("canary-"))
}

beforeAll(async () => {
  folder = await temporaryFolder()
  // Each canary is a removal, which the guard counts: more than three in its window would be held.
  stack = await startStack(folder.path, { REMOVAL_GUARD_WINDOW_MS: "1000" })
  const secrets = parseSecrets(await readFile(join(folder.path, "dev-secrets.json"), "utf8"))
  env = {
    WSO_URL: stack.serverUrl,
    SERVER_BYPASS_TOKEN: secrets.SERVER_BYPASS_TOKEN,
    WSO_AUTH_WORKER_URL: stack.authUrl,
    WSO_CANARY_TOKEN: await readFile(join(folder.path, "dev-token"), "utf8")
  }
  await stack.auth.create("resident")
})
afterAll(async () => {
  await stack[Symbol.asyncDispose]()
  await folder[Symbol.asyncDispose]()
})

describe("wso verify", () => {
  it("sees a canary come and go, checks what must hold, and leaves nothing behind", async () => {
    const { code, err, out } = await runWso(["verify", "--canary", "--deep", "-o", "json"], env)
    const { findings, verified } = parseVerified(out)
    expect(findings.filter(({ result }) => result !== "ok")).toEqual([])
    expect([code, verified]).toEqual([0, true])
    expect(findings.map(({ check }) => check)).toEqual([
      "version",
      "ready",
      "source",
      "reconciliation",
      "counts",
      "server checks",
      "store-open-once",
      "desired-equals-observed",
      "figures-are-true",
      "state-database",
      "audit-chain",
      "stores-answer",
      "canary created",
      "canary monitored",
      "canary deleted",
      "canary stopped"
    ])
    expect(err.trim().split("\n")).toHaveLength(4)
    expect(await canaries()).toEqual([])
    expect(await stack.server.monitored()).toEqual(["resident"])
  })

  it("says no to another version than the one that is expected", async () => {
    const { code, out } = await runWso(["verify", "--expect-version", "99.0.0"], env)
    expect(code).toBe(1)
    expect(out).toMatch(/version +failed .*99\.0\.0 is expected/)
  })

  it("logs a canary user in who has a password", async () => {
    const login = { email: "canary@example.com", password: "correct horse battery" }
    await fetch(`${stack.authUrl}/auth/signup`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(login)
    })
    const { WSO_CANARY_TOKEN: _, ...rest } = env
    const password = { WSO_CANARY_EMAIL: login.email, WSO_CANARY_PASSWORD: login.password }
    const { code, err, out } = await runWso(["verify", "--canary"], { ...rest, ...password })
    expect([code, out]).toEqual([0, expect.stringMatching(/canary stopped +ok/)])
    expect(out + err).not.toContain(login.password)
  })

  it("deletes its canary when the server does not monitor it in time, and says why it does not", async () => {
    expect((await runWso(["suspend", "-r", "test"], env)).code).toBe(0)
    const { code, out } = await runWso(["verify", "--canary", "--timeout", "2s"], env)
    expect(code).toBe(1)
    expect(out).toMatch(/canary +failed +Not within 2s\. .*paused/)
    expect(await canaries()).toEqual([])
    expect((await runWso(["resume"], env)).code).toBe(0)
  })

  it("deletes its canary on Ctrl-C", async () => {
    expect((await runWso(["suspend", "-r", "test"], env)).code).toBe(0)
    const run = beginWso(["verify", "--canary", "--timeout", "5s"], env)
    await eventually("the canary is there", async () => (await canaries()).length === 1, 30_000)
    run.child.kill("SIGINT")
    expect((await run.ended).code).toBe(130)
    expect(await canaries()).toEqual([])
    expect((await runWso(["resume"], env)).code).toBe(0)
  })

  it("asks for a user when it has none", async () => {
    const { WSO_CANARY_TOKEN: _, ...rest } = env
    const { code, err } = await runWso(["verify", "--canary"], rest)
    expect([code, err]).toEqual([2, expect.stringContaining("WSO_CANARY_TOKEN")])
  })
})

describe("wso bundle", () => {
  it("is complete, and has none of the stack's secrets in it", async () => {
    const file = join(folder.path, "bundle.tgz")
    const { code, err } = await runWso(["bundle", "-o", file], env)
    expect([code, err]).toEqual([0, ""])
    // A tar's content is its files', byte for byte.
    const text = gunzipSync(await readFile(file)).toString("latin1")
    expect(text).toContain("report-daily.json")
    const secrets = parseRecord(await readFile(join(folder.path, "dev-secrets.json"), "utf8"))
    for (const [name, secret] of [...Object.entries(secrets), ["token", env["WSO_CANARY_TOKEN"] ?? "?"]]) {
      expect([name, text.includes(secret ?? "?")]).toEqual([name, false])
    }
  })
})

describe("wso report daily", () => {
  it("says how it stands as a table, as JSON and as Markdown, with the same exit code", async () => {
    await eventually("converged", async () => (await stack.server.health()).convergence.converged)
    const text = await runWso(["report", "daily"], env)
    const json = await runWso(["report", "daily", "--json"], env)
    const markdown = await runWso(["report", "daily", "--markdown"], env)
    expect(new Set([text.code, json.code, markdown.code]).size).toBe(1)
    expect(text.out).toMatch(/^(OK|WARN|FAIL): /)
    expect(text.out).toMatch(/^convergence +OK +\d of \d monitored, drift 0/m)
    expect(markdown.out).toMatch(/^\| convergence \| OK \| \d of \d monitored, drift 0 \|/m)
    expect(json.out).toContain('"check": "removal-guard"')
  })

  it("says with exit code 3 that no server answers", async () => {
    const { code } = await runWso(["report", "daily"], { ...env, WSO_URL: "http://127.0.0.1:9" })
    expect(code).toBe(3)
  })
})
