import * as Args from "@effect/cli/Args"
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import * as Effect from "effect/Effect"
import { Breaker, CircuitBreakers, Queue, StuckList } from "../../http/api/Views.ts"
import { AnswerIsNo, connect, now, server, show, view, WrongUsage } from "../Environment.ts"
import { Screen } from "../Screen.ts"
import { summaries } from "../summaries.ts"
import { checkLines } from "../text/ChecksText.ts"
import { pairs, table } from "../Table.ts"
import { duration, parseDuration, relative } from "../Words.ts"

const queueText = (queue: typeof Queue.Type, time: number): string =>
  [
    pairs([
      [
        "Ready",
        `${queue.depth} (${Object.entries(queue.byPriority)
          .map(([name, depth]) => `${name} ${depth}`)
          .join(", ")})`
      ],
      [
        "Running",
        `${queue.running} of ${queue.workers}, the longest for ${duration(queue.longestRunningMs)}`
      ],
      ["Waiting", String(queue.waiting)],
      ["Oldest", duration(queue.oldestMs)],
      ["Since start", `${queue.adds} adds, ${queue.retries} retries`]
    ]),
    table(
      ["WORKSPACE", "STATE", "PRIORITY", "SINCE", "NEXT", "WHY", "ATTEMPTS"],
      queue.items.map(({ attempts, priority, reason, since, state, storeId, until }) => [
        storeId,
        state,
        priority ?? "",
        relative(since, time),
        relative(until, time),
        reason ?? "",
        String(attempts)
      ])
    )
  ].join("\n\n")

export const queue = Command.make("queue", view, (options) =>
  Effect.gen(function* () {
    const client = yield* connect(options)
    const answer = yield* client.ask(Queue, { method: "GET", path: "/queue" })
    const time = yield* now
    yield* show(options.output, answer, (value) => queueText(value, time))
  })
).pipe(Command.withDescription(summaries.queue))

const olderThan = Options.text("older-than").pipe(
  Options.withDescription("how long something must have been out of place, such as 30s or 5m"),
  Options.withDefault("1m")
)

export const stuck = Command.make("stuck", { ...view, olderThan }, (options) =>
  Effect.gen(function* () {
    const client = yield* connect(options)
    const olderThanMs = parseDuration(options.olderThan)
    if (olderThanMs === undefined) {
      return yield* new WrongUsage({ message: "--older-than takes a duration such as 30s, 5m or 2h." })
    }
    const answer = yield* client.ask(StuckList, {
      method: "GET",
      path: `/queue/stuck?olderThanMs=${olderThanMs}`
    })
    const { paint } = yield* Screen
    const time = yield* now
    const { checks = [] } = answer.value
    const server = checkLines(checks, time, paint)
    yield* show(options.output, answer, (value) =>
      [
        value.stuck.length === 0
          ? `Nothing has been out of place for ${duration(olderThanMs)}.`
          : table(
              ["WORKSPACE", "KIND", "FOR", "WHY", "MESSAGE"],
              value.stuck.map(({ forMs, kind, message, reason, storeId }) => [
                storeId,
                kind,
                duration(forMs),
                reason,
                message
              ])
            ),
        ...(server.length === 0 ? [] : ["", "About the whole server:", ...server])
      ].join("\n")
    )
    if (answer.value.stuck.length > 0 || checks.some(({ status }) => status === "fail"))
      return yield* new AnswerIsNo()
  })
).pipe(Command.withDescription(summaries.stuck))

const circuitsText = (breakers: ReadonlyArray<typeof Breaker.Type>, time: number): string =>
  table(
    ["CIRCUIT", "STATE", "FAILURES", "OPENED", "PROBE", "LAST-ERROR"],
    breakers.map(({ failureCount, lastError, name, openedAt, state, willResetAt }) => [
      name,
      state,
      String(failureCount),
      relative(openedAt, time),
      relative(willResetAt, time),
      lastError ?? ""
    ])
  )

const name = Args.text({ name: "name" }).pipe(Args.withDescription("a circuit breaker"))

const reset = Command.make("reset", { ...server, name }, (options) =>
  Effect.gen(function* () {
    const client = yield* connect(options)
    const { print } = yield* Screen
    const path = `/admin/circuit-breakers/${encodeURIComponent(options.name)}/reset`
    const { value } = yield* client.ask(Breaker, { method: "POST", path })
    yield* print(`${value.name} is ${value.state}.`)
  })
).pipe(Command.withDescription("Let an open circuit breaker admit a probe now."))

export const circuits = Command.make("circuits", view, (options) =>
  Effect.gen(function* () {
    const client = yield* connect(options)
    const answer = yield* client.ask(CircuitBreakers, { method: "GET", path: "/circuit-breakers" })
    const time = yield* now
    yield* show(options.output, answer, ({ circuitBreakers }) => circuitsText(circuitBreakers, time))
    if (answer.value.circuitBreakers.some(({ state }) => state !== "closed")) return yield* new AnswerIsNo()
  })
).pipe(Command.withDescription(summaries.circuits), Command.withSubcommands([reset]))
