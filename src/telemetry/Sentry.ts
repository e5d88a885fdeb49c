/**
 * Sentry, as one more listener to the log: what the orchestration says becomes breadcrumbs, and what fails becomes a
 * report with the steps that led there. It says nothing that the log does not say, and is loaded only with a DSN.
 */
import type { Breadcrumb, SeverityLevel } from "@sentry/node"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as EffectLogger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import type * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import * as LogLine from "./LogLine.ts"
import { counters } from "./Metrics.ts"
import * as ReportBudget from "./ReportBudget.ts"
import * as Scrubber from "./Scrubber.ts"
import * as Trails from "./Trails.ts"

export interface Options {
  readonly dsn: Redacted.Redacted
  /** This program's version. */
  readonly release: string
  /** `NODE_ENV`. */
  readonly environment: string
  readonly incidentDashboardUrl: Option.Option<string>
  /** The secrets of this process: none of them leaves, whatever it is in. */
  readonly secrets: ReadonlyArray<Redacted.Redacted>
}

/** The least urgent lines of the orchestration that become breadcrumbs. */
export const HEARD_FROM = "debug"

/** As the runbook names it: the operation of a run by hand, and a tag of its own. */
const MANUAL_TRIGGER = "workspace_reconciler.manual_trigger"
/** How long the end of the program waits for reports that are on their way. */
const CLOSE_TIMEOUT_MS = 2_000
/** Reports on their way, at the most; those beyond are dropped. */
const MAX_IN_FLIGHT = 20

const reports = counters("wso_error_reports_total", "Errors for Sentry, by what came of them", ["result"])
const admitted = reports("sent")
const held = reports("held_back")
const lost = reports("lost")

const severityOf = (level: LogLevel.LogLevel): SeverityLevel => {
  if (LogLevel.greaterThanEqual(level, LogLevel.Fatal)) return "fatal"
  if (LogLevel.greaterThanEqual(level, LogLevel.Error)) return "error"
  if (LogLevel.greaterThanEqual(level, LogLevel.Warning)) return "warning"
  return LogLevel.greaterThanEqual(level, LogLevel.Info) ? "info" : "debug"
}

const textOf = (field: unknown): string | undefined => (typeof field === "string" ? field : undefined)

/** The tags of the runbook, as far as the line has what they tell. */
const tagsOf = (fields: LogLine.LogLine["fields"]): Readonly<Record<string, string>> => {
  const operation = textOf(fields["operation"])
  const storeId = textOf(fields["storeId"])
  const told = {
    "workspace_orchestration.operation": operation,
    "workspace_orchestration.store_id": storeId,
    operation,
    storeId,
    phase: textOf(fields["phase"]),
    reason: textOf(fields["reason"]) ?? textOf(fields["code"]),
    requestId: textOf(fields["requestId"]),
    [MANUAL_TRIGGER]: operation === MANUAL_TRIGGER ? "true" : undefined
  }
  const tags: Record<string, string> = {}
  for (const [name, value] of Object.entries(told)) if (value !== undefined) tags[name] = value
  return tags
}

const describe = (error: unknown): string =>
  `${LogLine.typeOf(error)}: ${error instanceof Error ? error.message : String(error)}`

/**
 * An error of its own for each report: Sentry marks what it has been given and ignores it the next time, while we fail
 * with the same constant again and again. The fields of a tagged error stay behind.
 */
const reportable = (cause: Cause.Cause<unknown>): Error => {
  const error = Cause.squash(cause)
  const report = new Error(error instanceof Error ? error.message : String(error))
  report.name = LogLine.typeOf(error)
  if (error instanceof Error && error.stack !== undefined) report.stack = error.stack
  return report
}

/** What failed for a reason that has a name is grouped by it; a defect by where it came from. */
const fingerprintOf = (cause: Cause.Cause<unknown>): Array<string> => {
  const error = Cause.squash(cause)
  return Predicate.hasProperty(error, "_tag") ? [LogLine.typeOf(error)] : ["{{ default }}"]
}

const make = (options: Options) =>
  Effect.gen(function* () {
    const sentry = yield* Effect.tryPromise(() => import("@sentry/node"))
    const scrubber = Scrubber.make([...options.secrets, options.dsn])
    const client = yield* Effect.acquireRelease(
      Effect.sync(() =>
        sentry.init({
          dsn: Redacted.value(options.dsn),
          release: options.release,
          environment: options.environment,
          // Nothing is patched, and nothing is sent, but what is reported here.
          defaultIntegrations: false,
          skipOpenTelemetrySetup: true,
          registerEsmLoaderHooks: false,
          sendClientReports: false,
          sendDefaultPii: false,
          transportOptions: { bufferSize: MAX_IN_FLIGHT },
          beforeSend: (event) => {
            scrubber.object(event)
            return event
          },
          beforeBreadcrumb: (breadcrumb) => {
            scrubber.object(breadcrumb)
            return breadcrumb
          }
        })
      ),
      (made) => Effect.promise(async () => made?.close(CLOSE_TIMEOUT_MS))
    )
    const trails = Trails.make<Breadcrumb>()
    const budget = ReportBudget.make()

    const report = (level: LogLevel.LogLevel, date: Date, { failure, fields, message }: LogLine.LogLine) => {
      const error = reportable(failure)
      const storeId = textOf(fields["storeId"])
      const { heldBack, isAdmitted } = budget.ask(
        {
          operation: textOf(fields["operation"]) ?? message,
          error: error.name,
          subject: storeId ?? textOf(fields["requestId"]) ?? ""
        },
        date.getTime()
      )
      if (!isAdmitted) return held.add()
      admitted.add()
      const scope = new sentry.Scope()
      const steps = [...trails.of(storeId)].sort(
        (one, other) => (one.timestamp ?? 0) - (other.timestamp ?? 0)
      )
      for (const step of steps) scope.addBreadcrumb(step, steps.length)
      scope.setLevel(severityOf(level))
      scope.setFingerprint(fingerprintOf(failure))
      scope.setTags(tagsOf(fields))
      const { category: _, spanId, traceId, ...context } = fields
      scope.setContext(LogLine.ORCHESTRATION_CATEGORY, { message, ...context, heldBack })
      const trace = { trace_id: textOf(traceId), span_id: textOf(spanId) }
      if (trace.trace_id !== undefined && trace.span_id !== undefined) {
        scope.setContext("trace", { trace_id: trace.trace_id, span_id: trace.span_id })
      }
      client?.captureException(error, {}, scope)
    }

    const listen = (entry: EffectLogger.Logger.Options<unknown>): void => {
      const { date, logLevel } = entry
      const line = LogLine.read(entry, options.incidentDashboardUrl)
      const isOrchestration = line.fields["category"] === LogLine.ORCHESTRATION_CATEGORY
      if (isOrchestration) {
        const { category: _, ...data } = line.fields
        const error = Cause.isEmpty(line.failure) ? undefined : Cause.squash(line.failure)
        trails.add(textOf(line.fields["storeId"]), {
          category: LogLine.ORCHESTRATION_CATEGORY,
          message: line.message,
          level: severityOf(logLevel),
          timestamp: date.getTime() / 1_000,
          data: error === undefined ? data : { ...data, error: describe(error) }
        })
      }
      // What the loop retries by itself is a warning in the log, and worth a report all the same.
      const reportedFrom = isOrchestration ? LogLevel.Warning : LogLevel.Error
      if (LogLevel.lessThan(logLevel, reportedFrom)) return
      if (Cause.isEmpty(line.failure) || Cause.isInterruptedOnly(line.failure)) return
      report(logLevel, date, line)
    }
    const logger = EffectLogger.make<unknown, void>((entry) => {
      try {
        listen(entry)
      } catch {
        // A logger that throws would end the fiber that logs, perhaps in the very handler of another failure.
        lost.add()
      }
    })
    yield* Effect.logInfo("telemetry.sentry_started", {
      environment: options.environment,
      release: options.release
    })
    return EffectLogger.add(logger)
  })

/** Reports from here on, until the scope closes. Without the package it says so, and the program runs without. */
export const layer = (options: Options): Layer.Layer<never> =>
  Layer.unwrapScoped(
    Effect.catchTag(make(options), "UnknownException", (error) =>
      Effect.as(Effect.logError("telemetry.sentry_unavailable", error), Layer.empty)
    )
  )
