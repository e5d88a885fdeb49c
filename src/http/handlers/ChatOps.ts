/**
 * The handler of Discord's interactions. As for webhooks: 503 when nobody could authenticate, 413, 415, 401, 400.
 */
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import { ChatOps } from "../../chatops/ChatOps.ts"
import * as ChatOpsMetrics from "../../chatops/ChatOpsMetrics.ts"
import { parse } from "../../chatops/Commands.ts"
import { Interaction, isPing, message, pong } from "../../chatops/Discord.ts"
import * as DiscordSignature from "../../chatops/DiscordSignature.ts"
import { answer, json } from "../Answer.ts"
import { Api } from "../Api.ts"
import { DISCORD_PATH } from "../api/ChatOpsApi.ts"
import * as HttpMetrics from "../HttpMetrics.ts"
import { Knocks } from "../Knocks.ts"
import { Limits, tooMany } from "../Limits.ts"
import { Refusal, unauthorized } from "../Refusal.ts"
import { decodeBody, rawBody } from "../RequestBody.ts"
import * as TokenBucket from "../TokenBucket.ts"

export interface Options {
  /** `CHATOPS_DISCORD_PUBLIC_KEY`, 64 hex digits; None: every request to the path is answered with 503. */
  readonly publicKey: Option.Option<string>
}

/** People type; what comes faster is a loop. Each command is written to the audit trail. */
const COMMANDS: TokenBucket.Options = { burst: 20, perSecond: 1 }

const FAILURES = "chatops-auth-failure"

export const notConfigured = new Refusal({
  status: 503,
  code: "CHATOPS_NOT_CONFIGURED",
  message: "Chat-ops are disabled: CHATOPS_DISCORD_PUBLIC_KEY is not set."
})

/** Discord checks, when the endpoint is registered and now and then later, that it is refused with exactly 401. */
const refused = unauthorized("The interaction is not signed by Discord, or not now.", {
  "www-authenticate": `Signature realm="workspace-orchestrator"`
})

const make = Effect.fnUntraced(function* (publicKey: string) {
  const chatOps = yield* ChatOps
  const verify = DiscordSignature.make(publicKey)
  const commands = TokenBucket.make(COMMANDS)
  const limits = yield* Limits
  const knocks = yield* Knocks
  const decode = decodeBody(Interaction, { others: "ignored" })

  return Effect.gen(function* () {
    const request = yield* HttpServerRequest.HttpServerRequest
    const address = Option.getOrElse(request.remoteAddress, () => "unknown")
    const body = yield* rawBody(request)
    const verdict = verify(request.headers, body, yield* Clock.currentTimeMillis)
    if (Either.isLeft(verdict)) {
      HttpMetrics.chatOpsUnproven(verdict.left)
      // What Discord signed at another time, or twice, has not failed to prove who sends it.
      const isSigned = verdict.left === "stale" || verdict.left === "replayed"
      const retryAfterMs = isSigned ? 0 : yield* limits.take(FAILURES, address)
      const reason = retryAfterMs > 0 ? "locked-out" : verdict.left
      yield* knocks.knocked({ door: "chatops", reason, address, path: DISCORD_PATH })
      if (retryAfterMs > 0) {
        return yield* tooMany("TOO_MANY_FAILURES", "wrong signatures from this address", retryAfterMs)
      }
      return yield* refused
    }
    const interaction = yield* decode(body)
    if (isPing(interaction)) return json(pong)
    const retryAfterMs = yield* commands.take
    if (retryAfterMs === 0) return json(message(yield* chatOps.answer(interaction, address)))
    const parsed = parse(interaction.data)
    ChatOpsMetrics.commanded(Either.isRight(parsed) ? parsed.right.verb : parsed.left.verb, "throttled")
    return json(message("Too many commands: try again in a few seconds."))
  })
})

export const layer = ({ publicKey }: Options) =>
  HttpApiBuilder.group(Api, "chatops", (handlers) =>
    Effect.map(
      Option.match(publicKey, { onNone: () => Effect.succeed(Effect.fail(notConfigured)), onSome: make }),
      (receive) => handlers.handleRaw("discord", () => answer(receive))
    )
  )
