/**
 * One POST to `NOTIFY_WEBHOOK_URL`, signed by Standard Webhooks.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Outgoing from "../transport/Outgoing.ts"
import { signedHeaders } from "../stores/messages/StandardWebhook.ts"

export interface Options {
  /** `NOTIFY_WEBHOOK_URL`. */
  readonly url: string
  /** `NOTIFY_WEBHOOK_SECRET`: every active one signs. */
  readonly secrets: ReadonlyArray<Redacted.Redacted>
}

/**
 * The receiver has not taken it. Neither its URL nor what it answered is in here, as both may hold a secret; of a redirect
 * there is the target's origin, and its path as far as that is no secret.
 */
export class Undelivered extends Schema.TaggedError<Undelivered>()("Undelivered", {
  /** `status`: it answered, with another status than 2xx. */
  reason: Schema.Literal("unreachable", "timeout", "status", "redirect"),
  /** Of HTTP; null without an answer. */
  status: Schema.NullOr(Schema.Int),
  /** Why it could not be reached, or where it redirects to; empty otherwise. */
  detail: Schema.String
}) {
  override get message(): string {
    switch (this.reason) {
      case "unreachable":
        return `The receiver could not be reached: ${this.detail}.`
      case "redirect":
        return `The receiver ${this.detail}.`
      case "timeout":
        return `The receiver did not answer within ${TIMEOUT_MS} ms.`
      case "status":
        return `The receiver answered ${String(this.status)}.`
    }
  }
}

/** Standard Webhooks advises 15 to 30 s; a person who tests waits for this one. */
const TIMEOUT_MS = 10_000

/** Sends `body` once; answers with the status, which is 2xx. `id` is the same on every attempt. */
export const post = (
  { secrets, url }: Options,
  id: string,
  body: string
): Effect.Effect<number, Undelivered> =>
  Effect.gen(function* () {
    const now = yield* Clock.currentTimeMillis
    const status = yield* Outgoing.send(
      url,
      {
        method: "POST",
        headers: {
          "content-type": "application/json",
          "user-agent": "workspace-orchestrator",
          ...signedHeaders(secrets, id, now, body)
        },
        body
      },
      Outgoing.statusOnly
    ).pipe(
      Effect.mapError((error) =>
        error._tag === "Redirected"
          ? new Undelivered({ reason: "redirect", status: error.status, detail: error.message })
          : new Undelivered({ reason: "unreachable", status: null, detail: error.message })
      )
    )
    if (status < 200 || status > 299) return yield* new Undelivered({ reason: "status", status, detail: "" })
    return status
  }).pipe(
    Effect.timeoutFail({
      duration: TIMEOUT_MS,
      onTimeout: () => new Undelivered({ reason: "timeout", status: null, detail: "" })
    })
  )
