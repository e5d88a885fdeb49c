import * as Args from "@effect/cli/Args"
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { Decided, Messages } from "../../http/api/MessagesViews.ts"
import { AnswerIsNo, connect, now, server, show, view } from "../Environment.ts"
import { Screen } from "../Screen.ts"
import { summaries } from "../summaries.ts"
import { table } from "../Table.ts"
import { relative } from "../Words.ts"

/** As many as the server lists on one page: whoever has more looks for their common reason first. */
const LIMIT = 1_000

const workspace = Options.text("workspace").pipe(
  Options.withAlias("w"),
  Options.withDescription("only those of this workspace"),
  Options.optional
)

const messagesText = ({ messages, nextCursor }: typeof Messages.Type, time: number): string =>
  messages.length === 0
    ? "No message is parked."
    : [
        table(
          ["WORKSPACE", "MESSAGE", "CONVERSATION", "ATTEMPTS", "PARKED", "LAST-ERROR"],
          messages.map(({ attempts, conversationId, lastError, messageId, parkedAt, storeId }) => [
            storeId,
            messageId,
            conversationId,
            String(attempts),
            relative(parkedAt, time),
            lastError ?? ""
          ])
        ),
        ...(nextCursor === null ? [] : [`And more: these are the first ${messages.length}.`])
      ].join("\n")

const id = Args.text({ name: "id" }).pipe(Args.withDescription("a workspace"))
const message = Args.text({ name: "message" }).pipe(Args.withDescription("the id of a parked message"))

const decision = (name: "retry" | "drop", description: string) =>
  Command.make(name, { ...server, id, message }, (options) =>
    Effect.gen(function* () {
      const client = yield* connect(options)
      const { print } = yield* Screen
      const path = `/admin/messages/${encodeURIComponent(options.id)}/${encodeURIComponent(options.message)}/${name}`
      const { value } = yield* client.ask(Decided, { method: "POST", path })
      yield* print(
        value.status === "retrying"
          ? `${value.messageId} is handled again.`
          : `${value.messageId} is given up for good.`
      )
    })
  ).pipe(Command.withDescription(description))

export const messages = Command.make("messages", { ...view, workspace }, (options) =>
  Effect.gen(function* () {
    const client = yield* connect(options)
    const query = new URLSearchParams({ status: "parked", limit: String(LIMIT) })
    if (Option.isSome(options.workspace)) query.set("storeId", options.workspace.value)
    const answer = yield* client.ask(Messages, { method: "GET", path: `/messages?${query.toString()}` })
    const time = yield* now
    yield* show(options.output, answer, (value) => messagesText(value, time))
    if (answer.value.messages.length > 0) return yield* new AnswerIsNo()
  })
).pipe(
  Command.withDescription(summaries.messages),
  Command.withSubcommands([
    decision("retry", "Handle a parked message again, as if it were new."),
    decision("drop", "Give a parked message up for good.")
  ])
)
