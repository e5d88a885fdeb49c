/**
 * The HTTP edge as one layer: it listens once the loop's services are there, and drains before they go.
 */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as HttpBody from "@effect/platform/HttpBody"
import * as HttpMiddleware from "@effect/platform/HttpMiddleware"
import * as HttpRouter from "@effect/platform/HttpRouter"
import * as PlatformServer from "@effect/platform/HttpServer"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import type * as Redacted from "effect/Redacted"
import type { ChatOps } from "../chatops/ChatOps.ts"
import type { Incidents } from "../incidents/Incidents.ts"
import type { Administration } from "../orchestration/Administration.ts"
import type { Backups } from "../orchestration/Backups.ts"
import type { Credentials } from "../orchestration/Credentials.ts"
import type { MessageAdministration } from "../orchestration/MessageAdministration.ts"
import type { Operations } from "../orchestration/Operations.ts"
import type { Reports } from "../orchestration/Reports.ts"
import type { StateStore } from "../orchestration/StateStore.ts"
import * as Scrubber from "../telemetry/Scrubber.ts"
import * as Tracing from "../telemetry/Tracing.ts"
import * as AddressRules from "./AddressRules.ts"
import * as Administrators from "./Administrators.ts"
import { refusalResponse, REQUEST_ID_HEADER } from "./Answer.ts"
import { Api } from "./Api.ts"
import { DISCORD_PATH } from "./api/ChatOpsApi.ts"
import { WEBHOOK_PATH } from "./api/WebhooksApi.ts"
import * as Gate from "./Gate.ts"
import * as AdminHandlers from "./handlers/Admin.ts"
import * as BackupsHandlers from "./handlers/Backups.ts"
import * as ChatOpsHandlers from "./handlers/ChatOps.ts"
import * as DescriptionHandlers from "./handlers/Description.ts"
import * as HealthHandlers from "./handlers/Health.ts"
import * as IncidentsHandlers from "./handlers/Incidents.ts"
import * as MessagesHandlers from "./handlers/Messages.ts"
import * as OperatorsHandlers from "./handlers/Operators.ts"
import * as ReportsHandlers from "./handlers/Reports.ts"
import * as SecurityHandlers from "./handlers/Security.ts"
import * as StoresHandlers from "./handlers/Stores.ts"
import * as WebhookHandlers from "./handlers/Webhooks.ts"
import * as HttpMetrics from "./HttpMetrics.ts"
import * as HttpServer from "./HttpServer.ts"
import * as HttpTracing from "./HttpTracing.ts"
import * as IpList from "./IpList.ts"
import * as Knocks from "./Knocks.ts"
import * as Limits from "./Limits.ts"
import { internal, type Refusal } from "./Refusal.ts"
import { pathOf } from "./Routes.ts"
import * as Unrouted from "./Unrouted.ts"

export interface Options {
  readonly server: HttpServer.Options
  readonly administrators: Administrators.Options
  readonly webhooks: WebhookHandlers.Options
  readonly configuration: ReportsHandlers.Options
  readonly addresses: AddressRules.Options
  /** `ALLOWED_HOSTS`. */
  readonly hosts: ReadonlyArray<string>
  readonly limits: Limits.Options
  readonly chatOps: ChatOpsHandlers.Options
  /** What is in no answer, whatever an error, a dependency or an operator has written into one. */
  readonly confidential: ReadonlyArray<Redacted.Redacted>
}

const NANOS_PER_SECOND = 1e9

/** `/Admin/reconcile` and `//admin/reconcile` are other paths than `/admin/reconcile`. */
const routerConfig = { caseSensitive: true, ignoreDuplicateSlashes: false, ignoreTrailingSlash: true }

/** The answer to what the handlers did not answer: no route, or a defect, which is logged. */
const answerCause = (unrouted: (path: string) => Refusal) => (cause: Cause.Cause<unknown>) =>
  Effect.gen(function* () {
    // The client is gone, or the connection was cut: nobody reads an answer.
    if (Cause.isInterruptedOnly(cause)) return yield* Effect.interrupt
    const { headers, method, url } = yield* HttpServerRequest.HttpServerRequest
    const path = pathOf(url)
    const ids = { requestId: headers[REQUEST_ID_HEADER] ?? "", traceId: yield* HttpTracing.currentTraceId }
    if (Predicate.isTagged(Cause.squash(cause), "RouteNotFound")) {
      return refusalResponse(unrouted(path), ids)
    }
    yield* Effect.logError("http.request_failed", cause, { method, path })
    return refusalResponse(internal, ids)
  })

/** Answers without a secret of this process in them. Streams (`/events`) are not looked at: they carry texts of ours. */
const scrubbed = (confidential: ReadonlyArray<Redacted.Redacted>) => {
  const { copy, known } = Scrubber.make(confidential)
  return (response: HttpServerResponse.HttpServerResponse): HttpServerResponse.HttpServerResponse => {
    const { body } = response
    if (body._tag !== "Uint8Array") return response
    const text = Buffer.from(body.body.buffer, body.body.byteOffset, body.body.byteLength).toString()
    if (known(text) === text) return response
    // Only in texts, never across JSON's own characters: the answer stays JSON.
    const clean = body.contentType.includes("json") ? JSON.stringify(copy(JSON.parse(text))) : known(text)
    return HttpServerResponse.setBody(response, HttpBody.text(clean, body.contentType))
  }
}

/** Counts and times the answers; a request whose sender has gone has none. */
const measured = <E, R>(app: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>) =>
  Effect.gen(function* () {
    const startedAt = yield* Clock.currentTimeNanos
    const response = yield* app
    const { method, url } = yield* HttpServerRequest.HttpServerRequest
    const seconds = Number((yield* Clock.currentTimeNanos) - startedAt) / NANOS_PER_SECOND
    HttpMetrics.answered(method, pathOf(url), response.status, seconds)
    return response
  })

const make = (options: Options) =>
  Effect.gen(function* () {
    const app = yield* HttpApiBuilder.httpApp
    const disabled: ReadonlyArray<readonly [string, Refusal]> = [
      ...(options.webhooks.secrets.length === 0
        ? [[WEBHOOK_PATH, WebhookHandlers.notConfigured] as const]
        : []),
      ...(Option.isNone(options.chatOps.publicKey)
        ? [[DISCORD_PATH, ChatOpsHandlers.notConfigured] as const]
        : [])
    ]
    const answered = Effect.catchAllCause(app, answerCause(Unrouted.make(new Map(disabled))))
    const identified = Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ headers }) =>
      Effect.annotateLogs(answered, "requestId", headers[REQUEST_ID_HEADER])
    )
    const gate = yield* Gate.make({ hosts: options.hosts })
    const traced = HttpTracing.traced(yield* Tracing.spans)
    const listener = yield* NodeHttpServer.makeHandler(
      traced(Effect.map(measured(gate(identified)), scrubbed(options.confidential)))
    ).pipe(
      // The platform's own span would carry every header, secrets included.
      HttpMiddleware.withTracerDisabledWhenEffect(() => true)
    )
    const isProxy = IpList.matcher(options.addresses.trustedProxies)
    return yield* HttpServer.make(listener, { ...options.server, isProxy })
  })

/**
 * The listening server. Fails with `HttpListenError` when it cannot listen. Closing its scope drains it for at most
 * `server.drainMs`, while the loop still answers.
 */
export const layer = (
  options: Options
): Layer.Layer<
  HttpServer.HttpServer,
  HttpServer.HttpListenError,
  | Operations
  | Administration
  | MessageAdministration
  | Backups
  | Reports
  | Incidents
  | Credentials
  | ChatOps
  | StateStore
> => {
  const handlers = Layer.mergeAll(
    HealthHandlers.layer,
    StoresHandlers.layer,
    OperatorsHandlers.layer,
    MessagesHandlers.layer,
    IncidentsHandlers.layer,
    WebhookHandlers.layer(options.webhooks),
    ChatOpsHandlers.layer(options.chatOps),
    AdminHandlers.layer,
    BackupsHandlers.layer,
    ReportsHandlers.layer(options.configuration),
    SecurityHandlers.layer,
    DescriptionHandlers.layer
  )
  return Layer.scoped(HttpServer.HttpServer, make(options)).pipe(
    Layer.provide(HttpApiBuilder.api(Api)),
    Layer.provide(handlers),
    Layer.provide([
      HttpApiBuilder.Router.Live,
      HttpApiBuilder.Middleware.layer,
      PlatformServer.layerContext,
      HttpRouter.setRouterConfig(routerConfig),
      Layer.provideMerge(
        Administrators.layer(options.administrators),
        Layer.mergeAll(AddressRules.layer(options.addresses), Limits.layer(options.limits), Knocks.layer)
      ),
      Layer.effect(HttpServer.Draining, Deferred.make<void>())
    ])
  )
}
