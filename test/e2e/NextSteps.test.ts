/** The step that a text offers is one that works in that situation: each situation is made, and its step taken. */
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { eventually } from "../support/Eventually.ts"
import { temporaryFolder } from "../support/Program.ts"
import { startServer, type RunningServer } from "../support/RunningServer.ts"
import { startSickAuthWorker, workspaceIds, type SickAuthWorker } from "../support/SickAuthWorker.ts"
import { runWso } from "../support/Wso.ts"

const ids = workspaceIds(10)
const [first = ""] = ids

let folder: Awaited<ReturnType<typeof temporaryFolder>>
let source: SickAuthWorker
let server: RunningServer

const wso = (...args: ReadonlyArray<string>) =>
  runWso(args, { WSO_URL: server.client.url, SERVER_BYPASS_TOKEN: source.token })

const isHealthy = async () => (await wso("status")).code === 0

/** The commands that a text offers, each as its arguments. */
const commandsOf = (text: string): ReadonlyArray<ReadonlyArray<string>> =>
  [
    ...text.matchAll(
      /\bwso (resume(?: [\w-]+)?|approve [0-9a-f]+|lockdown lift -r <reason>|circuits reset [\w-]+|reconcile(?: [\w-]+)?)/g
    )
  ].map(([, command = ""]) =>
    command
      .replace("<reason>", "mended")
      .split(" ")
      .filter((word) => word !== "or" && word !== "first")
  )

/** What a command prints as the step. */
const stepOf = async (...command: ReadonlyArray<string>): Promise<string> => {
  const { out } = await wso(...command)
  return out
    .split("\n")
    .filter((line) => /next( step)?:/i.test(line))
    .join("\n")
}

beforeEach(async () => {
  folder = await temporaryFolder()
  source = await startSickAuthWorker(ids)
  server = await startServer({
    AUTH_WORKER_INTERNAL_URL: source.url,
    SERVER_BYPASS_TOKEN: source.token,
    WEBHOOK_SECRET: "webhook-secret-of-the-test",
    STORE_DATA_PATH: folder.path,
    WORKSPACE_RECONCILE_INTERVAL_MS: "1000",
    MANUAL_RECONCILE_MIN_INTERVAL_MS: "0"
  })
  await eventually("all is well", isHealthy, 60_000, 200)
}, 120_000)

afterEach(async () => {
  await server[Symbol.asyncDispose]()
  await source[Symbol.asyncDispose]()
  await folder[Symbol.asyncDispose]()
})

interface Situation {
  readonly make: () => Promise<unknown>
  /** Where the step is read; the situation is there once this names its check or reason. */
  readonly view: ReadonlyArray<string>
  readonly named: string
  /** Mends what the step says has to be mended outside of this server. */
  readonly mend?: () => void
}

const situations: Readonly<Record<string, Situation>> = {
  "the loop is paused": {
    make: () => wso("suspend", "-r", "test"),
    view: ["status"],
    named: "pauses"
  },
  "one workspace is paused": {
    make: () => wso("suspend", first, "-r", "test"),
    view: ["explain", first],
    named: "paused"
  },
  "the server is locked down": {
    make: () => wso("lockdown", "-r", "test"),
    view: ["status"],
    named: "lockdown"
  },
  "a paused workspace under a lockdown": {
    make: async () => {
      await wso("suspend", first, "-r", "test")
      await wso("lockdown", "-r", "test")
    },
    view: ["explain", first],
    named: "paused"
  },
  "removals are held by the guard": {
    make: () => Promise.resolve(ids.slice(0, 5).forEach((id) => source.workspaces.delete(id))),
    view: ["status"],
    named: "removal-guard"
  },
  "the source does not answer": {
    make: () => Promise.resolve(source.fallIll("answers 500")),
    view: ["status"],
    named: "circuit-breakers",
    mend: () => source.recover()
  }
}

describe.each(Object.entries(situations))("%s", (_, { make, mend, named, view }) => {
  it("offers commands that are accepted, after which all is well", { timeout: 180_000 }, async () => {
    await make()
    const step = await eventually(
      "the step is offered",
      async () => {
        const { out } = await wso(...view)
        return out.includes(named) ? stepOf(...view) : undefined
      },
      60_000,
      200
    )
    const commands = commandsOf(step)
    expect(commands.length).toBeGreaterThan(0)
    mend?.()
    for (const command of commands) {
      const { code, err, out } = await wso(...command)
      expect([command, code, err || out]).toEqual([command, 0, expect.any(String)])
    }
    await eventually("all is well", isHealthy, 60_000, 200)
  })
})
