import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { randomBytes } from "node:crypto"
import { writeFile } from "node:fs/promises"
import { version } from "../../http/Version.ts"
import { archive, type File } from "../bundle/Archive.ts"
import { type Part, PART_TIMEOUT_MS, parts } from "../bundle/Parts.ts"
import { idsIn, mapStrings, pseudonyms, redactor } from "../bundle/Redaction.ts"
import { AnswerIsNo, connect, now, server, type ServerOptions, WrongUsage } from "../Environment.ts"
import { Screen } from "../Screen.ts"
import { ServerConfiguration } from "../ServerConfiguration.ts"
import { summaries } from "../summaries.ts"
import { bytes, count, parseDuration } from "../Words.ts"
import type { WsoClient } from "../WsoClient.ts"

/** Secrets that this environment may hold beside the server's own: the Workers', and the canary's. */
const OTHER_SECRETS = ["JWT_SECRET", "ADMIN_TOKEN", "WSO_CANARY_TOKEN", "WSO_CANARY_PASSWORD"]
/** URLs that let in whoever knows them. */
const SECRET_URLS = ["NOTIFY_WEBHOOK_URL", "MESSAGE_HANDLER_URL"]
const SALT_BYTES = 16
const OWNER_ONLY = 0o600

const since = Options.text("since").pipe(
  Options.withDescription("how far events and audit reach back, such as 24h or 7d"),
  Options.withDefault("24h")
)
const output = Options.text("output").pipe(
  Options.withAlias("o"),
  Options.withDescription("the file to write; there must be none yet"),
  Options.optional
)
const redactIds = Options.boolean("redact-ids").pipe(
  Options.withDescription("give workspaces and users other names, the same everywhere in this archive")
)

/** Everything in this environment that opens something. */
const secretsHere = (options: ServerOptions) =>
  Effect.gen(function* () {
    const { variables } = yield* ServerConfiguration
    const names = [
      ...variables.filter(({ secret }) => secret).map(({ name }) => name),
      ...OTHER_SECRETS,
      ...SECRET_URLS
    ]
    const values = yield* Effect.forEach(names, (name) =>
      Effect.orElseSucceed(Config.option(Config.string(name)), () => Option.none())
    )
    const token = Option.map(options.token, Redacted.value)
    return [...values, token].flatMap((value) =>
      Option.isSome(value) ? [value.value, ...value.value.split(",")].map((one) => one.trim()) : []
    )
  })

interface Failure {
  readonly file: string
  readonly error: string
}

interface Gathered {
  readonly contents: ReadonlyArray<readonly [Part, unknown]>
  readonly failures: ReadonlyArray<Failure>
}

/** Each part on its own: one that the server does not answer is named, and the others come all the same. */
const gather = (client: WsoClient, sinceMs: number) =>
  Effect.gen(function* () {
    const contents: Array<readonly [Part, unknown]> = []
    const failures: Array<Failure> = []
    for (const part of parts(client, sinceMs)) {
      yield* part.content.pipe(
        Effect.timeoutFail({
          duration: PART_TIMEOUT_MS,
          onTimeout: () => ({ message: `No answer within ${PART_TIMEOUT_MS} ms` })
        }),
        Effect.match({
          onSuccess: (content) => void contents.push([part, content]),
          onFailure: ({ message }) => void failures.push({ file: part.name, error: message })
        })
      )
    }
    const gathered: Gathered = { contents, failures }
    return gathered
  })

const textOf = ({ kind }: Part, content: unknown): string => {
  if (kind === "text") return String(content)
  if (kind === "ndjson" && Array.isArray(content)) {
    return content.map((line) => `${JSON.stringify(line)}\n`).join("")
  }
  return `${JSON.stringify(content, null, 2)}\n`
}

const readme = (
  options: { readonly since: string; readonly redactIds: boolean },
  url: string,
  at: string,
  { contents, failures }: Gathered
): string =>
  [
    "# Support archive of a workspace-orchestrator",
    "",
    `Made by \`wso bundle\` ${version} at ${at} from ${url}; events and audit of the last ${options.since}.`,
    "",
    ...contents.map(([{ name, what }]) => `- \`${name}\`: ${what}`),
    `- \`errors.json\`: what the server did not answer${failures.length === 0 ? ": nothing, this archive is complete" : ""}`,
    "",
    "Secrets are not in here: those of the configuration are fingerprints (sha256: and eight hex digits), and what looked like a",
    "secret or a token reads [redacted]. What users wrote was never asked for.",
    options.redactIds
      ? "Workspaces and users have other names (`id-…`), the same in all files of this archive and no other."
      : "Workspaces and users have their own names; `--redact-ids` gives them others.",
    ""
  ].join("\n")

/** The files of the archive, with nothing in them that must not leave. */
const filesOf = (
  gathered: Gathered,
  text: string,
  secrets: ReadonlyArray<string>,
  withoutIds: boolean
): ReadonlyArray<File> => {
  const ids = new Set(gathered.contents.flatMap(([, content]) => [...idsIn(content)]))
  const rename = withoutIds
    ? pseudonyms(ids, randomBytes(SALT_BYTES).toString("hex"))
    : (given: string) => given
  const redact = redactor(secrets)
  // Before they are encoded: a secret may have characters that JSON writes otherwise.
  const clean = (content: unknown): unknown => mapStrings(content, (given) => rename(redact(given)))
  return [
    { name: "README.md", text: redact(text) },
    ...gathered.contents.map(([part, content]) => ({
      name: part.name,
      text: textOf(part, clean(content))
    })),
    { name: "errors.json", text: `${JSON.stringify(clean(gathered.failures), null, 2)}\n` }
  ]
}

export const bundle = Command.make("bundle", { ...server, since, output, redactIds }, (options) =>
  Effect.gen(function* () {
    const { print, say } = yield* Screen
    const sinceMs = parseDuration(options.since)
    if (sinceMs === undefined) {
      return yield* new WrongUsage({ message: "--since takes a duration such as 2h, 24h or 7d." })
    }
    const client = yield* connect(options)
    const time = yield* now
    const at = new Date(time).toISOString()
    const folder = `wso-bundle-${at.replaceAll(/[:.]/g, "-")}`
    const file = Option.getOrElse(options.output, () => `${folder}.tgz`)
    const secrets = yield* secretsHere(options)
    const gathered = yield* gather(client, sinceMs)
    const files = filesOf(gathered, readme(options, client.url, at, gathered), secrets, options.redactIds)
    const packed = yield* archive(folder, files, time)
    yield* Effect.tryPromise({
      try: () => writeFile(file, packed, { mode: OWNER_ONLY, flag: "wx" }),
      catch: (cause) =>
        new WrongUsage({
          message: `${file} cannot be written: ${cause instanceof Error ? cause.message : String(cause)}`
        })
    })
    yield* print(`${file} (${bytes(packed.length)}, ${count(files.length, "file")})`)
    if (gathered.failures.length === 0) return
    yield* say(
      [
        `${count(gathered.failures.length, "part")} missing (errors.json):`,
        ...gathered.failures.map(({ error, file: name }) => `  ${name}: ${redactor(secrets)(error)}`)
      ].join("\n")
    )
    return yield* new AnswerIsNo()
  })
).pipe(Command.withDescription(summaries.bundle))
