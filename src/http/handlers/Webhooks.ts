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
import { Credentials } from "../../orchestration/Credentials.ts"
import { stopwatch } from "../../controller/Elapsed.ts"
import { type NudgeOutcome, Operations } from "../../orchestration/Operations.ts"
import { answer, json } from "../Answer.ts"
import { Api } from "../Api.ts"
import { WEBHOOK_PATH, WorkspaceEvent } from "../api/WebhooksApi.ts"
import { UNKNOWN_ADDRESS } from "../ClientAddress.ts"
import * as HttpMetrics from "../HttpMetrics.ts"
import { Knocks } from "../Knocks.ts"
import { Limits, tooMany } from "../Limits.ts"
import { Refusal, unauthorized } from "../Refusal.ts"
import * as ReplayMap from "../ReplayMap.ts"
import { decodeBody, rawBody } from "../RequestBody.ts"
import * as WebhookAuthentication from "../WebhookAuthentication.ts"

/** Without a secret nobody could authenticate, and every request to the path is answered with 503. */
export type Options = WebhookAuthentication.Options

/** As the environment names the secrets. */
const SECRET_VARIABLE = "WEBHOOK_SECRET"
const FAILURES = "webhook-auth-failure"

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

const make = Effect.fnUntraced(function* (options: Options) {
  const operations = yield* Operations
  const authenticate = WebhookAuthentication.make(options)
  const limits = yield* Limits
  const credentials = yield* Credentials
  const knocks = yield* Knocks
  const replays = ReplayMap.make<NudgeOutcome>()
  const decode = decodeBody(WorkspaceEvent, { others: "ignored" })

  const authenticated = Effect.fnUntraced(function* (
    request: HttpServerRequest.HttpServerRequest,
    body: Uint8Array
  ) {
    const address = Option.getOrElse(request.remoteAddress, () => UNKNOWN_ADDRESS)
    // The proof first: a right one passes whatever others behind the same address have sent.
    const verdict = authenticate(request.headers, body, yield* Clock.currentTimeMillis)
    if (Either.isRight(verdict)) {
      credentials.used(SECRET_VARIABLE, verdict.right.secret)
      const retryAfterMs = yield* limits.takeProven("webhook-source", address)
      if (retryAfterMs > 0) {
        return yield* tooMany("TOO_MANY_WEBHOOKS", "webhooks from this address", retryAfterMs)
      }
      return verdict.right
    }
    HttpMetrics.webhookUnproven(verdict.left)
    // A right signature of another time has not failed to prove who sends it.
    const failureMs = verdict.left === "stale" ? 0 : yield* limits.take(FAILURES, address)
    const floodMs = yield* limits.take("webhook-source", address)
    yield* knocks.knocked({
      door: "webhook",
      reason: failureMs > 0 || floodMs > 0 ? "locked-out" : verdict.left,
      address,
      path: WEBHOOK_PATH
    })
    if (failureMs > 0) {
      return yield* tooMany("TOO_MANY_FAILURES", "wrong webhooks from this address", failureMs)
    }
    if (floodMs > 0) return yield* tooMany("TOO_MANY_WEBHOOKS", "webhooks from this address", floodMs)
    return yield* verdict.left === "stale" ? stale : refused
  })

  const receive = Effect.gen(function* () {
    const request = yield* HttpServerRequest.HttpServerRequest
    const receivedAt = yield* DateTime.now
    const elapsedMs = yield* stopwatch
    const body = yield* rawBody(request)
    const { webhookId } = yield* authenticated(request, body)
    const retryAfterMs = yield* limits.take("webhook", "")
    if (retryAfterMs > 0) return yield* tooMany("TOO_MANY_WEBHOOKS", "webhooks", retryAfterMs)
    const { event, instanceId, userId } = yield* decode(body)

    // The event says where to look, and what to check where the answer contradicts it; never what to do (law 1).
    const claim = event === "workspace.created" ? "created" : "deleted"
    const nudge = operations.nudge(instanceId, { claim, userId })
    const { isFirst, outcome } = yield* Option.match(webhookId, {
      onNone: () => Effect.map(nudge, (settled) => ({ isFirst: true, outcome: settled })),
      onSome: (id) => replays.once(id, nudge)
    })
    HttpMetrics.webhookHandled(event, isFirst ? outcome.status : "duplicate")
    const durationMs = Math.round(yield* elapsedMs)
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
