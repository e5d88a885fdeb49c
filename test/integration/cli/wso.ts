/**
 * `wso` in this process, with a screen that remembers.
 */
import * as NodeTerminal from "@effect/platform-node/NodeTerminal"
import * as FileSystem from "@effect/platform/FileSystem"
import * as Path from "@effect/platform/Path"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { run } from "../../../src/cli/App.ts"
import { Screen } from "../../../src/cli/Screen.ts"
import { type ConfigurationWrong, ServerConfiguration } from "../../../src/cli/ServerConfiguration.ts"
import { type RestoreImpossible, StateRestore } from "../../../src/cli/StateRestore.ts"
import { eventually, TOKEN } from "../http/server.ts"

export interface Finished {
  readonly code: number
  /** What was printed, data only. */
  readonly out: string
  /** What was said. */
  readonly said: string
}

export interface Environment {
  readonly env?: Readonly<Record<string, string>>
  readonly configuration?: Effect.Effect<void, ConfigurationWrong>
  /** What becomes of every restoring. */
  readonly restore?: RestoreImpossible
  /** The variables that the server takes secrets from. */
  readonly secretVariables?: ReadonlyArray<string>
}

/** Starts a command; `state` grows as it prints. */
export const begin = (
  args: ReadonlyArray<string>,
  { configuration = Effect.void, env = {}, restore, secretVariables = [] }: Environment = {}
) => {
  const state = { out: "", said: "" }
  const screen = Layer.succeed(Screen, {
    isTerminal: false,
    print: (text) => Effect.sync(() => void (state.out += `${text}\n`)),
    say: (text) => Effect.sync(() => void (state.said += `${text}\n`)),
    paint: (text) => text,
    clear: Effect.void
  })
  const layers = Layer.mergeAll(
    screen,
    Layer.succeed(ServerConfiguration, {
      validate: Effect.as(configuration, []),
      variables: secretVariables.map((name) => ({ name, takes: "", default: null, doc: "", secret: true }))
    }),
    Layer.succeed(StateRestore, {
      restore: () => restore ?? Effect.dieMessage("not scripted")
    }),
    FileSystem.layerNoop({}),
    Path.layer,
    NodeTerminal.layer,
    Layer.setConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(env))))
  )
  const fiber = Effect.runFork(Effect.provide(run(["node", "wso", ...args]), layers))
  const finished = Effect.runPromise(
    Effect.map(Fiber.await(fiber), (exit): Finished => ({
      code: Exit.isSuccess(exit) ? exit.value : 130,
      ...state
    }))
  )
  return {
    state,
    finished,
    until: (text: string) => eventually(() => state.out.includes(text) || state.said.includes(text)),
    stop: async () => {
      await Effect.runPromise(Fiber.interrupt(fiber))
      return finished
    }
  }
}

/** Runs a command against the server at `url`, with the right token. */
export const wso = (url: string, ...args: ReadonlyArray<string>): Promise<Finished> =>
  begin(args, { env: { WSO_URL: url, SERVER_BYPASS_TOKEN: TOKEN } }).finished
