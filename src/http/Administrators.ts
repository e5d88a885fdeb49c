/**
 * Who may do and see what: actions are for administrators; what names a workspace is for administrators in production.
 */
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import { Credentials } from "../orchestration/Credentials.ts"
import type { Actor } from "../orchestration/Operations.ts"
import { AddressRules } from "./AddressRules.ts"
import * as AdminAuthentication from "./AdminAuthentication.ts"
import { UNKNOWN_ADDRESS } from "./ClientAddress.ts"
import * as HttpMetrics from "./HttpMetrics.ts"
import { Knocks } from "./Knocks.ts"
import { Limits, tooMany } from "./Limits.ts"
import { Refusal, unauthorized } from "./Refusal.ts"
import { pathOf } from "./Routes.ts"

export interface Options {
  /** Any of them makes an administrator; none, and there are no administrators. */
  readonly tokens: ReadonlyArray<Redacted.Redacted>
  /** Whether what names a workspace is for administrators only. */
  readonly isProduction: boolean
}

/** As the environment names the tokens. */
const TOKEN_VARIABLE = "SERVER_BYPASS_TOKEN"
const FAILURES = "admin-auth-failure"

type Request = HttpServerRequest.HttpServerRequest

/** The client's own address: the gate has looked behind our proxies. */
const addressOf = ({ remoteAddress }: Request): string =>
  Option.getOrElse(remoteAddress, () => UNKNOWN_ADDRESS)

export class Administrators extends Context.Tag("workspace-orchestrator/http/Administrators")<
  Administrators,
  {
    /** The administrator who asks; 503 if there can be none, else 401 for anybody else. */
    readonly require: Effect.Effect<Actor, Refusal, Request>
    /** 401 for who may not see what names a workspace. */
    readonly requireReader: Effect.Effect<void, Refusal, Request>
    /** Whether who asks may see what names a workspace. */
    readonly mayRead: Effect.Effect<boolean, never, Request>
    /** Whether these headers have a right token. Counts and tells nothing: for the gate, which comes first. */
    readonly isProven: (headers: AdminAuthentication.AdminHeaders) => boolean
  }
>() {}

const notConfigured = new Refusal({
  status: 503,
  code: "ADMIN_NOT_CONFIGURED",
  message: "The admin API is disabled: SERVER_BYPASS_TOKEN is not set.",
  details: { reason: "SERVER_BYPASS_TOKEN is not set" }
})

const refused = unauthorized("The admin token is missing or wrong.", {
  "www-authenticate": `Bearer realm="workspace-orchestrator"`
})

/** All administrators hold the same token; who of them asks is what they say in `X-Actor`. */
const actorOf = (request: Request): Actor => {
  const name = request.headers["x-actor"] ?? ""
  return { name: /^[\w.@:+-]{1,64}$/.test(name) ? name : "admin", address: addressOf(request) }
}

/** What a request's proof of identity came to. */
type Identity = "administrator" | Refusal

export const make = ({ isProduction, tokens }: Options) =>
  Effect.gen(function* () {
    const addresses = yield* AddressRules
    const limits = yield* Limits
    const credentials = yield* Credentials
    const knocks = yield* Knocks
    const tokenOf = AdminAuthentication.make(tokens)
    const asked = HttpServerRequest.HttpServerRequest

    /**
     * The proof is looked at first, always and at the same cost, and a right one passes: only failures are limited, so that
     * others behind the same address cannot lock an administrator out. A token is too long to be guessed at any rate.
     */
    const identify = (request: Request): Effect.Effect<Identity> =>
      Effect.gen(function* () {
        if (!AdminAuthentication.isPresented(request.headers)) {
          HttpMetrics.adminRefused("missing")
          return refused
        }
        const address = addressOf(request)
        const unlisted = addresses.refusal("admin", address)
        const path = pathOf(request.url)
        if (unlisted !== undefined) {
          yield* knocks.knocked({ door: "address", reason: "not-allowed", address, path })
          return unlisted
        }
        const place = tokenOf(request.headers)
        if (Option.isSome(place)) {
          credentials.used(TOKEN_VARIABLE, place.value)
          return "administrator"
        }
        const retryAfterMs = yield* limits.take(FAILURES, address)
        const isLockedOut = retryAfterMs > 0
        HttpMetrics.adminRefused("wrong")
        yield* knocks.knocked({ door: "admin", reason: isLockedOut ? "locked-out" : "wrong", address, path })
        return isLockedOut
          ? tooMany("TOO_MANY_FAILURES", "wrong tokens from this address", retryAfterMs)
          : refused
      })

    const reading = Effect.flatMap(asked, (request): Effect.Effect<Identity> =>
      isProduction ? identify(request) : Effect.succeed("administrator")
    )
    return Administrators.of({
      require: Effect.gen(function* () {
        const request = yield* asked
        if (tokens.length === 0) return yield* notConfigured
        const identity = yield* identify(request)
        return identity === "administrator" ? actorOf(request) : yield* identity
      }),
      requireReader: Effect.flatMap(reading, (identity) =>
        identity === "administrator" ? Effect.void : Effect.fail(identity)
      ),
      mayRead: Effect.gen(function* () {
        const { headers } = yield* asked
        // Strangers may ask for the health without a proof; that is no failure of one.
        if (isProduction && !AdminAuthentication.isPresented(headers)) return false
        return (yield* reading) === "administrator"
      }),
      isProven: (headers) => Option.isSome(tokenOf(headers))
    })
  })

export const layer = (
  options: Options
): Layer.Layer<Administrators, never, AddressRules | Limits | Credentials | Knocks> =>
  Layer.effect(Administrators, make(options))
