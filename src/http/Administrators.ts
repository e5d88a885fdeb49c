/**
 * Who may do and see what: actions are for administrators; what names a workspace is for administrators in production.
 */
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import type { Actor } from "../orchestration/Operations.ts"
import * as AdminAuthentication from "./AdminAuthentication.ts"
import * as HttpMetrics from "./HttpMetrics.ts"
import { Refusal, unauthorized } from "./Refusal.ts"

export interface Options {
  /** Any of them makes an administrator; none, and there are no administrators. */
  readonly tokens: ReadonlyArray<Redacted.Redacted>
  /** Whether what names a workspace is for administrators only. */
  readonly isProduction: boolean
}

type Request = HttpServerRequest.HttpServerRequest

export class Administrators extends Context.Tag("workspace-orchestrator/http/Administrators")<
  Administrators,
  {
    /** The administrator who asks; 503 if there can be none, else 401 for anybody else. */
    readonly require: Effect.Effect<Actor, Refusal, Request>
    /** 401 for who may not see what names a workspace. */
    readonly requireReader: Effect.Effect<void, Refusal, Request>
    /** Whether who asks may see what names a workspace. */
    readonly mayRead: Effect.Effect<boolean, never, Request>
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
  return {
    name: /^[\w.@:+-]{1,64}$/.test(name) ? name : "admin",
    address: Option.getOrElse(request.remoteAddress, () => "unknown")
  }
}

export const make = ({ isProduction, tokens }: Options): typeof Administrators.Service => {
  const isAdministrator = AdminAuthentication.make(tokens)
  const asked = HttpServerRequest.HttpServerRequest
  const refuse = ({ headers }: Request): Effect.Effect<never, Refusal> => {
    const presented = headers["authorization"] ?? headers["x-server-token"]
    HttpMetrics.adminRefused(presented === undefined ? "missing" : "wrong")
    return Effect.fail(refused)
  }
  const mayRead = Effect.map(asked, ({ headers }) => !isProduction || isAdministrator(headers))
  return {
    require: Effect.flatMap(asked, (request) => {
      if (tokens.length === 0) return Effect.fail(notConfigured)
      return isAdministrator(request.headers) ? Effect.succeed(actorOf(request)) : refuse(request)
    }),
    requireReader: Effect.flatMap(mayRead, (may) => (may ? Effect.void : Effect.flatMap(asked, refuse))),
    mayRead
  }
}

export const layer = (options: Options): Layer.Layer<Administrators> =>
  Layer.succeed(Administrators, make(options))
