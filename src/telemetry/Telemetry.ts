/**
 * Everything by which the program is watched from outside, but for its metrics: the log, reports to Sentry and spans.
 * Built before everything else, and closed after it: what starts and stops the program is heard, too.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import * as Logger from "./Logger.ts"
import * as Scrubber from "./Scrubber.ts"
import * as Sentry from "./Sentry.ts"

export interface Options {
  readonly log: Omit<Logger.Options, "heardFrom" | "scrub">
  readonly serviceName: string
  readonly version: string
  /** `NODE_ENV`. */
  readonly environment: string
  readonly sentryDsn: Option.Option<Redacted.Redacted>
  readonly otlpEndpoint: Option.Option<string>
  /** The secrets of this process, so that none of them leaves in a line or a report. */
  readonly secrets: ReadonlyArray<Redacted.Redacted>
}

const sentryLayer = (options: Options) =>
  Option.match(options.sentryDsn, {
    onNone: () => Layer.empty,
    onSome: (dsn) =>
      Sentry.layer({
        dsn,
        release: `${options.serviceName}@${options.version}`,
        environment: options.environment,
        incidentDashboardUrl: options.log.incidentDashboardUrl,
        secrets: options.secrets
      })
  })

const tracingLayer = (options: Options) =>
  Option.match(options.otlpEndpoint, {
    onNone: () => Layer.empty,
    onSome: (endpoint) =>
      Layer.unwrapEffect(
        Effect.gen(function* () {
          const { layer } = yield* Effect.promise(() => import("./OtlpTracing.ts"))
          yield* Effect.logInfo("telemetry.tracing_started")
          return layer({
            endpoint,
            serviceName: options.serviceName,
            serviceVersion: options.version,
            environment: options.environment
          })
        })
      )
  })

export const layer = (options: Options) => {
  const log = Logger.layer({
    ...options.log,
    scrub: Scrubber.make(options.secrets).copy,
    ...(Option.isSome(options.sentryDsn) ? { heardFrom: Sentry.HEARD_FROM } : {})
  })
  return tracingLayer(options).pipe(Layer.provideMerge(sentryLayer(options)), Layer.provideMerge(log))
}
