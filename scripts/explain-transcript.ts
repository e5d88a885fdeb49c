/**
 * Brings about every reason for which a workspace may not be monitored, asks `wso explain` about it, and writes what it
 * printed into docs/runbook.md: `npm run docs:transcripts` after `npm run build`.
 */
import { execFile } from "node:child_process"
import { readFile, writeFile } from "node:fs/promises"
import { hostname, userInfo } from "node:os"
import { promisify } from "node:util"
import { eventually } from "../test/support/Eventually.ts"
import { temporaryFolder } from "../test/support/Program.ts"
import { startServer } from "../test/support/RunningServer.ts"
import { startSickAuthWorker } from "../test/support/SickAuthWorker.ts"

const RUNBOOK = "docs/runbook.md"
const BEGIN = "<!-- transcript:explain -->"
const END = "<!-- /transcript:explain -->"
const exec = promisify(execFile)

type Wso = (...words: ReadonlyArray<string>) => Promise<string>

/** What the command printed, whatever its exit code: explain's says whether the workspace is as it should be. */
const wsoAt =
  (url: string, token: string): Wso =>
  async (...words) => {
    const environment = { ...process.env, WSO_URL: url, SERVER_BYPASS_TOKEN: token, NO_COLOR: "1" }
    try {
      return (await exec(process.execPath, ["dist/wso.js", ...words], { env: environment })).stdout
    } catch (error) {
      if (error instanceof Error && "stdout" in error && typeof error.stdout === "string") return error.stdout
      throw error
    }
  }

const sections: Array<string> = []
const note = (title: string, command: string, printed: string) => {
  // Who has paused something is, by default, who runs wso and where; that is nobody's business here.
  const printedByAda = printed.replaceAll(`${userInfo().username}@${hostname()}`, "ada@ops")
  sections.push(`#### ${title}\n\n\`\`\`console\n$ ${command}\n${printedByAda.trimEnd()}\n\`\`\``)
}

/** A server over eight workspaces whose resync is quick, and which may be told more. */
const world = async (
  environment: Readonly<Record<string, string>>,
  body: (wso: Wso, source: Awaited<ReturnType<typeof startSickAuthWorker>>) => Promise<void>
) => {
  await using folder = await temporaryFolder()
  await using source = await startSickAuthWorker([
    "amber",
    "birch",
    "cedar",
    "delta",
    "ember",
    "flint",
    "grove",
    "hazel"
  ])
  await using server = await startServer({
    STORE_DATA_PATH: folder.path,
    AUTH_WORKER_INTERNAL_URL: source.url,
    SERVER_BYPASS_TOKEN: source.token,
    WORKSPACE_RECONCILE_INTERVAL_MS: "1000",
    ...environment
  })
  await body(wsoAt(server.client.url, source.token), source)
}

const explain = async (wso: Wso, title: string, id: string, reason: string) => {
  let printed = ""
  await eventually(`${id} is explained by: ${reason}`, async () => {
    printed = await wso("explain", id)
    return printed.includes(reason)
  })
  note(title, `wso explain ${id}`, printed)
}

await world({}, async (wso, source) => {
  await explain(wso, "All is well", "amber", "It is monitored")
  await wso("suspend", "birch", "--reason", "looking into ticket 4711", "--for", "1h")
  await explain(wso, "Paused", "birch", "paused")
  await wso("resume", "birch")
  await explain(wso, "Unknown id", "no-such-workspace", "Nobody has ever spoken")
  source.workspaces.delete("cedar")
  await explain(wso, "Not desired (any more)", "cedar", "not desired")
  for (const id of ["delta", "ember", "flint", "grove"]) source.workspaces.delete(id)
  await explain(wso, "Held by the removal guard", "delta", "removal guard")
  source.fallIll("answers 500")
  await explain(wso, "The source cannot be asked (breaker open)", "just-created", "circuit breaker is open")
})

await world({ WORKSPACE_REMOVAL_GRACE_MS: "600000" }, async (wso, source) => {
  await explain(wso, "All is well", "hazel", "It is monitored")
  sections.pop()
  source.workspaces.delete("hazel")
  await explain(wso, "In its grace period", "hazel", "grace period")
})

await world(
  { STORE_CONNECTION_TIMEOUT: "50", MEMORY_DRIVER_OPEN_MS: "5000", WORKSPACE_RECONCILE_INTERVAL_MS: "60000" },
  async (wso) => {
    await explain(wso, "In backoff: its store cannot be opened", "amber", "attempt")
  }
)

const runbook = await readFile(RUNBOOK, "utf8")
const [before, rest] = runbook.split(BEGIN)
const after = rest?.split(END)[1]
if (before === undefined || after === undefined) throw new Error(`${RUNBOOK} lacks ${BEGIN} or ${END}`)
await writeFile(RUNBOOK, `${before}${BEGIN}\n\n${sections.join("\n\n")}\n\n${END}${after}`)
console.log(`${sections.length} explanations written to ${RUNBOOK}`)
