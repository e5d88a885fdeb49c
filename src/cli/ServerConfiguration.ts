/**
 * What the command line knows of the server's configuration; its `main` says how it is read.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

/** The environment's variables are not a configuration. The message names every bad one, and shows no secret. */
export class ConfigurationWrong extends Schema.TaggedError<ConfigurationWrong>()("ConfigurationWrong", {
  message: Schema.String
}) {}

export interface VariableDoc {
  readonly name: string
  readonly takes: string
  readonly default: string | null
  readonly doc: string
  /** Never printed. */
  readonly secret: boolean
}

export class ServerConfiguration extends Context.Tag("workspace-orchestrator/cli/ServerConfiguration")<
  ServerConfiguration,
  {
    /** Reads this environment as the server does when it starts; answers what is probably not meant, a sentence each. */
    readonly validate: Effect.Effect<ReadonlyArray<string>, ConfigurationWrong>
    readonly variables: ReadonlyArray<VariableDoc>
  }
>() {}
