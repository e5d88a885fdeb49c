/**
 * pino as Effect's logger: a constant message, and everything that varies as fields of its own.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as EffectLogger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import type * as Option from "effect/Option"
import * as Order from "effect/Order"
import { type DestinationStream, pino } from "pino"
import { type BoundedOutput, type OutputState, standardOutput } from "./BoundedOutput.ts"
import * as LogLine from "./LogLine.ts"
import { LogOutput } from "./LogOutput.ts"
import { counters } from "./Metrics.ts"
import { prettyLine } from "./PrettyLine.ts"

/** Where lines go. Everything but `write` is optional, so that a test can collect lines in an array. */
export type Destination = Pick<BoundedOutput, "write"> & Partial<BoundedOutput>

export type Level = "trace" | "debug" | "info" | "warn" | "error" | "fatal" | "silent"

export interface Options {
  /** The least urgent lines that are logged. */
  readonly level: Level
  /** The least urgent lines that another logger wants to hear, though they are not written here. */
  readonly heardFrom?: Level
  /** `json`: one object a line. `pretty`: for a person. `auto`: pretty on a terminal, else JSON. */
  readonly format: "json" | "pretty" | "auto"
  /** Whether pretty lines may be coloured. */
  readonly colour: boolean
  /** Added to the lines of the orchestration, so that whoever reads one knows where to look next. */
  readonly incidentDashboardUrl: Option.Option<string>
  /** Takes the secrets of this process out of what is about to be written. */
  readonly scrub?: (fields: unknown) => unknown
  /** Defaults to stdout: asynchronous and bounded, lines that cannot be written are dropped and counted. */
  readonly destination?: Destination
}

const levels: Readonly<Record<Level, LogLevel.LogLevel>> = {
  trace: LogLevel.Trace,
  debug: LogLevel.Debug,
  info: LogLevel.Info,
  warn: LogLevel.Warning,
  error: LogLevel.Error,
  fatal: LogLevel.Fatal,
  silent: LogLevel.None
}

const pinoLevel = (level: LogLevel.LogLevel): Exclude<Level, "silent"> => {
  switch (level._tag) {
    case "Trace":
    case "All":
      return "trace"
    case "Debug":
      return "debug"
    case "Info":
    case "None":
      return "info"
    case "Warning":
      return "warn"
    case "Error":
      return "error"
    case "Fatal":
      return "fatal"
  }
}

/** The fields of a line that are ours; an annotation of that name gets an underscore behind it. */
const RESERVED = new Set(["level", "time", "msg", "err"])

/** An error as a field: what it is, what it says, and where it came from. */
const errorField = (cause: Cause.Cause<unknown>) => {
  if (Cause.isInterruptedOnly(cause)) {
    return { type: "Interrupted", message: "All fibers interrupted without errors" }
  }
  const error = Cause.squash(cause)
  return {
    type: LogLine.typeOf(error),
    message: error instanceof Error ? error.message : String(error),
    stack: Cause.pretty(cause, { renderErrorCause: true })
  }
}

/** How long the end of the program waits for the last lines. */
const FLUSH_WITHIN_MS = 1_000

/** The line that is written once lines can be written again. */
export const LINES_DROPPED = "log.lines_dropped"

const lines = counters("wso_log_messages_total", "Lines of the log, by level", ["level"])
for (const level of ["warn", "error", "fatal"]) lines(level)

/** Effect's logger over a pino instance. It never throws: a line that cannot be built is dropped like any other. */
const makeLogger = (
  instance: pino.Logger,
  output: Destination,
  incidentDashboardUrl: Option.Option<string>,
  scrub: (fields: unknown) => unknown
) =>
  EffectLogger.make<unknown, void>((entry) => {
    const level = pinoLevel(entry.logLevel)
    // Another logger may want to hear what is not written here.
    if (!instance.isLevelEnabled(level)) return
    try {
      lines(level).add()
      const { failure, fields, message } = LogLine.read(entry, incidentDashboardUrl)
      const written: Record<string, unknown> = { time: entry.date.toISOString() }
      for (const [key, field] of Object.entries(fields)) {
        written[RESERVED.has(key) ? `${key}_` : key] = field
      }
      if (!Cause.isEmpty(failure)) written["err"] = errorField(failure)
      instance[level](scrub(written), message)
    } catch {
      output.drop?.()
    }
  })

const prettyDestination = (destination: DestinationStream, colour: boolean): DestinationStream => ({
  write: (line) => destination.write(prettyLine(line, colour))
})

const pinoOptions = (level: Level): pino.LoggerOptions => ({
  level,
  base: null,
  // The time is the fiber's own clock, which a test may have replaced.
  timestamp: false,
  formatters: { level: (label) => ({ level: label }) },
  // pino's own would take our field for an Error and rename its type.
  serializers: { err: (field: unknown) => field }
})

const UNKNOWN_OUTPUT: OutputState = { dropped: 0, failure: null, pendingBytes: 0 }

/**
 * Replaces Effect's default logger by pino, and sets the level below which nothing is even built. Writing a line never
 * waits and never fails; the last lines have a second when the scope closes. How the output does is told by `LogOutput`.
 */
export const layer = (options: Options): Layer.Layer<LogOutput> => {
  const scoped = Effect.gen(function* () {
    const output: Destination = options.destination ?? standardOutput()
    yield* Effect.addFinalizer(() => Effect.promise(async () => output.flush?.(FLUSH_WITHIN_MS)))
    const pretty = options.format === "pretty" || (options.format === "auto" && process.stdout.isTTY)
    const instance = pino(
      pinoOptions(options.level),
      pretty ? prettyDestination(output, options.colour) : output
    )
    const clock = yield* Effect.clock
    output.onRecovered?.((dropped, reason) => {
      let line = ""
      const captured = pino(pinoOptions("warn"), { write: (text) => (line = text) })
      const time = new Date(clock.unsafeCurrentTimeMillis()).toISOString()
      captured.warn({ time, dropped, reason }, LINES_DROPPED)
      return pretty ? prettyLine(line, options.colour) : line
    })
    return Layer.merge(
      EffectLogger.replace(
        EffectLogger.defaultLogger,
        makeLogger(instance, output, options.incidentDashboardUrl, options.scrub ?? ((fields) => fields))
      ),
      Layer.succeed(LogOutput, { state: () => output.state?.() ?? UNKNOWN_OUTPUT })
    )
  })
  const heard = Order.min(LogLevel.Order)(levels[options.level], levels[options.heardFrom ?? "silent"])
  return Layer.merge(Layer.unwrapScoped(scoped), EffectLogger.minimumLogLevel(heard))
}
