import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { ApiError, refuse } from "./ApiError.ts"
import type { Env } from "./Env.ts"
import type { OperationInput, OperationName, OperationOutput } from "./RegistryProtocol.ts"
import { TraceContext } from "./TraceContext.ts"

/** The registry, as the Worker's handlers use it. */
export class Registry extends Context.Tag("auth-worker/Registry")<
  Registry,
  {
    /**
     * Runs an operation in the registry. Fails as the operation fails, or with REGISTRY_UNAVAILABLE when the object cannot
     * be reached: the operation may then have happened, which is why creations can be repeated.
     */
    readonly call: <Name extends OperationName>(
      operation: Name,
      input: OperationInput<Name>
    ) => Effect.Effect<OperationOutput<Name>, ApiError>
  }
>() {}

/** The one object that holds an environment's workspaces. */
const objectName = "registry"

export const make = (env: Env): Context.Tag.Service<Registry> => ({
  call: (operation, input) =>
    Effect.gen(function* () {
      const traceparent = Option.getOrNull(yield* TraceContext)
      const reply = yield* Effect.tryPromise({
        // A stub is broken for ever once its object failed: take a new one for each call.
        try: () =>
          env.WORKSPACE_REGISTRY.get(env.WORKSPACE_REGISTRY.idFromName(objectName)).call(
            { operation, input },
            traceparent
          ),
        catch: (cause) => cause
      }).pipe(
        Effect.tapError((cause) =>
          Effect.logError("the registry failed", String(cause)).pipe(Effect.annotateLogs({ operation }))
        ),
        Effect.mapError(() =>
          refuse("REGISTRY_UNAVAILABLE", "The registry of workspaces cannot be reached: try again.")
        )
      )
      if (reply.ok) return reply.value
      return yield* Effect.flatMap(Effect.orDie(Schema.decode(ApiError)(reply.error)), Effect.fail)
    })
})
