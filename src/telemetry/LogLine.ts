/**
 * What one log entry of Effect's says: a constant message, the fields that vary, and what failed. Every logger reads it
 * here, so that a line in the log and a breadcrumb at Sentry carry the same.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as FiberRef from "effect/FiberRef"
import * as FiberRefs from "effect/FiberRefs"
import * as List from "effect/List"
import type * as EffectLogger from "effect/Logger"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Tracer from "effect/Tracer"

/** The category of what the orchestration logs, and of its Sentry breadcrumbs: the field `category`. */
export const ORCHESTRATION_CATEGORY = "workspace_orchestration"

/** Where nobody traces, other words stand in for an id: Effect's, OpenTelemetry's, LiveStore's. */
const TRACE_ID = /^(?!0{32})[0-9a-f]{32}$/

export interface LogLine {
  readonly message: string
  /** Everything that varies, the trace's id and the span's included where there is a span. */
  readonly fields: Readonly<Record<string, unknown>>
  /** Empty where nothing failed. */
  readonly failure: Cause.Cause<unknown>
}

const isRecord = (part: unknown): part is Record<string, unknown> =>
  typeof part === "object" && part !== null && Object.getPrototypeOf(part) === Object.prototype

/** An error's `_tag`, or the name of its class. */
export const typeOf = (error: unknown): string => {
  if (Predicate.hasProperty(error, "_tag") && typeof error._tag === "string") return error._tag
  return error instanceof Error ? error.name : typeof error
}

/**
 * Reads an entry. The lines of the orchestration carry the dashboard's URL, so that whoever reads one knows where to
 * look next.
 */
export const read = (
  { annotations, cause, context, date, message, spans }: EffectLogger.Logger.Options<unknown>,
  incidentDashboardUrl: Option.Option<string>
): LogLine => {
  const fields: Record<string, unknown> = {}
  const words: Array<string> = []
  let failure = cause
  for (const part of Array.isArray(message) ? message : [message]) {
    if (part instanceof Error) failure = Cause.isEmpty(failure) ? Cause.fail(part) : failure
    else if (isRecord(part)) Object.assign(fields, part)
    else words.push(String(part))
  }
  for (const [key, field] of annotations) fields[key] = field
  if (!List.isNil(spans)) {
    for (const span of spans) fields[`${span.label}Ms`] = date.getTime() - span.startTime
  }
  const span = Context.getOption(FiberRefs.getOrDefault(context, FiberRef.currentContext), Tracer.ParentSpan)
  if (Option.isSome(span) && TRACE_ID.test(span.value.traceId)) {
    fields["traceId"] = span.value.traceId
    fields["spanId"] = span.value.spanId
  }
  if (Option.isSome(incidentDashboardUrl) && fields["category"] === ORCHESTRATION_CATEGORY) {
    fields["incidentDashboardUrl"] = incidentDashboardUrl.value
  }
  return { message: words.join(" "), fields, failure }
}
