import * as Args from "@effect/cli/Args"
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { ApproveAnswer, PauseAnswer, RejectAnswer, ResumeAnswer } from "../../http/api/AdminViews.ts"
import { connect, show, view, WrongUsage } from "../Environment.ts"
import { summaries } from "../summaries.ts"
import { count, parseDuration } from "../Words.ts"

const optionalId = Args.text({ name: "id" }).pipe(
  Args.withDescription("a workspace; the whole loop without"),
  Args.optional
)

const reason = Options.text("reason").pipe(
  Options.withAlias("r"),
  Options.withDescription("why; it is shown wherever the pause is")
)

const forDuration = Options.text("for").pipe(
  Options.withDescription("until when, such as 30m or 2h; without, until somebody resumes it"),
  Options.optional
)

export const allowUnknown = Options.boolean("allow-unknown").pipe(
  Options.withDescription("take an id that is not known: that of a workspace which does not exist yet")
)

const milliseconds = (text: string): Effect.Effect<number, WrongUsage> => {
  const ms = parseDuration(text)
  return ms === undefined
    ? new WrongUsage({ message: "--for takes a duration such as 90s, 30m, 2h or 1d." })
    : Effect.succeed(ms)
}

export const suspend = Command.make(
  "suspend",
  { ...view, reason, for: forDuration, allowUnknown, id: optionalId },
  (options) =>
    Effect.gen(function* () {
      const client = yield* connect(options)
      const expiresInMs = yield* Effect.transposeMapOption(options.for, milliseconds)
      const body = JSON.stringify({
        reason: options.reason,
        ...(Option.isSome(options.id) ? { storeId: options.id.value } : {}),
        ...(options.allowUnknown ? { allowUnknown: true } : {}),
        ...(Option.isSome(expiresInMs) ? { expiresInMs: expiresInMs.value } : {})
      })
      const answer = yield* client.ask(PauseAnswer, { method: "POST", path: "/admin/pause", body })
      yield* show(options.output, answer, ({ pause: { expiresAt, storeId } }) => {
        const until = expiresAt === null ? "until it is resumed" : `until ${expiresAt}`
        return `${storeId ?? "The whole loop"} is paused ${until}. What runs keeps running.`
      })
    })
).pipe(Command.withDescription(summaries.suspend))

export const resume = Command.make("resume", { ...view, id: optionalId }, (options) =>
  Effect.gen(function* () {
    const client = yield* connect(options)
    const body = JSON.stringify(Option.isSome(options.id) ? { storeId: options.id.value } : {})
    const answer = yield* client.ask(ResumeAnswer, { method: "POST", path: "/admin/resume", body })
    yield* show(options.output, answer, ({ status, storeId }) => {
      const what = storeId ?? "The whole loop"
      return status === "resumed" ? `${what} is resumed, and is looked at again.` : `${what} was not paused.`
    })
  })
).pipe(Command.withDescription(summaries.resume))

const hash = Args.text({ name: "hash" }).pipe(Args.withDescription("the plan's hash, as wso diff shows it"))

export const reject = Command.make("reject", { ...view, hash }, (options) =>
  Effect.gen(function* () {
    const client = yield* connect(options)
    const body = JSON.stringify({ planHash: options.hash })
    const answer = yield* client.ask(RejectAnswer, { method: "POST", path: "/admin/removals/reject", body })
    yield* show(options.output, answer, ({ storeIds }) =>
      [
        `Rejected: ${count(storeIds.length, "workspace")} stay${storeIds.length === 1 ? "s" : ""} monitored until there is newer evidence.`,
        ...storeIds.map((storeId) => `- ${storeId}`)
      ].join("\n")
    )
  })
).pipe(Command.withDescription(summaries.reject))

export const approve = Command.make("approve", { ...view, hash }, (options) =>
  Effect.gen(function* () {
    const client = yield* connect(options)
    const body = JSON.stringify({ planHash: options.hash })
    const answer = yield* client.ask(ApproveAnswer, { method: "POST", path: "/admin/removals/approve", body })
    yield* show(options.output, answer, ({ storeIds }) =>
      [`Approved: ${count(storeIds.length, "removal")}.`, ...storeIds.map((storeId) => `- ${storeId}`)].join(
        "\n"
      )
    )
  })
).pipe(Command.withDescription(summaries.approve))
