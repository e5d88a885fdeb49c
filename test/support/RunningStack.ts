import { authClient, type AuthClient } from "./AuthClient.ts"
import { type Program, startProgram, textOf } from "./Program.ts"
import { serverClient, type ServerClient } from "./ServerClient.ts"

/** The embedded stack, ready. */
export interface RunningStack extends AsyncDisposable {
  readonly program: Program
  readonly serverUrl: string
  readonly authUrl: string
  readonly syncUrl: string
  readonly server: ServerClient
  readonly auth: AuthClient
}

/** Runs `npm start`'s program on a data folder, on free ports unless the environment names some. */
export const startStack = async (
  dataPath: string,
  environment: Readonly<Record<string, string>> = {}
): Promise<RunningStack> => {
  const program = startProgram("dev", {
    PORT: "0",
    AUTH_WORKER_PORT: "0",
    SYNC_WORKER_PORT: "0",
    STORE_DATA_PATH: dataPath,
    ...environment
  })
  try {
    const ready = await program.logged("stack.ready", 40_000)
    const serverUrl = textOf(ready, "serverUrl")
    const authUrl = textOf(ready, "authUrl")
    return {
      program,
      serverUrl,
      authUrl,
      syncUrl: textOf(ready, "syncUrl"),
      server: serverClient(serverUrl),
      auth: await authClient(authUrl),
      [Symbol.asyncDispose]: () => program[Symbol.asyncDispose]()
    }
  } catch (error) {
    await program[Symbol.asyncDispose]()
    throw error
  }
}
