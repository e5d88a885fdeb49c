/**
 * `wso`, the operator's command line, as a program: arguments in, an exit code out.
 */
import * as CliConfig from "@effect/cli/CliConfig"
import * as Command from "@effect/cli/Command"
import * as ValidationError from "@effect/cli/ValidationError"
import * as Effect from "effect/Effect"
import { version } from "../http/Version.ts"
import { audit } from "./commands/Audit.ts"
import { backup } from "./commands/Backup.ts"
import { bundle } from "./commands/Bundle.ts"
import { chatops } from "./commands/ChatOps.ts"
import { config } from "./commands/Configuration.ts"
import { approve, reject, resume, suspend } from "./commands/Control.ts"
import { doctor } from "./commands/Doctor.ts"
import { events } from "./commands/Events.ts"
import { incidents, notify } from "./commands/Incidents.ts"
import { circuits, queue, stuck } from "./commands/Machinery.ts"
import { messages } from "./commands/Messages.ts"
import { diff, reconcile } from "./commands/Reconcile.ts"
import { report } from "./commands/Report.ts"
import { limits, lockdown, secrets } from "./commands/Security.ts"
import { status } from "./commands/Status.ts"
import { describe, explain, get } from "./commands/Stores.ts"
import { verify } from "./commands/Verify.ts"
import type { AnswerIsBad, AnswerIsNo, WrongUsage } from "./Environment.ts"
import { exitCodes } from "./ExitCode.ts"
import { overview } from "./Overview.ts"
import { Screen } from "./Screen.ts"
import type { ConfigurationWrong } from "./ServerConfiguration.ts"
import type { RestoreImpossible } from "./StateRestore.ts"
import type { ClientError } from "./WsoClient.ts"

const root = Command.make("wso").pipe(
  Command.withDescription("Look at a workspace-orchestrator, and steer it."),
  Command.withSubcommands([
    status,
    get,
    describe,
    explain,
    diff,
    reconcile,
    suspend,
    resume,
    approve,
    reject,
    queue,
    stuck,
    circuits,
    messages,
    incidents,
    notify,
    chatops,
    events,
    audit,
    limits,
    secrets,
    lockdown,
    doctor,
    verify,
    report,
    bundle,
    backup,
    config
  ])
)

const parse = Command.run(root, { name: "wso", version, executable: "wso" })

type CommandError =
  | ClientError
  | AnswerIsNo
  | AnswerIsBad
  | WrongUsage
  | ConfigurationWrong
  | RestoreImpossible
  | ValidationError.ValidationError

/** Each error's exit code; those that nobody has told the user about yet are told. */
const exitCodeOf = (error: CommandError): Effect.Effect<number, never, Screen> =>
  Effect.gen(function* () {
    // @effect/cli has printed what is wrong with the arguments.
    if (ValidationError.isValidationError(error)) return exitCodes.trouble.code
    const { say } = yield* Screen
    if (error._tag !== "AnswerIsNo" && error._tag !== "AnswerIsBad") yield* say(error.message)
    switch (error._tag) {
      case "AnswerIsNo":
        return exitCodes.no.code
      case "ServerUnreachable":
      case "ServerMoved":
        return exitCodes.unreachable.code
      case "ConfigurationWrong":
        return exitCodes.configuration.code
      case "ServerRefused":
        if (error.status === 401 || error.status === 403) return exitCodes.unauthorized.code
        return error.status === 409 || error.status === 429 ? exitCodes.conflict.code : exitCodes.trouble.code
      case "RestoreImpossible":
        return error.inUse ? exitCodes.conflict.code : exitCodes.trouble.code
      case "AnswerIsBad":
      case "WrongUsage":
      case "AnswerUnexpected":
        return exitCodes.trouble.code
    }
  })

/** `wso completions bash` is what one types; @effect/cli knows it as an option. */
const translated = (args: ReadonlyArray<string>): ReadonlyArray<string> =>
  args[0] === "completions" && args.length === 2 ? ["--completions", args[1] ?? ""] : args

const isHelp = ([first, second]: ReadonlyArray<string>): boolean =>
  first === undefined || (second === undefined && ["--help", "-h", "help"].includes(first))

/** Runs the command line (as `process.argv` has it) to its exit code. */
export const run = ([runtime = "", script = "", ...args]: ReadonlyArray<string>) =>
  isHelp(args)
    ? Effect.zipRight(
        Effect.flatMap(Screen, ({ print }) => print(overview(version))),
        Effect.succeed(exitCodes.yes.code)
      )
    : parse([runtime, script, ...translated(args)]).pipe(
        Effect.as(exitCodes.yes.code),
        Effect.catchAll(exitCodeOf),
        Effect.provide(CliConfig.layer({ showBuiltIns: false, isCaseSensitive: true }))
      )
