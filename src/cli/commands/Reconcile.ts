import * as Args from "@effect/cli/Args"
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { ReconcileAnswer, ReconcileOneAnswer } from "../../http/api/AdminViews.ts"
import { Event, Plan } from "../../http/api/Views.ts"
import { AnswerIsNo, connect, now, show, view } from "../Environment.ts"
import { Screen } from "../Screen.ts"
import { summaries } from "../summaries.ts"
import { planText } from "../text/PlanText.ts"
import { duration } from "../Words.ts"
import { allowUnknown } from "./Control.ts"
import { eventLine } from "./Events.ts"

const watch = Options.boolean("watch").pipe(
  Options.withDescription("print each transition while the run lasts")
)

const optionalId = Args.text({ name: "id" }).pipe(
  Args.withDescription("a workspace; all of them without"),
  Args.optional
)

const runText = ({ durationMs, result, status }: typeof ReconcileAnswer.Type): string =>
  [
    `${status} in ${duration(durationMs)}: ${result.added.length} opened, ${result.removed.length} stopped, ${result.held.length} held, ${result.failedAdds.length + result.failedRemovals.length} failed`,
    ...[...result.failedAdds, ...result.failedRemovals].map(
      ({ error, storeId }) => `  failed ${storeId}: ${error}`
    ),
    ...result.held.map(({ reason, storeId }) => `  held ${storeId}: ${reason}`)
  ].join("\n")

export const reconcile = Command.make(
  "reconcile",
  { ...view, watch, allowUnknown, id: optionalId },
  (options) =>
    Effect.gen(function* () {
      const client = yield* connect(options)
      const { say } = yield* Screen
      const watcher = options.watch
        ? yield* client.events(Event, "/events?after=live").pipe(
            Stream.runForEach((event) => say(eventLine(event))),
            Effect.catchAll((error) => say(error.message)),
            Effect.fork
          )
        : undefined
      const run = Option.match(options.id, {
        onNone: () =>
          Effect.gen(function* () {
            const answer = yield* client.ask(ReconcileAnswer, { method: "POST", path: "/admin/reconcile" })
            yield* show(options.output, answer, runText)
            return answer.value.status === "completed"
          }),
        onSome: (id) =>
          Effect.gen(function* () {
            const query = new URLSearchParams({
              storeId: id,
              ...(options.allowUnknown ? { allowUnknown: "true" } : {})
            })
            const path = `/admin/reconcile?${query.toString()}`
            const answer = yield* client.ask(ReconcileOneAnswer, { method: "POST", path })
            yield* show(options.output, answer, ({ reason, status, storeId }) =>
              reason === undefined ? `${storeId}: ${status}` : `${storeId}: ${status} (${reason})`
            )
            return answer.value.status !== "reconcile_queued"
          })
      })
      const isDone = yield* run
      if (watcher !== undefined) yield* Fiber.interrupt(watcher)
      if (!isDone) return yield* new AnswerIsNo()
    })
).pipe(Command.withDescription(summaries.reconcile))

export const diff = Command.make("diff", view, (options) =>
  Effect.gen(function* () {
    const client = yield* connect(options)
    const { paint } = yield* Screen
    const answer = yield* client.ask(Plan, { method: "GET", path: "/admin/plan" })
    const time = yield* now
    yield* show(options.output, answer, (plan) => planText(plan, time, paint))
    if (answer.value.differs) return yield* new AnswerIsNo()
  })
).pipe(Command.withDescription(summaries.diff))
