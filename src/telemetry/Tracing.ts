/**
 * Spans, where somebody collects them. Elsewhere none is made: what asks for one when it is built runs as if nobody had.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Tracer from "effect/Tracer"

/** Whether spans are exported; decided once, when the program starts. */
export class Tracing extends Context.Reference<Tracing>()("workspace-orchestrator/telemetry/Tracing", {
  defaultValue: (): boolean => false
}) {}

/** Wraps effects in spans, or leaves them as they are. */
export interface Spans {
  readonly areOn: boolean
  readonly within: <A, E, R>(
    effect: Effect.Effect<A, E, R>,
    name: string,
    options?: Tracer.SpanOptions
  ) => Effect.Effect<A, E, R>
  /** Adds to the span that the calling fiber is in. */
  readonly annotate: (attributes: Readonly<Record<string, unknown>>) => Effect.Effect<void>
}

const exported: Spans = {
  areOn: true,
  // A stack trace for each span costs more than the span.
  within: (effect, name, options) => Effect.withSpan(effect, name, { captureStackTrace: false, ...options }),
  annotate: (attributes) => Effect.annotateCurrentSpan({ ...attributes })
}

const none: Spans = {
  areOn: false,
  within: (effect) => effect,
  annotate: () => Effect.void
}

/** What a part of the program takes when it is built. */
export const spans: Effect.Effect<Spans> = Effect.map(Tracing, (areOn) => (areOn ? exported : none))

/** The span that the calling fiber is in, be it ours or that of whoever called us; none if nobody follows it. */
export const currentSpan: Effect.Effect<Option.Option<Tracer.AnySpan>> = Effect.contextWith(
  (context: Context.Context<never>) =>
    Option.filter(Context.getOption(context, Tracer.ParentSpan), ({ sampled }) => sampled)
)

/** The headers by which a server that we call joins the trace (W3C Trace Context). */
export const outgoingHeaders: Effect.Effect<Readonly<Record<string, string>>> = Effect.map(
  currentSpan,
  Option.match({
    onNone: () => ({}),
    onSome: ({ spanId, traceId }) => ({ traceparent: `00-${traceId}-${spanId}-01` })
  })
)
