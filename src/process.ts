/**
 * The edge between a program and its process: signals in, an exit code out. The only place besides the command line
 * where an effect is run.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { ConfigErrors, configExitCode } from "./config.ts"
import { escapedLines } from "./telemetry/PlainText.ts"

export interface Options {
  /** From the first signal on, the process lives no longer than this, in milliseconds. */
  readonly shutdownGraceMs: number
}

/** 128 + the signal's number, as shells report it. */
const signals = { SIGINT: 130, SIGTERM: 143 } as const

/** Programs that end when they are told to end have done well. */
const EXIT_OK = 0
const EXIT_FAILURE = 1

/** Ends the process with one message on standard error. */
export const exitWith = (code: number, message: string): never => {
  process.stderr.write(`${escapedLines(message)}\n`)
  return process.exit(code)
}

/** A typed error speaks for itself; a defect is shown with where it came from. */
const describeFailure = (cause: Cause.Cause<unknown>): string => {
  const error = Cause.squash(cause)
  return Cause.isFailure(cause) && error instanceof Error && error.message !== ""
    ? error.message
    : Cause.pretty(cause)
}

/**
 * Runs the program until it ends or the process is told to: the first SIGTERM or SIGINT interrupts it and lets its
 * scopes close within the grace, a second one ends the process at once.
 *
 * The process is ended explicitly: sockets that LiveStore has closed linger for up to half a minute.
 */
export const run = (program: Effect.Effect<void, unknown>, options: Options): void => {
  const fiber = Effect.runFork(program)
  let stopping = false
  const stop = (signal: keyof typeof signals): void => {
    if (stopping) process.exit(signals[signal])
    stopping = true
    setTimeout(() => {
      exitWith(EXIT_FAILURE, `Not stopped within ${options.shutdownGraceMs} ms: what still runs is given up.`)
    }, options.shutdownGraceMs).unref()
    Effect.runFork(Fiber.interrupt(fiber))
  }
  process.on("SIGINT", () => stop("SIGINT"))
  process.on("SIGTERM", () => stop("SIGTERM"))
  fiber.addObserver((exit) => {
    if (Exit.isSuccess(exit) || Cause.isInterruptedOnly(exit.cause)) process.exit(EXIT_OK)
    const isConfiguration = Cause.squash(exit.cause) instanceof ConfigErrors
    exitWith(isConfiguration ? configExitCode : EXIT_FAILURE, describeFailure(exit.cause))
  })
}
