/** The Auth Worker: the source of truth for which workspaces exist. */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { type ApiError, refuse } from "./ApiError.ts"
import { AuthConfig, decodeConfig } from "./AuthConfig.ts"
import type { Env } from "./Env.ts"
import { logger } from "./logger.ts"
import { allowOrigin, preflight } from "./Cors.ts"
import * as PasswordQueue from "./PasswordQueue.ts"
import * as RateLimits from "./RateLimits.ts"
import * as HostNames from "../transport/HostNames.ts"
import * as Registry from "./Registry.ts"
import { discardBody } from "./RequestBody.ts"
import { errorAnswer, toResponse } from "./Responses.ts"
import { dispatch } from "./Router.ts"
import { routes } from "./routes.ts"
import { randomId } from "./Secrets.ts"
import { parseTraceparent, TraceContext } from "./TraceContext.ts"

export { WorkspaceRegistry } from "./WorkspaceRegistry.ts"

/** Decoded once per isolate; the platform gives every request of an isolate the same bindings. */
const configs = new WeakMap<Env, Either.Either<Context.Tag.Service<AuthConfig>, ApiError>>()

const configOf = (env: Env) => {
  const known = configs.get(env)
  if (known !== undefined) return known
  const decoded = decodeConfig(env)
  configs.set(env, decoded)
  return decoded
}

/** What handlers may use. */
type Services = AuthConfig | Registry.Registry | RateLimits.RateLimits | PasswordQueue.PasswordQueue

const rateLimits = RateLimits.make()
const passwordQueue = PasswordQueue.make()

const misdirected = refuse("MISDIRECTED_REQUEST", "The Auth Worker does not answer to that host name.")

/** A page of a stranger must not reach a Worker on this machine under a name of its own (DNS rebinding). */
const answersTo = (hosts: ReadonlyArray<string>, request: Request): boolean => {
  const isKnown = HostNames.matcher(hosts)
  const header = request.headers.get("host")
  return hosts.length === 0 || (isKnown(new URL(request.url).host) && (header === null || isKnown(header)))
}

const serve = (request: Request, env: Env) =>
  Effect.gen(function* () {
    const requestId = yield* randomId
    const config = configOf(env)
    const origins = Either.match(config, {
      onLeft: () => [],
      onRight: ({ ALLOWED_ORIGINS }) => ALLOWED_ORIGINS
    })
    const answer = yield* Effect.flatMap(config, (valid) =>
      Effect.suspend(() => {
        if (!answersTo(valid.ALLOWED_HOSTS, request)) return misdirected
        const answered = preflight(request, origins)
        return answered === undefined ? dispatch<Services>(routes, request) : Effect.succeed(answered)
      }).pipe(
        Effect.provide(
          Context.make(AuthConfig, valid).pipe(
            Context.add(Registry.Registry, Registry.make(env)),
            Context.add(RateLimits.RateLimits, rateLimits),
            Context.add(PasswordQueue.PasswordQueue, passwordQueue)
          )
        )
      )
    ).pipe(
      Effect.tapErrorCause((cause) =>
        Cause.isDie(cause)
          ? Effect.logError("a request failed", Cause.pretty(cause)).pipe(Effect.annotateLogs({ requestId }))
          : Effect.void
      ),
      Effect.catchAllDefect(() =>
        refuse("INTERNAL", "Something went wrong here; the request id names it in the log.")
      ),
      Effect.catchAll((error) => Effect.succeed(errorAnswer(error, requestId)))
    )
    yield* discardBody(request)
    const response = toResponse(answer, requestId)
    allowOrigin(request, response, origins)
    return response
  }).pipe(
    Effect.provideService(TraceContext, parseTraceparent(request.headers.get("traceparent"))),
    Effect.provide(logger)
  )

export default {
  fetch: (request: Request, env: Env): Promise<Response> => Effect.runPromise(serve(request, env))
}
