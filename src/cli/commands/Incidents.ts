import * as Command from "@effect/cli/Command"
import * as Effect from "effect/Effect"
import { IncidentList, NotificationTested } from "../../http/api/IncidentsViews.ts"
import { AnswerIsNo, connect, now, show, view } from "../Environment.ts"
import { summaries } from "../summaries.ts"
import { pairs, table } from "../Table.ts"
import { duration, relative } from "../Words.ts"

type List = typeof IncidentList.Type

const countsText = (counts: Readonly<Record<string, number>>): string =>
  Object.entries(counts)
    .map(([what, count]) => `${what} ${count}`)
    .join(", ")

const deliveryText = (
  { configured, lastDeliveredAt, lastError, pending }: List["notifications"],
  time: number
) =>
  configured
    ? pairs([
        ["Told to", "NOTIFY_WEBHOOK_URL"],
        ["Not arrived yet", String(pending)],
        ["Last arrived", relative(lastDeliveredAt, time)],
        ["Last error", lastError ?? "-"]
      ])
    : "Nobody is told: NOTIFY_WEBHOOK_URL is not set."

const incidentsText = ({ incidents, notifications }: List, time: number): string =>
  [
    incidents.length === 0
      ? "No incident is open, and none was of late."
      : table(
          ["INCIDENT", "SEVERITY", "SINCE", "RESOLVED", "COUNTS", "SUMMARY", "RUNBOOK"],
          incidents.map(({ counts, kind, resolvedAt, runbook, severity, since, summary }) => [
            kind,
            severity,
            relative(since, time),
            relative(resolvedAt, time),
            countsText(counts),
            summary,
            runbook
          ])
        ),
    deliveryText(notifications, time)
  ].join("\n\n")

export const incidents = Command.make("incidents", view, (options) =>
  Effect.gen(function* () {
    const client = yield* connect(options)
    const answer = yield* client.ask(IncidentList, { method: "GET", path: "/incidents" })
    const time = yield* now
    yield* show(options.output, answer, (value) => incidentsText(value, time))
    if (answer.value.incidents.some(({ state }) => state === "open")) return yield* new AnswerIsNo()
  })
).pipe(Command.withDescription(summaries.incidents))

const test = Command.make("test", view, (options) =>
  Effect.gen(function* () {
    const client = yield* connect(options)
    const answer = yield* client.ask(NotificationTested, {
      method: "POST",
      path: "/admin/notifications/test"
    })
    yield* show(
      options.output,
      answer,
      ({ durationMs, httpStatus }) =>
        `Delivered: the receiver answered ${httpStatus} in ${duration(durationMs)}.`
    )
  })
).pipe(
  Command.withDescription(
    "Send a test notification, and say what came back. Exit code 2 if it did not arrive."
  )
)

export const notify = Command.make("notify").pipe(
  Command.withDescription(summaries.notify),
  Command.withSubcommands([test])
)
