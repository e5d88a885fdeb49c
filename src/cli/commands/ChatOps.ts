import * as Command from "@effect/cli/Command"
import * as Effect from "effect/Effect"
import { registration } from "../../chatops/Commands.ts"
import { Screen } from "../Screen.ts"
import { summaries } from "../summaries.ts"

const commands = Command.make("commands", {}, () =>
  Effect.flatMap(Screen, ({ print }) => print(JSON.stringify(registration, null, 2)))
).pipe(
  Command.withDescription("The slash commands as JSON, for PUT /applications/<id>/commands of Discord's API.")
)

export const chatops = Command.make("chatops").pipe(
  Command.withDescription(summaries.chatops),
  Command.withSubcommands([commands])
)
