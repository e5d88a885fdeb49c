import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import { ApiError } from "./ApiError.ts"
import type { AuthConfig } from "./AuthConfig.ts"
import { operations } from "./operations.ts"
import type { Sql } from "./Sql.ts"

type Operations = typeof operations

export type OperationName = keyof Operations
type Inputs = {
  [Name in OperationName]: Parameters<Operations[Name]> extends [infer Input] ? Input : Record<string, never>
}
type Outputs = { [Name in OperationName]: Effect.Effect.Success<ReturnType<Operations[Name]>> }

export type OperationInput<Name extends OperationName> = Inputs[Name]
export type OperationOutput<Name extends OperationName> = Outputs[Name]

/** One call of an operation, as it crosses into the Durable Object. */
export interface RegistryRequest<Name extends OperationName> {
  readonly operation: Name
  readonly input: OperationInput<Name>
}

/** Its outcome, as it crosses back: errors are data there, because an exception loses its class on the way. */
export type Reply<Name extends OperationName> =
  | { readonly ok: true; readonly value: OperationOutput<Name> }
  | { readonly ok: false; readonly error: typeof ApiError.Encoded }

/** The registry as the Worker sees it through the platform's RPC. */
export interface RegistryStub {
  call<Name extends OperationName>(
    request: RegistryRequest<Name>,
    traceparent: string | null
  ): Promise<Reply<Name>>
}

const table: {
  [Name in OperationName]: (input: Inputs[Name]) => Effect.Effect<Outputs[Name], ApiError, Sql | AuthConfig>
} = operations

/** Runs the operation that a request names. */
export const runOperation = <Name extends OperationName>(
  request: RegistryRequest<Name>
): Effect.Effect<OperationOutput<Name>, ApiError, Sql | AuthConfig> => table[request.operation](request.input)

/** An outcome as it crosses the boundary. */
export const replyOf = <Name extends OperationName>(
  outcome: Effect.Effect<OperationOutput<Name>, ApiError>
): Effect.Effect<Reply<Name>> =>
  Effect.map(
    Effect.either(outcome),
    Either.match({
      onLeft: (error): Reply<Name> => ({ ok: false, error: Schema.encodeSync(ApiError)(error) }),
      onRight: (value): Reply<Name> => ({ ok: true, value })
    })
  )
