import { type Program, startProgram, textOf } from "./Program.ts"
import { serverClient, type ServerClient } from "./ServerClient.ts"

/** The server alone, listening. */
export interface RunningServer extends AsyncDisposable {
  readonly program: Program
  readonly client: ServerClient
}

/** Runs `npm run server`'s program, with stores in memory and on a free port unless the environment says otherwise. */
export const startServer = async (environment: Readonly<Record<string, string>>): Promise<RunningServer> => {
  const program = startProgram("server", { PORT: "0", STORE_DRIVER: "memory", ...environment })
  try {
    const url = textOf(await program.logged("server.listening"), "url")
    const webhookSecret = environment["WEBHOOK_SECRET"]
    return {
      program,
      client: serverClient(url, webhookSecret === undefined ? {} : { webhookSecret }),
      [Symbol.asyncDispose]: () => program[Symbol.asyncDispose]()
    }
  } catch (error) {
    await program[Symbol.asyncDispose]()
    throw error
  }
}
