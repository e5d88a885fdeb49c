/** The entry of `wso`: the one place where the command line meets its process. */
import * as NodeTerminal from "@effect/platform-node/NodeTerminal"
import * as FileSystem from "@effect/platform/FileSystem"
import * as Path from "@effect/platform/Path"
import * as Cause from "effect/Cause"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
// eslint-disable-next-line no-restricted-imports -- this is a main: it hands the configuration on as a service
import { loadProcessConfig, variableDocs } from "../config.ts"
import { escapedLines } from "../telemetry/PlainText.ts"
import { run } from "./App.ts"
import { exitCodes } from "./ExitCode.ts"
import * as ProcessScreen from "./ProcessScreen.ts"
import { ConfigurationWrong, ServerConfiguration } from "./ServerConfiguration.ts"
import { RestoreImpossible, StateRestore } from "./StateRestore.ts"

const configuration = Layer.succeed(ServerConfiguration, {
  validate: Effect.matchEffect(loadProcessConfig, {
    onFailure: ({ message }) => new ConfigurationWrong({ message }),
    onSuccess: ({ warnings }) =>
      Effect.succeed(warnings.map(({ problem, variable }) => `${variable}: ${problem}`))
  }),
  variables: variableDocs
})

/** Loaded when it is needed: no other command needs SQLite, and all of them must start at once. */
const stateRestore = Layer.succeed(StateRestore, {
  restore: (dataPath, id, actor) =>
    // eslint-disable-next-line no-restricted-syntax -- this is a main: it hands the state's own code on as a service
    Effect.promise(() => import("../persistence/StateRestore.ts")).pipe(
      Effect.flatMap(({ restore }) => restore(dataPath, id, actor)),
      Effect.mapBoth({
        onFailure: (error) =>
          new RestoreImpossible({
            inUse: error._tag === "StateError" && error.reason === "in-use",
            message:
              error._tag === "StateError" && error.reason === "in-use"
                ? `A server runs on ${dataPath}: stop it, restore, and start it again. Nothing was changed.`
                : error.message
          }),
        onSuccess: ({ aside, path, report: { counts, problems, snapshot } }) => ({
          path,
          aside,
          problems,
          counts,
          snapshotFetchedAt: snapshot?.fetchedAt ?? null
        })
      })
    )
})

const program = Effect.gen(function* () {
  const noColor = yield* Config.option(Config.nonEmptyString("NO_COLOR"))
  const colour = process.stdout.isTTY && Option.isNone(noColor)
  return yield* run(process.argv).pipe(
    ProcessScreen.withConsole(colour),
    Effect.provide(ProcessScreen.layer(colour))
  )
}).pipe(
  Effect.provide(
    Layer.mergeAll(configuration, stateRestore, FileSystem.layerNoop({}), Path.layer, NodeTerminal.layer)
  )
)

const fiber = Effect.runFork(program)

process.on("SIGINT", () => {
  Effect.runFork(Fiber.interrupt(fiber))
})
// The reader of a pipe has seen enough (`wso events -f | head`). Anything else, such as a full disk, has lost the answer.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(exitCodes.yes.code)
  process.stderr.write(`The output cannot be written: ${error.code ?? error.message}\n`)
  process.exit(exitCodes.trouble.code)
})
// What is said beside the answer is worth less than the answer.
process.stderr.on("error", () => undefined)

fiber.addObserver((exit) => {
  if (Exit.isSuccess(exit)) {
    process.exitCode = exit.value
    return
  }
  if (!Cause.isInterruptedOnly(exit.cause))
    process.stderr.write(`${escapedLines(Cause.pretty(exit.cause))}\n`)
  process.exitCode = Cause.isInterruptedOnly(exit.cause) ? exitCodes.interrupted.code : exitCodes.trouble.code
})
