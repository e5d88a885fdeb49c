import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { Event } from "../../http/api/Views.ts"
import { connect, view } from "../Environment.ts"
import { Screen } from "../Screen.ts"
import { summaries } from "../summaries.ts"

/** The kept events come in one go; a stream that is silent for this long has said them all. */
const QUIET = "300 millis"

/** One line of the log of transitions. */
export const eventLine = ({ at, message, storeId, type }: typeof Event.Type): string =>
  `${at}  ${type}  ${storeId ?? "-"}  ${message}`

const follow = Options.boolean("follow").pipe(
  Options.withAlias("f"),
  Options.withDescription("go on with those to come")
)

export const events = Command.make("events", { ...view, follow }, (options) =>
  Effect.gen(function* () {
    const client = yield* connect(options)
    const { print } = yield* Screen
    const all = client.events(Event, "/events?after=0")
    const chosen = options.follow ? all : Stream.timeout(all, QUIET)
    yield* Stream.runForEach(chosen, (event) =>
      print(options.output === "json" ? JSON.stringify(event) : eventLine(event))
    )
  })
).pipe(Command.withDescription(summaries.events))
