/**
 * What runs where, and what to try: for a person on a terminal, and as one line for a program.
 */
import * as Effect from "effect/Effect"
import { monotonicMs } from "../controller/Elapsed.ts"

export interface Stack {
  readonly serverUrl: string
  readonly authUrl: string
  readonly syncUrl: string
  readonly dataPath: string
  /** The file with the development user's token. */
  readonly tokenFile: string
  /** On the monotonic clock. */
  readonly startedAt: number
}

const text = (stack: Stack, durationMs: number): string => {
  const authorization = `-H "Authorization: Bearer $(cat ${stack.tokenFile})"`
  return `
  workspace-orchestrator is up (${durationMs} ms)

    server        ${stack.serverUrl}        health, stores, webhooks, admin; API at /docs
    Auth Worker   ${stack.authUrl}        the source of truth: workspaces
    Sync Worker   ${stack.syncUrl.replace(/^http/, "ws")}          LiveStore's sync backend
    data          ${stack.dataPath}

  Try, in another terminal:

    # create a workspace: the server monitors it a moment later
    curl -s -X POST ${stack.authUrl}/workspaces ${authorization} -H 'content-type: application/json' -d '{"name":"First","instanceId":"first-workspace"}'

    # look at what is monitored, and whether everything is as it should be
    curl -s ${stack.serverUrl}/health

    # delete it: the server closes its store
    curl -s -X DELETE ${stack.authUrl}/workspaces/first-workspace ${authorization}

  Ctrl-C stops everything. What happens is shown below as it happens.

`
}

/** Says that the stack is up: as text on a terminal, as a log line otherwise. */
export const announce = (stack: Stack): Effect.Effect<void> =>
  Effect.gen(function* () {
    const durationMs = Math.round((yield* monotonicMs) - stack.startedAt)
    if (process.stdout.isTTY) {
      yield* Effect.sync(() => process.stdout.write(text(stack, durationMs)))
      return
    }
    const { authUrl, dataPath, serverUrl, syncUrl, tokenFile } = stack
    yield* Effect.logInfo("stack.ready").pipe(
      Effect.annotateLogs({ serverUrl, authUrl, syncUrl, dataPath, tokenFile, durationMs })
    )
  })
