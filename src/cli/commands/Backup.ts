import * as Args from "@effect/cli/Args"
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import { Backup, BackupList, BackupVerified } from "../../http/api/BackupsViews.ts"
import { actor, AnswerIsNo, connect, now, show, view } from "../Environment.ts"
import { Screen } from "../Screen.ts"
import { StateRestore } from "../StateRestore.ts"
import { summaries } from "../summaries.ts"
import { table } from "../Table.ts"
import { bytes, relative } from "../Words.ts"

/** `workspaces 3, audit records 12` */
const countsText = (counts: Readonly<Record<string, number>>): string =>
  Object.entries(counts)
    .map(([name, many]) => `${name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)} ${many}`)
    .join(", ")

const create = Command.make("create", view, (options) =>
  Effect.gen(function* () {
    const client = yield* connect(options)
    const answer = yield* client.ask(Backup, { method: "POST", path: "/admin/backups" })
    yield* show(
      options.output,
      answer,
      ({ id, sizeBytes }) => `${id} was made (${bytes(sizeBytes)}), and read through.`
    )
  })
).pipe(Command.withDescription("Make a backup of the server's own state, while it runs."))

const ls = Command.make("ls", view, (options) =>
  Effect.gen(function* () {
    const client = yield* connect(options)
    const answer = yield* client.ask(BackupList, { method: "GET", path: "/admin/backups" })
    const time = yield* now
    yield* show(options.output, answer, ({ backups }) =>
      backups.length === 0
        ? "There is no backup: wso backup create makes one."
        : table(
            ["BACKUP", "MADE", "SIZE"],
            backups.map(({ createdAt, id, sizeBytes }) => [id, relative(createdAt, time), bytes(sizeBytes)])
          )
    )
  })
).pipe(Command.withDescription("The backups, the newest first."))

const id = Args.text({ name: "id" }).pipe(Args.withDescription("a backup, as wso backup ls names it"))

const verifyText = (report: typeof BackupVerified.Type): string =>
  report.intact
    ? [
        `Intact: schema ${report.schemaVersion}; ${countsText(report.counts)}; the audit trail is whole.`,
        report.snapshot === null
          ? "It holds no snapshot of the source."
          : `Its snapshot of the source: revision ${report.snapshot.revision ?? "-"}, read ${report.snapshot.fetchedAt}.`
      ].join("\n")
    : `BROKEN: ${report.problems.join("; ")}.`

const verify = Command.make("verify", { ...view, id }, (options) =>
  Effect.gen(function* () {
    const client = yield* connect(options)
    const path = `/admin/backups/${encodeURIComponent(options.id)}/verify`
    const answer = yield* client.ask(BackupVerified, { method: "POST", path })
    yield* show(options.output, answer, verifyText)
    if (!answer.value.intact) return yield* new AnswerIsNo()
  })
).pipe(Command.withDescription("Read a backup through. Exit code 1 unless it can be relied on."))

const dataPath = Options.text("data-path").pipe(
  Options.withDescription("the server's data folder (or STORE_DATA_PATH)"),
  Options.withFallbackConfig(Config.nonEmptyString("STORE_DATA_PATH")),
  Options.withDefault("./data")
)

const restore = Command.make("restore", { dataPath, id }, (options) =>
  Effect.gen(function* () {
    const { print } = yield* Screen
    const state = yield* StateRestore
    const restored = yield* state.restore(options.dataPath, options.id, actor())
    yield* print(
      [
        `${options.id} is the state of ${restored.path} now: ${countsText(restored.counts)}.`,
        restored.aside === null
          ? "There was no state before."
          : `The state of before is kept as ${restored.aside}.`,
        restored.snapshotFetchedAt === null
          ? "It holds no snapshot of the source."
          : `What it knows of the source is as of ${restored.snapshotFetchedAt}.`,
        ...restored.problems.map((problem) => `Beware: ${problem}.`),
        "",
        "Next: start the server, then wso status. It reads the source anew; what came since is added, and what has gone",
        "is stopped only with evidence and past the removal guard (wso diff). wso backup create makes the next backup."
      ].join("\n")
    )
  })
).pipe(
  Command.withDescription(
    "Put a backup in the place of the state of a server that is stopped. Exit code 5 while one runs on the folder."
  )
)

export const backup = Command.make("backup").pipe(
  Command.withDescription(summaries.backup),
  Command.withSubcommands([create, ls, verify, restore])
)
