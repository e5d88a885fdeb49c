/** A process that runs the Auth Worker until it is killed: `runWorker.ts <data folder>`; prints where. */
import * as Effect from "effect/Effect"
import { makeAuthWorker } from "../../../src/dev/Workers.ts"
import { bypassToken, jwtSecret } from "./secrets.ts"

await Effect.runPromise(
  makeAuthWorker({
    dataPath: process.argv[2] ?? "",
    port: 0,
    bindings: { JWT_SECRET: jwtSecret, SERVER_BYPASS_TOKEN: bypassToken, DEV_USERS_ENABLED: "true" }
  }).pipe(
    Effect.tap((worker) => Effect.sync(() => process.stdout.write(`${JSON.stringify(worker)}\n`))),
    Effect.zipRight(Effect.never),
    Effect.scoped
  )
)
