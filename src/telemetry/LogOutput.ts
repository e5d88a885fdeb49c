/** How the log's output is doing, for the views of a person on call. */
import * as Context from "effect/Context"
import type { OutputState } from "./BoundedOutput.ts"

/** Where no log of ours is set up (tests, the simulation), nothing is ever dropped. */
export class LogOutput extends Context.Reference<LogOutput>()("workspace-orchestrator/telemetry/LogOutput", {
  defaultValue: (): { readonly state: () => OutputState } => ({
    state: () => ({ dropped: 0, failure: null, pendingBytes: 0 })
  })
}) {}
