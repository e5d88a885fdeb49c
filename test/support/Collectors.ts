/** Sentry and an OpenTelemetry collector on loopback, which remember what the running program sends them. */
import { createServer } from "node:http"
import { gunzipSync } from "node:zlib"

export interface SentryBreadcrumb {
  readonly category?: string
  readonly message?: string
  readonly data?: Readonly<Record<string, unknown>>
}

export interface SentryEvent {
  readonly release?: string
  readonly environment?: string
  readonly level?: string
  readonly tags?: Readonly<Record<string, string>>
  readonly fingerprint?: ReadonlyArray<string>
  readonly breadcrumbs?: ReadonlyArray<SentryBreadcrumb>
  readonly contexts?: Readonly<Record<string, Readonly<Record<string, unknown>>>>
  readonly exception?: {
    readonly values: ReadonlyArray<{ readonly type?: string; readonly value?: string }>
  }
}

export interface OtlpSpan {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  readonly kind: number
  readonly attributes: Readonly<Record<string, unknown>>
  readonly status: { readonly code: number }
  readonly links: ReadonlyArray<{ readonly traceId: string; readonly spanId: string }>
  readonly resource: Readonly<Record<string, unknown>>
}

export interface Collectors extends AsyncDisposable {
  /** For `SENTRY_DSN`. */
  readonly dsn: string
  /** For `OTEL_EXPORTER_OTLP_ENDPOINT`. */
  readonly otlpEndpoint: string
  readonly events: ReadonlyArray<SentryEvent>
  readonly spans: ReadonlyArray<OtlpSpan>
  /** Every body as it came. */
  readonly bodies: ReadonlyArray<string>
}

const parse = (text: string): unknown => JSON.parse(text)

/** The events of an envelope: pairs of lines, an item's header and its payload, after the envelope's own header. */
const eventsOf = (body: string): ReadonlyArray<SentryEvent> => {
  const lines = body.split("\n").slice(1)
  return lines.flatMap((line, index) =>
    index % 2 === 0 && line.includes('"type":"event"') ? [parse(lines[index + 1] ?? "{}") as SentryEvent] : []
  )
}

interface Attribute {
  readonly key: string
  readonly value: Readonly<Record<string, unknown>>
}

const attributesOf = (attributes: ReadonlyArray<Attribute>) =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]))

interface Traces {
  readonly resourceSpans: ReadonlyArray<{
    readonly resource: { readonly attributes: ReadonlyArray<Attribute> }
    readonly scopeSpans: ReadonlyArray<{
      readonly spans: ReadonlyArray<
        Omit<OtlpSpan, "attributes" | "resource"> & { readonly attributes: ReadonlyArray<Attribute> }
      >
    }>
  }>
}

const spansOf = (body: string): ReadonlyArray<OtlpSpan> =>
  (parse(body) as Traces).resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) =>
      spans.map((span) => ({
        ...span,
        attributes: attributesOf(span.attributes),
        resource: attributesOf(resource.attributes)
      }))
    )
  )

export const startCollectors = async (): Promise<Collectors> => {
  const events: Array<SentryEvent> = []
  const spans: Array<OtlpSpan> = []
  const bodies: Array<string> = []
  const server = createServer((request, response) => {
    const chunks: Array<Buffer> = []
    request.on("data", (chunk: Buffer) => void chunks.push(chunk))
    request.on("end", () => {
      const bytes = Buffer.concat(chunks)
      const body = (request.headers["content-encoding"] === "gzip" ? gunzipSync(bytes) : bytes).toString()
      bodies.push(body)
      if (request.url?.startsWith("/api/42/envelope/") === true) events.push(...eventsOf(body))
      else if (request.url === "/v1/traces") spans.push(...spansOf(body))
      response.writeHead(200, { "content-type": "application/json" }).end("{}")
    })
  })
  const port = await new Promise<number>((resolve) => {
    server.listen({ host: "127.0.0.1", port: 0 }, () => {
      const address = server.address()
      resolve(typeof address === "object" && address !== null ? address.port : 0)
    })
  })
  return {
    dsn: `http://publickey@127.0.0.1:${port}/42`,
    otlpEndpoint: `http://127.0.0.1:${port}`,
    events,
    spans,
    bodies,
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      })
  }
}
