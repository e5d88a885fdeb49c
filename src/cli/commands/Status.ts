import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { Health } from "../../http/api/HealthViews.ts"
import { AnswerIsNo, connect, now, show, view } from "../Environment.ts"
import { Screen } from "../Screen.ts"
import { summaries } from "../summaries.ts"
import { statusText } from "../text/StatusText.ts"

/** Often enough to watch a rollout, seldom enough to be no load. */
const WATCH_INTERVAL = "2 seconds"

const watch = Options.boolean("watch").pipe(
  Options.withAlias("w"),
  Options.withDescription("show it again every two seconds")
)

export const status = Command.make("status", { ...view, watch }, (options) =>
  Effect.gen(function* () {
    const client = yield* connect(options)
    const screen = yield* Screen
    const once = Effect.gen(function* () {
      const answer = yield* client.ask(Health, { method: "GET", path: "/health" })
      const time = yield* now
      if (options.watch) yield* screen.clear
      yield* show(options.output, answer, (health) => statusText(health, time, screen.paint))
      return answer.value.status
    })
    if (options.watch) {
      // A server that restarts is what one watches for: an error is a line, not the end.
      const tolerant = Effect.catchAll(once, (error) => screen.say(error.message))
      yield* Effect.repeat(tolerant, Schedule.spaced(WATCH_INTERVAL))
      return
    }
    if ((yield* once) !== "healthy") return yield* new AnswerIsNo()
  })
).pipe(Command.withDescription(summaries.status))
