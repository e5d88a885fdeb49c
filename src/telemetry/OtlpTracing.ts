/**
 * Spans over OTLP/HTTP (JSON) to a collector, without an OpenTelemetry SDK. Loaded only where an endpoint is set; a
 * collector that is slow, full or away costs a bounded queue and one warning a minute, never the program's work.
 */
import * as OtlpSerialization from "@effect/opentelemetry/OtlpSerialization"
import * as OtlpTracer from "@effect/opentelemetry/OtlpTracer"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientError from "@effect/platform/HttpClientError"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { failureOf } from "../transport/Failure.ts"
import * as HttpClients from "../transport/HttpClients.ts"
import { isRedirect, targetOf } from "../transport/Redirect.ts"
import { monotonicMs } from "../controller/Elapsed.ts"
import { counters } from "./Metrics.ts"
import * as SampledTracer from "./SampledTracer.ts"
import { Tracing } from "./Tracing.ts"

export interface Options {
  /** `OTEL_EXPORTER_OTLP_ENDPOINT`: spans go to `/v1/traces` below it. */
  readonly endpoint: string
  readonly serviceName: string
  readonly serviceVersion: string
  /** `NODE_ENV`, as `deployment.environment`. */
  readonly environment: string
}

/** New traces: enough for what people look at, and some 10 MB of spans a minute at the most. */
const TRACES: SampledTracer.Options = { perSecond: 100, burst: 1_000 }
/** How long finished spans wait to be sent together, and how many at the most. */
const EXPORT_EVERY = "2 seconds"
const BATCH_SIZE = 500
/** The longest that the collector may take for one batch, and batches on their way; those beyond are dropped. */
const EXPORT_TIMEOUT_MS = 10_000
const MAX_EXPORTS_IN_FLIGHT = 4
/** How long the end of the program waits for the last batch. */
const SHUTDOWN_TIMEOUT = "2 seconds"
/** Between two warnings that spans are lost. */
const WARN_EVERY_MS = 60_000

const exports = counters(
  "wso_trace_exports_total",
  "Batches of spans for the collector, by what came of them",
  ["result"]
)
for (const result of ["sent", "failed"]) exports(result)

/** fetch, with a deadline and a bound, and a word in the log when spans are lost. */
const boundedClient = Effect.gen(function* () {
  const client = yield* HttpClient.HttpClient
  let inFlight = 0
  let warnedAt = -Infinity

  const failed = (problem: string) =>
    Effect.gen(function* () {
      exports("failed").add()
      const now = yield* monotonicMs
      if (now - warnedAt < WARN_EVERY_MS) return
      warnedAt = now
      yield* Effect.logWarning("telemetry.spans_lost", { problem })
    })

  return HttpClient.transform(client, (send, request) => {
    const refusal = (description: string) =>
      new HttpClientError.RequestError({ request, reason: "Transport", description })
    return Effect.suspend(() => {
      if (inFlight >= MAX_EXPORTS_IN_FLIGHT) return Effect.fail(refusal("too many batches are on their way"))
      inFlight++
      return Effect.ensuring(
        Effect.timeoutFail(send, {
          duration: EXPORT_TIMEOUT_MS,
          onTimeout: () => refusal(`no answer within ${EXPORT_TIMEOUT_MS} ms`)
        }),
        Effect.sync(() => inFlight--)
      )
    }).pipe(
      Effect.tap(({ headers, status }) => {
        if (status < 300) return Effect.sync(() => exports("sent").add())
        return failed(
          isRedirect(status)
            ? `the collector redirects (${status}) to ${targetOf(headers["location"], request.url)}, which is not followed`
            : `the collector answers ${status}`
        )
      }),
      // Not the error's text: it has the URL, and with it perhaps a credential.
      Effect.tapError((error) =>
        failed(error.cause === undefined ? (error.description ?? error.reason) : failureOf(error.cause).code)
      )
    )
  })
})

/** Every span of the program from here on is exported. The last ones leave when the scope closes. */
export const layer = ({ endpoint, environment, serviceName, serviceVersion }: Options) => {
  const tracer = OtlpTracer.make({
    url: `${endpoint}/v1/traces`,
    resource: { serviceName, serviceVersion, attributes: { "deployment.environment": environment } },
    exportInterval: EXPORT_EVERY,
    maxBatchSize: BATCH_SIZE,
    shutdownTimeout: SHUTDOWN_TIMEOUT
  }).pipe(Effect.map((made) => SampledTracer.make(made, TRACES)))
  const client = Layer.effect(HttpClient.HttpClient, boundedClient).pipe(Layer.provide(HttpClients.layer))
  return Layer.merge(
    Layer.unwrapScoped(Effect.map(tracer, Layer.setTracer)),
    Layer.succeed(Tracing, true)
  ).pipe(Layer.provide([client, OtlpSerialization.layerJson]))
}
