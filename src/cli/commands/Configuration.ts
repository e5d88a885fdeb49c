import * as Command from "@effect/cli/Command"
import * as Effect from "effect/Effect"
import { Screen } from "../Screen.ts"
import { summaries } from "../summaries.ts"
import { ServerConfiguration } from "../ServerConfiguration.ts"
import { table } from "../Table.ts"

const validate = Command.make("validate", {}, () =>
  Effect.gen(function* () {
    const { print } = yield* Screen
    const configuration = yield* ServerConfiguration
    const warnings = yield* configuration.validate
    yield* print(
      ["The configuration is valid.", ...warnings.map((warning) => `Warning: ${warning}`)].join("\n")
    )
  })
).pipe(
  Command.withDescription(
    "Check the environment's variables, as the server does when it starts. Exit code 78 if one is wrong."
  )
)

const list = Command.make("list", {}, () =>
  Effect.gen(function* () {
    const { print } = yield* Screen
    const { variables } = yield* ServerConfiguration
    const rows = variables.map(({ default: byDefault, doc, name, takes }) => [
      name,
      byDefault ?? "",
      takes,
      doc
    ])
    yield* print(table(["VARIABLE", "DEFAULT", "TAKES", "WHAT"], rows))
  })
).pipe(Command.withDescription("Every variable, with its default and what it takes."))

export const config = Command.make("config").pipe(
  Command.withDescription(summaries.config),
  Command.withSubcommands([validate, list])
)
