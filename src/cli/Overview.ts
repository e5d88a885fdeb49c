/**
 * What `wso` alone, or with --help, prints. @effect/cli would put every option of every command on its line.
 */
import { DEFAULT_URL } from "./Environment.ts"
import { exitCodes } from "./ExitCode.ts"
import { summaries } from "./summaries.ts"

const column = (rows: ReadonlyArray<readonly [string, string]>): string => {
  const longest = Math.max(...rows.map(([left]) => left.length))
  return rows.map(([left, right]) => `  ${left.padEnd(longest)}  ${right}`).join("\n")
}

const places: Readonly<Record<string, string>> = {
  describe: "<id>",
  explain: "<id>",
  reconcile: "[<id>]",
  suspend: "[<id>] -r <reason>",
  resume: "[<id>]",
  approve: "<hash>",
  lockdown: "-r <reason>",
  completions: "<shell>"
}

export const overview = (version: string): string =>
  `wso ${version}: look at a workspace-orchestrator, and steer it.

Usage: wso <command> [options]

${column(Object.entries(summaries).map(([name, summary]) => [`${name} ${places[name] ?? ""}`.trimEnd(), summary]))}

Options of every command:
${column([
  ["--url <url>", `where the server is; else WSO_URL; else ${DEFAULT_URL}`],
  [
    "--token <token>",
    "the admin token; better in SERVER_BYPASS_TOKEN, where others on this machine cannot see it"
  ],
  ["-o, --output table|wide|json", "how to print the answer"],
  ["-h, --help", "the options of a command"],
  ["--version", "the version of wso"]
])}

Exit codes:
${column(Object.values(exitCodes).map(({ code, meaning }) => [String(code), meaning]))}`
