/**
 * pino as Effect's logger: a constant message, and everything that varies as fields of its own.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as FiberRef from "effect/FiberRef"
import * as FiberRefs from "effect/FiberRefs"
import * as HashMap from "effect/HashMap"
import * as Layer from "effect/Layer"
import * as List from "effect/List"
import * as EffectLogger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Tracer from "effect/Tracer"
import { type DestinationStream, pino } from "pino"
import { prettyLine } from "./PrettyLine.ts"

/** The category of what the orchestration logs, and of its Sentry breadcrumbs: the annotation `category`. */
export const ORCHESTRATION_CATEGORY = "workspace_orchestration"

/** Where lines go; `flushSync` is called at the end, where there is one. */
export interface Destination extends DestinationStream {
  readonly flushSync?: () => void
}

export type Level = "trace" | "debug" | "info" | "warn" | "error" | "fatal" | "silent"

export interface Options {
  /** The least urgent lines that are logged. */
  readonly level: Level
  /** `json`: one object a line. `pretty`: for a person. `auto`: pretty on a terminal, else JSON. */
  readonly format: "json" | "pretty" | "auto"
  /** Whether pretty lines may be coloured. */
  readonly colour: boolean
  /** Added to the lines of the orchestration, so that whoever reads one knows where to look next. */
  readonly incidentDashboardUrl: Option.Option<string>
  /** Defaults to stdout, written synchronously: no line is lost, however the process ends. */
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

const typeOf = (error: unknown): string => {
  if (Predicate.hasProperty(error, "_tag") && typeof error._tag === "string") return error._tag
  return error instanceof Error ? error.name : typeof error
}

/** An error as a field: what it is, what it says, and where it came from. */
const errorField = (cause: Cause.Cause<unknown>) => {
  if (Cause.isInterruptedOnly(cause)) {
    return { type: "Interrupted", message: "All fibers interrupted without errors" }
  }
  const error = Cause.squash(cause)
  return {
    type: typeOf(error),
    message: error instanceof Error ? error.message : String(error),
    stack: Cause.pretty(cause, { renderErrorCause: true })
  }
}

const isRecord = (part: unknown): part is Record<string, unknown> =>
  typeof part === "object" && part !== null && Object.getPrototypeOf(part) === Object.prototype

/** Effect's logger over a pino instance. */
const makeLogger = (instance: pino.Logger, incidentDashboardUrl: Option.Option<string>) =>
  EffectLogger.make<unknown, void>(({ annotations, cause, context, date, logLevel, message, spans }) => {
    const fields: Record<string, unknown> = { time: date.toISOString() }
    const add = (key: string, field: unknown) => {
      fields[RESERVED.has(key) ? `${key}_` : key] = field
    }
    const words: Array<string> = []
    let failure = cause
    for (const part of Array.isArray(message) ? message : [message]) {
      if (part instanceof Error) failure = Cause.isEmpty(failure) ? Cause.fail(part) : failure
      else if (isRecord(part)) for (const [key, field] of Object.entries(part)) add(key, field)
      else words.push(String(part))
    }
    for (const [key, field] of annotations) add(key, field)
    if (!List.isNil(spans)) {
      for (const span of spans) add(`${span.label}Ms`, date.getTime() - span.startTime)
    }
    const span = Context.getOption(
      FiberRefs.getOrDefault(context, FiberRef.currentContext),
      Tracer.ParentSpan
    )
    if (Option.isSome(span)) {
      add("traceId", span.value.traceId)
      add("spanId", span.value.spanId)
    }
    if (
      Option.isSome(incidentDashboardUrl) &&
      Option.contains(HashMap.get(annotations, "category"), ORCHESTRATION_CATEGORY)
    ) {
      add("incidentDashboardUrl", incidentDashboardUrl.value)
    }
    if (!Cause.isEmpty(failure)) fields["err"] = errorField(failure)
    instance[pinoLevel(logLevel)](fields, words.join(" "))
  })

const prettyDestination = (destination: DestinationStream, colour: boolean): DestinationStream => ({
  write: (line) => destination.write(prettyLine(line, colour))
})

/**
 * Replaces Effect's default logger by pino, and sets the level below which nothing is even built. Writes
 * synchronously, and flushes when the scope closes.
 */
export const layer = (options: Options): Layer.Layer<never> => {
  const scoped = Effect.gen(function* () {
    const stdout: Destination = options.destination ?? pino.destination({ dest: 1, sync: true })
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        stdout.flushSync?.()
      })
    )
    const pretty = options.format === "pretty" || (options.format === "auto" && process.stdout.isTTY)
    const instance = pino(
      {
        level: options.level,
        base: null,
        // The time is the fiber's own clock, which a test may have replaced.
        timestamp: false,
        formatters: { level: (label) => ({ level: label }) },
        // pino's own would take our field for an Error and rename its type.
        serializers: { err: (field: unknown) => field }
      },
      pretty ? prettyDestination(stdout, options.colour) : stdout
    )
    return EffectLogger.replace(
      EffectLogger.defaultLogger,
      makeLogger(instance, options.incidentDashboardUrl)
    )
  })
  return Layer.merge(Layer.unwrapScoped(scoped), EffectLogger.minimumLogLevel(levels[options.level]))
}
