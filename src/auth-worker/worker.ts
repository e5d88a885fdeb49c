/** The Auth Worker: the source of truth for which workspaces exist. */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Either from "effect/Either"
import { type ApiError, refuse } from "./ApiError.ts"
import { AuthConfig, decodeConfig } from "./AuthConfig.ts"
import { devRoutes } from "./devRoutes.ts"
import type { Env } from "./Env.ts"
import { internalRoutes } from "./internalRoutes.ts"
import { logger } from "./logger.ts"
import * as Registry from "./Registry.ts"
import { discardBody } from "./RequestBody.ts"
import { type Answer, dispatch, route } from "./Router.ts"
import { randomId } from "./Secrets.ts"
import { parseTraceparent, TraceContext } from "./TraceContext.ts"
import { workspaceRoutes } from "./workspaceRoutes.ts"

export { WorkspaceRegistry } from "./WorkspaceRegistry.ts"

const routes = [
  route("GET", "/health", () => Effect.succeed({ status: 200, body: { status: "healthy" } })),
  ...internalRoutes,
  ...workspaceRoutes,
  ...devRoutes
]

/** Decoded once per isolate; the platform gives every request of an isolate the same bindings. */
const configs = new WeakMap<Env, Either.Either<Context.Tag.Service<AuthConfig>, ApiError>>()

const configOf = (env: Env) => {
  const known = configs.get(env)
  if (known !== undefined) return known
  const decoded = decodeConfig(env)
  configs.set(env, decoded)
  return decoded
}

const toResponse = (answer: Answer, requestId: string): Response => {
  const response =
    answer instanceof Response
      ? answer
      : answer.body === undefined
        ? new Response(null, {
            status: answer.status,
            ...(answer.headers ? { headers: answer.headers } : {})
          })
        : Response.json(answer.body, {
            status: answer.status,
            ...(answer.headers ? { headers: answer.headers } : {})
          })
  response.headers.set("x-request-id", requestId)
  response.headers.set("cache-control", "no-store")
  return response
}

const errorAnswer = (error: ApiError, requestId: string): Answer => ({
  status: error.status,
  body: { error: { code: error.code, message: error.message, requestId } },
  headers: {
    ...(error.allow === undefined ? {} : { allow: error.allow }),
    ...(error.retryAfterSeconds === undefined ? {} : { "retry-after": String(error.retryAfterSeconds) }),
    ...(error.status === 401 ? { "www-authenticate": "Bearer" } : {})
  }
})

const serve = (request: Request, env: Env) =>
  Effect.gen(function* () {
    const requestId = yield* randomId
    const answer = yield* Effect.flatMap(configOf(env), (config) =>
      dispatch(routes, request).pipe(
        Effect.provide(
          Context.make(AuthConfig, config).pipe(Context.add(Registry.Registry, Registry.make(env)))
        )
      )
    ).pipe(
      Effect.tapErrorCause((cause) =>
        Cause.isDie(cause)
          ? Effect.logError("a request failed", Cause.pretty(cause), { requestId })
          : Effect.void
      ),
      Effect.catchAllDefect(() =>
        refuse("INTERNAL", "Something went wrong here; the request id names it in the log.")
      ),
      Effect.catchAll((error) => Effect.succeed(errorAnswer(error, requestId)))
    )
    yield* discardBody(request)
    return toResponse(answer, requestId)
  }).pipe(
    Effect.provideService(TraceContext, parseTraceparent(request.headers.get("traceparent"))),
    Effect.provide(logger)
  )

export default {
  fetch: (request: Request, env: Env): Promise<Response> => Effect.runPromise(serve(request, env))
}
