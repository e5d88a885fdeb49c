/** `npm run server`: the server alone, from the environment (wire contract, section 5). */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { configExitCode, isRunByNpm, loadProcessConfig, preferProductionLibraries } from "./config.ts"
import { exitWith, run } from "./process.ts"
import * as Server from "./server.ts"

const config = await Effect.runPromise(Effect.either(loadProcessConfig))

if (Either.isLeft(config)) {
  exitWith(configExitCode, config.left.message)
} else {
  preferProductionLibraries()
  run(Effect.provide(Server.run(config.right), Server.telemetry(config.right)), {
    shutdownGraceMs: config.right.shutdownGraceMs,
    endsWithParent: isRunByNpm()
  })
}
