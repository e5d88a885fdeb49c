/**
 * The edge between a program and its process: signals in, an exit code out. The only place besides the command line
 * where an effect is run.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { ConfigErrors, configExitCode } from "./config.ts"
import { standardOutput } from "./telemetry/BoundedOutput.ts"
import { escapedLines } from "./telemetry/PlainText.ts"

export interface Options {
  /** From the first signal on, the process lives no longer than this, in milliseconds. */
  readonly shutdownGraceMs: number
  /**
   * Whether the process ends with the one that started it. npm dies of a SIGHUP without forwarding it, and would leave the
   * program behind.
   */
  readonly endsWithParent?: boolean
}

/** 128 + the signal's number, as shells report it. SIGHUP: the terminal has been closed. */
const signals = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const
type Signal = keyof typeof signals

/** The mask of what others may not do: all. */
const OWNER_ONLY = 0o077

/** Programs that end when they are told to end have done well. */
const EXIT_OK = 0
const EXIT_FAILURE = 1

/**
 * A signal that arrives again this soon is the same one: a supervisor signals the whole process group, and npm, which is
 * in it, forwards what it receives. Shorter than it takes a person to press Ctrl-C again on purpose.
 */
const SAME_SIGNAL_MS = 1_000

/** How often the process that started this one is looked at, where there is one to look at. */
const PARENT_WATCH_MS = 1_000

/**
 * Ends the process. The end of a Node process waits for its threads: where one is held by a write that its reader does
 * not take, the process is killed, because nothing gentler would end it. All other exit hooks run before that.
 */
const end = (code: number): never => {
  process.once("exit", () => {
    if (standardOutput().isStuck()) process.kill(process.pid, "SIGKILL")
  })
  return process.exit(code)
}

/** Ends the process with one message on standard error. */
export const exitWith = (code: number, message: string): never => {
  process.stderr.write(`${escapedLines(message)}\n`)
  return end(code)
}

/** A typed error speaks for itself; a defect is shown with where it came from. */
const describeFailure = (cause: Cause.Cause<unknown>): string => {
  const error = Cause.squash(cause)
  return Cause.isFailure(cause) && error instanceof Error && error.message !== ""
    ? error.message
    : Cause.pretty(cause)
}

/** Milliseconds on a clock that only goes forward. The signals come from outside of Effect, and so does their time. */
const monotonicMs = (): number => Number(process.hrtime.bigint() / 1_000_000n)

/**
 * Runs the program until it ends or the process is told to: the first SIGTERM, SIGINT or SIGHUP interrupts it and lets its
 * scopes close within the grace, a second one ends the process at once.
 *
 * The process is ended explicitly: sockets that LiveStore has closed linger for up to half a minute.
 */
export const run = (program: Effect.Effect<void, unknown>, options: Options): void => {
  // What this program and its children create is their owner's, whatever mask they were started with.
  process.umask(OWNER_ONLY)
  // A closed terminal or pipe takes the text and not the program (observability never steers).
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => undefined)
  let stoppedAt: number | undefined
  // Before the program begins: a signal during the start ends it in order, too.
  const stop = (signal: Signal): void => {
    if (stoppedAt !== undefined) {
      const isSecond = monotonicMs() - stoppedAt >= SAME_SIGNAL_MS
      // After the events that wait: a write that has just been completed is not stuck.
      if (isSecond) setImmediate(() => end(signals[signal]))
      return
    }
    stoppedAt = monotonicMs()
    setTimeout(() => {
      exitWith(EXIT_FAILURE, `Not stopped within ${options.shutdownGraceMs} ms: what still runs is given up.`)
    }, options.shutdownGraceMs).unref()
    Effect.runFork(Fiber.interrupt(fiber))
  }
  process.on("SIGHUP", () => stop("SIGHUP"))
  process.on("SIGINT", () => stop("SIGINT"))
  process.on("SIGTERM", () => stop("SIGTERM"))
  if (options.endsWithParent === true) {
    const parent = process.ppid
    setInterval(() => {
      if (process.ppid !== parent && stoppedAt === undefined) stop("SIGHUP")
    }, PARENT_WATCH_MS).unref()
  }
  const fiber = Effect.runFork(program)
  fiber.addObserver((exit) => {
    if (Exit.isSuccess(exit) || Cause.isInterruptedOnly(exit.cause)) return end(EXIT_OK)
    const isConfiguration = Cause.squash(exit.cause) instanceof ConfigErrors
    exitWith(isConfiguration ? configExitCode : EXIT_FAILURE, describeFailure(exit.cause))
  })
}
