import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Outgoing from "../transport/Outgoing.ts"
import type { OwedWebhook } from "./Outbox.ts"
import { parseRetryAfter } from "./Retry.ts"
import { signWebhook } from "./WebhookSignature.ts"

/** How one attempt ended. `Gone` is the server's 410: this webhook is not wanted, and is not tried again. */
export type AttemptOutcome =
  | { readonly _tag: "Delivered"; readonly status: Option.Option<number> }
  | { readonly _tag: "Gone"; readonly status: Option.Option<number>; readonly reason: string }
  | {
      readonly _tag: "Failed"
      readonly status: Option.Option<number>
      readonly reason: string
      readonly retryAfterMs: Option.Option<number>
    }

/** Where and how webhooks are sent. */
export interface Endpoint {
  readonly url: string
  /** Active secrets, the one to present first. */
  readonly secrets: ReadonlyArray<string>
  readonly timeoutMs: number
}

/**
 * One attempt to deliver a webhook, with both authentications of the contract (section 2). The id stays the same over all
 * attempts; the timestamp and signature are of this one. Never fails: what went wrong is the outcome.
 */
export const sendWebhook = (row: OwedWebhook, endpoint: Endpoint): Effect.Effect<AttemptOutcome> =>
  Effect.gen(function* () {
    const now = yield* Clock.currentTimeMillis
    const timestamp = Math.floor(now / 1_000)
    const signature = yield* signWebhook(endpoint.secrets, row.webhook_id, timestamp, row.body)
    const answer = yield* Outgoing.send(
      endpoint.url,
      {
        method: "POST",
        headers: {
          "content-type": "application/json",
          "user-agent": "workspace-orchestrator-auth-worker",
          "x-webhook-secret": endpoint.secrets[0] ?? "",
          "webhook-id": row.webhook_id,
          "webhook-timestamp": String(timestamp),
          "webhook-signature": signature,
          traceparent: row.traceparent
        },
        body: row.body
      },
      // The answer's text has no bearing on what is owed (law 1).
      async (response) => {
        const retryAfter = response.headers.get("retry-after")
        return { status: await Outgoing.statusOnly(response), retryAfter }
      }
    )
    const status = Option.some(answer.status)
    if (answer.status >= 200 && answer.status <= 299) return { _tag: "Delivered", status } as const
    const reason = `the server answered ${answer.status}`
    if (answer.status === 410) return { _tag: "Gone", status, reason } as const
    return { _tag: "Failed", status, reason, retryAfterMs: parseRetryAfter(answer.retryAfter, now) } as const
  }).pipe(
    Effect.timeout(endpoint.timeoutMs),
    Effect.catchAll((error) =>
      Effect.succeed({
        _tag: "Failed",
        status: error._tag === "Redirected" ? Option.some(error.status) : Option.none(),
        reason:
          error._tag === "TimeoutException"
            ? `no answer within ${endpoint.timeoutMs} ms`
            : error._tag === "Redirected"
              ? `the server ${error.message}`
              : `the server could not be reached (${error.message})`,
        retryAfterMs: Option.none()
      } as const)
    )
  )
