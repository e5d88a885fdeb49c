/**
 * Examines any Auth Worker against the contract, section 1.
 *
 *   npm run conformance -- --url https://auth.example.com --token "$SERVER_BYPASS_TOKEN"
 *     [--json]                            the verdicts as JSON
 *     [--create <command> --delete <command>]
 *         also what only shows when the set changes: <command> is run by the shell; the first prints a new workspace's id on its
 *         last line, the second gets it as $INSTANCE_ID
 *
 * Exit code: 0 nothing violated, 1 something is, 64 wrong usage, 69 the Auth Worker does not answer.
 */
import * as Effect from "effect/Effect"
import { execFile } from "node:child_process"
import { parseArgs, promisify } from "node:util"
import * as AuthWorker from "./AuthWorker.ts"
import type { Driver } from "./drivenLines.ts"
import { examine } from "./examine.ts"
import { Violation } from "./Line.ts"
import { report } from "./report.ts"

const usage =
  "usage: conformance --url <url> --token <token> [--json] [--create <command> --delete <command>]"

const readArguments = () => {
  try {
    const { values } = parseArgs({
      options: {
        url: { type: "string" },
        token: { type: "string" },
        json: { type: "boolean", default: false },
        create: { type: "string" },
        delete: { type: "string" }
      }
    })
    const { create, delete: remove, json, token, url } = values
    if (url === undefined || token === undefined || !URL.canParse(url)) return undefined
    if ((create === undefined) !== (remove === undefined)) return undefined
    return {
      url,
      token,
      json,
      driver: create === undefined || remove === undefined ? undefined : shellDriver(create, remove)
    }
  } catch {
    return undefined
  }
}

/** How long one command may take, in milliseconds. */
const commandTimeoutMs = 60_000

const runCommand = (command: string, environment: Record<string, string>) =>
  Effect.tryPromise({
    try: () =>
      promisify(execFile)("sh", ["-c", command], {
        env: { ...process.env, ...environment },
        timeout: commandTimeoutMs
      }),
    catch: () => new Violation({ message: "the command that changes the set failed" })
  })

const shellDriver = (create: string, remove: string): Driver => ({
  create: Effect.flatMap(runCommand(create, {}), ({ stdout }) => {
    const id = stdout.trim().split("\n").at(-1)?.trim() ?? ""
    return id === "" ? new Violation({ message: "the --create command printed no id" }) : Effect.succeed(id)
  }),
  remove: (instanceId) => Effect.asVoid(runCommand(remove, { INSTANCE_ID: instanceId }))
})

const run = Effect.gen(function* () {
  const given = readArguments()
  if (given === undefined) {
    console.error(usage)
    return 64
  }
  const verdicts = yield* examine(given.driver).pipe(
    Effect.provideService(AuthWorker.AuthWorker, AuthWorker.make(given))
  )
  console.log(given.json ? JSON.stringify(verdicts, null, 2) : report(verdicts))
  return verdicts.some((verdict) => verdict.verdict === "violated") ? 1 : 0
}).pipe(
  Effect.catchAll((error) =>
    Effect.sync(() => {
      console.error(error.message)
      return 69
    })
  )
)

process.exitCode = await Effect.runPromise(run)
