/** Commands from a chat as metrics. */
import { counters } from "../telemetry/Metrics.ts"
import { verbs, type Verb } from "./Commands.ts"

/** `denied`: who asked may not, or not there; `refused`: the loop said no; `throttled`: too many. */
const results = ["succeeded", "refused", "denied", "failed", "throttled"] as const
export type Result = (typeof results)[number]

const commands = counters("wso_chatops_commands_total", "Commands from a chat, by how they ended", [
  "command",
  "result"
])

/** What is no command of ours has no name in a label. */
const UNKNOWN = "unknown"

for (const verb of [...verbs, UNKNOWN]) for (const result of results) commands(verb, result)

export const commanded = (verb: Verb | null, result: Result): void => commands(verb ?? UNKNOWN, result).add()
