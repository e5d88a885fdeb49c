import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { Audit } from "../../http/api/Views.ts"
import { AnswerIsNo, connect, show, view } from "../Environment.ts"
import { summaries } from "../summaries.ts"
import { table } from "../Table.ts"

const limit = Options.integer("limit").pipe(
  Options.withDescription("how many records, the newest first"),
  Options.withDefault(50)
)

const action = Options.text("action").pipe(
  Options.withDescription("only this kind, such as removal.approved"),
  Options.optional
)

const auditText = ({ records }: typeof Audit.Type): string =>
  table(
    ["SEQ", "AT", "ACTOR", "FROM", "ACTION", "SUBJECT", "OUTCOME", "DETAIL"],
    records.map((record) => [
      String(record.seq),
      record.at,
      record.actor,
      record.address,
      record.action,
      record.subject,
      record.outcome,
      record.detail
    ])
  )

const verify = Command.make("verify", view, (options) =>
  Effect.gen(function* () {
    const client = yield* connect(options)
    const answer = yield* client.ask(Audit, { method: "GET", path: "/admin/audit?limit=1&verify=true" })
    const { verification } = answer.value
    yield* show(options.output, { ...answer, raw: verification }, () => {
      if (verification === undefined) return "The server did not verify the trail."
      return verification.intact
        ? `Intact: ${verification.records} records, each bound to the one before it.`
        : `BROKEN at record ${verification.firstBrokenSeq ?? "?"}: it, or one before it, was changed or taken away.`
    })
    if (verification?.intact !== true) return yield* new AnswerIsNo()
  })
).pipe(Command.withDescription("Check that no record was changed or taken away. Exit code 1 if one was."))

export const audit = Command.make("audit", { ...view, limit, action }, (options) =>
  Effect.gen(function* () {
    const client = yield* connect(options)
    const query = new URLSearchParams({ limit: String(options.limit) })
    if (Option.isSome(options.action)) query.set("action", options.action.value)
    const answer = yield* client.ask(Audit, { method: "GET", path: `/admin/audit?${query.toString()}` })
    yield* show(options.output, answer, auditText)
  })
).pipe(Command.withDescription(summaries.audit), Command.withSubcommands([verify]))
