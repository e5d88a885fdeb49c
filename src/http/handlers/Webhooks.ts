/**
 * The handler of webhooks: a nudge, answered with the state of its workspace. In the contract's order: 503 when nobody
 * could authenticate, 413, 415, 401, 429, 400.
 */
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import { type NudgeOutcome, Operations } from "../../orchestration/Operations.ts"
import { answer, json } from "../Answer.ts"
import { Api } from "../Api.ts"
import { WorkspaceEvent } from "../api/WebhooksApi.ts"
import * as HttpMetrics from "../HttpMetrics.ts"
import { Refusal, unauthorized } from "../Refusal.ts"
import * as ReplayMap from "../ReplayMap.ts"
import { decodeBody, rawBody } from "../RequestBody.ts"
import * as TokenBucket from "../TokenBucket.ts"
import * as WebhookAuthentication from "../WebhookAuthentication.ts"

/** Without a secret nobody could authenticate, and every request to the path is answered with 503. */
export interface Options extends WebhookAuthentication.Options {
  /** How many authenticated webhooks are admitted. Defaults to 1,000 a second, with bursts of 5,000. */
  readonly rate?: TokenBucket.Options
}

/**
 * A quarter of the verified webhooks that one core answers (field notes), so that a flood leaves most of it to the loop;
 * a burst is what a whole fleet of workspaces may send at once.
 */
const DEFAULT_RATE: TokenBucket.Options = { burst: 5_000, perSecond: 1_000 }

/** Refusals are logged up to this rate: whoever knocks without a key does not fill the disk. */
const LOGGED_REFUSALS: TokenBucket.Options = { burst: 20, perSecond: 1 }

export const notConfigured = new Refusal({
  status: 503,
  code: "WEBHOOKS_NOT_CONFIGURED",
  message: "Webhooks are disabled: WEBHOOK_SECRET is not set."
})

const refused = unauthorized("The webhook is not authenticated.", {
  "www-authenticate": `Webhook realm="workspace-orchestrator"`
})

const stale = unauthorized("The webhook's timestamp is not within five minutes of now.", {
  "www-authenticate": `Webhook realm="workspace-orchestrator"`
})

const tooMany = (retryAfterMs: number): Refusal =>
  new Refusal({
    status: 429,
    code: "TOO_MANY_WEBHOOKS",
    message: "Too many webhooks.",
    retryAfterSeconds: Math.max(1, retryAfterMs / 1_000),
    details: { retryAfterMs }
  })

const make = Effect.fnUntraced(function* (options: Options) {
  const operations = yield* Operations
  const authenticate = WebhookAuthentication.make(options)
  const admissions = TokenBucket.make(options.rate ?? DEFAULT_RATE)
  const refusalLog = TokenBucket.make(LOGGED_REFUSALS)
  const replays = ReplayMap.make<NudgeOutcome>()
  const decode = decodeBody(WorkspaceEvent)

  const authenticated = Effect.fnUntraced(function* (
    request: HttpServerRequest.HttpServerRequest,
    body: Uint8Array
  ) {
    const verdict = authenticate(request.headers, body, yield* Clock.currentTimeMillis)
    if (Either.isRight(verdict)) return verdict.right
    HttpMetrics.webhookUnproven(verdict.left)
    if ((yield* refusalLog.take) === 0) {
      yield* Effect.logWarning("workspace_webhook.refused", {
        reason: verdict.left,
        address: Option.getOrNull(request.remoteAddress)
      })
    }
    return yield* verdict.left === "stale" ? stale : refused
  })

  const receive = Effect.gen(function* () {
    const request = yield* HttpServerRequest.HttpServerRequest
    const receivedAt = yield* DateTime.now
    const body = yield* rawBody(request)
    const { webhookId } = yield* authenticated(request, body)
    const retryAfterMs = yield* admissions.take
    if (retryAfterMs > 0) return yield* tooMany(retryAfterMs)
    const { event, instanceId } = yield* decode(body)

    // The event says where to look, never what to do (law 1): both kinds are the same nudge.
    const nudge = operations.nudge(instanceId)
    const { isFirst, outcome } = yield* Option.match(webhookId, {
      onNone: () => Effect.map(nudge, (settled) => ({ isFirst: true, outcome: settled })),
      onSome: (id) => replays.once(id, nudge)
    })
    HttpMetrics.webhookHandled(event, isFirst ? outcome.status : "duplicate")
    const durationMs = (yield* Clock.currentTimeMillis) - DateTime.toEpochMillis(receivedAt)
    const common = { instanceId, receivedAt: DateTime.formatIso(receivedAt), durationMs }
    yield* Effect.logInfo("workspace_webhook.handled", {
      event,
      storeId: instanceId,
      outcome: isFirst ? outcome.status : "duplicate",
      ...("reason" in outcome ? { reason: outcome.reason } : {}),
      ...(Option.isSome(webhookId) ? { webhookId: webhookId.value } : {}),
      durationMs
    }).pipe(Effect.annotateLogs({ category: "workspace_orchestration", operation: "webhook" }))
    if (!isFirst) return json({ status: "duplicate", originalStatus: outcome.status, ...common })
    return json({ ...outcome, ...common }, outcome.status === "reconcile_queued" ? 202 : 200)
  })

  const admitted = options.secrets.length === 0 ? Effect.fail(notConfigured) : receive
  return Effect.tapError(admitted, ({ code, status }) =>
    // What did not prove itself has been counted with the reason, which its sender is not told.
    Effect.sync(() => {
      if (status !== 401) HttpMetrics.webhookRefused(code)
    })
  )
})

export const layer = (options: Options) =>
  HttpApiBuilder.group(Api, "webhooks", (handlers) =>
    Effect.map(make(options), (receive) => handlers.handleRaw("receive", () => answer(receive)))
  )
