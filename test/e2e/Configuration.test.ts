/** What stops a start: said once, wholly, with a code that a supervisor understands, and without a secret. */
import { describe, expect, it } from "vitest"
import { eventually } from "../support/Eventually.ts"
import { groupMembers } from "../support/ProcessTable.ts"
import { startProgram, takePort, temporaryFolder } from "../support/Program.ts"
import { startServer } from "../support/RunningServer.ts"

const EX_CONFIG = 78

const wrong = {
  PORT: "three thousand",
  WORKSPACE_RECONCILE_INTERVAL_MS: "5",
  STORE_DRIVER: "postgres",
  AUTH_WORKER_INTERNAL_URL: "ftp://user:hunter2@auth.example.com",
  STORE_IDS: "ok-one,../../etc",
  WEBHOOK_REQUIRE_SIGNATURE: "maybe",
  SERVER_BYPASS_TOKEN: "swordfish with spaces",
  WEBHOOK_SECRET: "whsec_not*base64",
  SENTRY_DSN: "opensesame"
}
const secretParts = ["swordfish", "not*base64", "opensesame", "hunter2"]

it.each(["server", "dev"] as const)(
  "%s ends with 78, naming every bad variable at once and no secret",
  async (name) => {
    await using folder = await temporaryFolder()
    await using program = startProgram(name, { STORE_DATA_PATH: folder.path, ...wrong })
    expect(await program.ended).toBe(EX_CONFIG)
    for (const variable of Object.keys(wrong)) expect(program.stderr()).toContain(variable)
    for (const part of secretParts) {
      expect(program.stderr() + JSON.stringify(program.log)).not.toContain(part)
    }
  }
)

it("the embedded stack names its own bad ports beside the server's", async () => {
  await using folder = await temporaryFolder()
  await using program = startProgram("dev", {
    STORE_DATA_PATH: folder.path,
    PORT: "x",
    AUTH_WORKER_PORT: "y",
    SYNC_WORKER_PORT: "z"
  })
  expect(await program.ended).toBe(EX_CONFIG)
  expect(program.stderr().match(/\b(PORT|AUTH_WORKER_PORT|SYNC_WORKER_PORT) got/g)).toEqual([
    "PORT got",
    "AUTH_WORKER_PORT got",
    "SYNC_WORKER_PORT got"
  ])
})

it.each([
  ["server", "PORT"],
  ["dev", "PORT"],
  ["dev", "AUTH_WORKER_PORT"],
  ["dev", "SYNC_WORKER_PORT"]
] as const)("%s ends with 1 and one clear line where %s is taken", async (name, variable) => {
  await using folder = await temporaryFolder()
  await using taken = await takePort()
  const ports = { PORT: "0", AUTH_WORKER_PORT: "0", SYNC_WORKER_PORT: "0" }
  await using program = startProgram(name, {
    STORE_DATA_PATH: folder.path,
    STORE_DRIVER: "memory",
    ...ports,
    [variable]: String(taken.port)
  })
  expect(await program.ended).toBe(1)
  const lines = program.stderr().trimEnd().split("\n")
  expect(lines).toHaveLength(1)
  expect(lines[0]).toContain(String(taken.port))
  expect(lines[0]).toContain(`set ${variable} `)
  expect(await groupMembers(program.pid)).toEqual([])
})

describe("a server whose reconciler is off", () => {
  const health = async (environment: Record<string, string>) => {
    await using folder = await temporaryFolder()
    await using server = await startServer({ STORE_DATA_PATH: folder.path, ...environment })
    const strict = await fetch(`${server.client.url}/health?strict=true`)
    const ready = await fetch(`${server.client.url}/health/ready`)
    return { strict: strict.status, ready: ready.status, log: server.program.log.map(({ msg }) => msg) }
  }

  it("is neither healthy nor ready for want of a credential, and says so at the start", async () => {
    const { log, ready, strict } = await health({ AUTH_WORKER_URL: "http://127.0.0.1:9" })
    expect({ strict, ready }).toEqual({ strict: 503, ready: 503 })
    expect(log).toContain("configuration.suspicious")
  })

  it("is healthy where its switch is off, or only STORE_IDS are to be monitored", async () => {
    const off = { AUTH_WORKER_URL: "http://127.0.0.1:9", WORKSPACE_RECONCILE_ENABLED: "false" }
    for (const environment of [off, { STORE_IDS: "legacy-one" }]) {
      await eventually("healthy and ready", async () => {
        const { ready, strict } = await health(environment)
        return ready === 200 && strict === 200
      })
    }
  })
})
