import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import * as Effect from "effect/Effect"
import { DailyReport } from "../../http/api/ReportsViews.ts"
import { AnswerIsBad, AnswerIsNo, connect, now, show, view } from "../Environment.ts"
import { Screen } from "../Screen.ts"
import { summaries } from "../summaries.ts"
import { reportMarkdown, reportText } from "../text/ReportText.ts"

const json = Options.boolean("json").pipe(Options.withDescription("the same as -o json"))

const markdown = Options.boolean("markdown").pipe(
  Options.withDescription("as Markdown, for a channel or a ticket")
)

const daily = Command.make("daily", { ...view, json, markdown }, (options) =>
  Effect.gen(function* () {
    const client = yield* connect(options)
    const { paint } = yield* Screen
    const answer = yield* client.ask(DailyReport, { method: "GET", path: "/reports/daily" })
    const time = yield* now
    yield* show(options.json ? "json" : options.output, answer, (report) =>
      options.markdown ? reportMarkdown(report, time) : reportText(report, time, paint)
    )
    if (answer.value.status === "warn") return yield* new AnswerIsNo()
    if (answer.value.status === "fail") return yield* new AnswerIsBad()
  })
).pipe(
  Command.withDescription(
    "How the last day was: each check with what was found, what is wanted and what to do. Exit code 1 if one warns, 2 if one fails."
  )
)

export const report = Command.make("report").pipe(
  Command.withDescription(summaries.report),
  Command.withSubcommands([daily])
)
