import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { CredentialList, LiftAnswer, LimitList, LockdownAnswer } from "../../http/api/SecurityApi.ts"
import { connect, now, show, view, WrongUsage } from "../Environment.ts"
import { summaries } from "../summaries.ts"
import { table } from "../Table.ts"
import { duration, relative } from "../Words.ts"

const limitsText = ({ limits: all }: typeof LimitList.Type, time: number): string =>
  table(
    ["LIMIT", "USED", "OF", "IN", "FREE", "BUSIEST", "REJECTED"],
    all.map(({ busiestSource, limit, limiter, rejected, resetAt, used, windowMs }) => [
      limiter,
      String(used),
      String(limit),
      duration(windowMs),
      used === 0 ? "" : relative(resetAt, time),
      busiestSource ?? "",
      String(rejected)
    ])
  )

export const limits = Command.make("limits", view, (options) =>
  Effect.gen(function* () {
    const client = yield* connect(options)
    const answer = yield* client.ask(LimitList, { method: "GET", path: "/limits" })
    const time = yield* now
    yield* show(options.output, answer, (value) => limitsText(value, time))
  })
).pipe(Command.withDescription(summaries.limits))

const secretsText = ({ secrets: all }: typeof CredentialList.Type, time: number): string =>
  table(
    ["VARIABLE", "SLOT", "FINGERPRINT", "USES", "LAST-USED", "SINCE"],
    all.flatMap(({ secrets: active, variable }) =>
      active.length === 0
        ? [[variable, "not set", "", "", "", ""]]
        : active.map(({ fingerprint, firstSeenAt, lastUsedAt, slot, uses }) => [
            variable,
            slot,
            fingerprint,
            uses === null ? "" : String(uses),
            lastUsedAt === null ? "" : relative(lastUsedAt, time),
            relative(firstSeenAt, time)
          ])
    )
  )

export const secrets = Command.make("secrets", view, (options) =>
  Effect.gen(function* () {
    const client = yield* connect(options)
    const answer = yield* client.ask(CredentialList, { method: "GET", path: "/admin/secrets" })
    const time = yield* now
    yield* show(options.output, answer, (value) => secretsText(value, time))
  })
).pipe(Command.withDescription(summaries.secrets))

const LOCKDOWN_PATH = "/admin/lockdown"

const reason = Options.text("reason").pipe(
  Options.withAlias("r"),
  Options.withDescription("why; it is in the health and in the audit trail")
)

const lift = Command.make("lift", { ...view, reason }, (options) =>
  Effect.gen(function* () {
    const client = yield* connect(options)
    const body = JSON.stringify({ reason: options.reason })
    const answer = yield* client.ask(LiftAnswer, { method: "DELETE", path: LOCKDOWN_PATH, body })
    const time = yield* now
    yield* show(options.output, answer, ({ lockdown: lifted }) =>
      lifted === null
        ? "Nothing was locked down."
        : `Lifted: it was locked down by ${lifted.actor} ${relative(lifted.since, time)} (${lifted.reason}). A run of the whole loop begins.`
    )
  })
).pipe(Command.withDescription("Lift the lockdown; a run of the whole loop makes good what was refused."))

/** Not required by the command itself, or `wso lockdown lift` would need it twice. */
const optionalReason = Options.optional(reason)

export const lockdown = Command.make("lockdown", { ...view, reason: optionalReason }, (options) =>
  Effect.gen(function* () {
    if (Option.isNone(options.reason)) {
      return yield* new WrongUsage({ message: "wso lockdown needs --reason; wso lockdown lift ends it." })
    }
    const client = yield* connect(options)
    const body = JSON.stringify({ reason: options.reason.value })
    const answer = yield* client.ask(LockdownAnswer, { method: "POST", path: LOCKDOWN_PATH, body })
    yield* show(options.output, answer, ({ lockdown: standing, status }) =>
      status === "locked_down"
        ? "Locked down: webhooks and the admin API answer 503 until it is lifted. The loop goes on; wso lockdown lift ends it."
        : `It is locked down already, by ${standing.actor} since ${standing.since} (${standing.reason}).`
    )
  })
).pipe(Command.withDescription(summaries.lockdown), Command.withSubcommands([lift]))
