/**
 * The server's configuration: every environment variable is one entry of a table, from which values, error messages
 * and documentation come. Nothing else reads the environment.
 */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import { pipe } from "effect/Function"
import * as Option from "effect/Option"
import * as ParseResult from "effect/ParseResult"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { createHash } from "node:crypto"
import * as IpList from "./http/IpList.ts"
import type { Rate } from "./http/RateLimiter.ts"
import * as SecretFile from "./SecretFile.ts"
import { strayVariables } from "./StrayVariables.ts"
import * as UrlText from "./transport/UrlText.ts"

/** EX_CONFIG of sysexits.h: the exit code of a process whose configuration is wrong. */
export const configExitCode = 78

/** Longer values are cut in an error message. */
const MAX_SHOWN_LENGTH = 120

/** Node's timers overflow beyond 2^31 - 1 ms (24.8 days). */
const MAX_TIMER_MS = 2_147_483_647
const HOUR_MS = 3_600_000
const YEAR_MS = 31_536_000_000

/** One environment variable, as data. `A` is its value in the program. */
export interface Variable<A> {
  readonly name: string
  /** What it takes, in words that complete "takes …". */
  readonly takes: string
  /** What an operator would write to get the default; null if there is none. */
  readonly default: string | null
  readonly doc: string
  /** Never printed, and may be read from the file that `<name>_FILE` names. */
  readonly secret: boolean
  /** A URL that lets in whoever knows it: its path and query are as secret as a password, and are not printed. */
  readonly secretPath?: boolean
  /** None if the text is not what it takes. */
  readonly parse: (text: string) => Option.Option<A>
  /** The value when the variable is unset. */
  readonly unset: Option.Option<A>
}

/** What a kind of variable takes, and what becomes of it. */
interface Kind<A> {
  readonly takes: string
  readonly schema: Schema.Schema<A, string>
}

const withDefault = <A>(name: string, kind: Kind<A>, defaultText: string, doc: string): Variable<A> => {
  const parse = Schema.decodeOption(kind.schema)
  return {
    name,
    takes: kind.takes,
    default: defaultText,
    doc,
    secret: false,
    parse,
    unset: parse(defaultText)
  }
}

const optional = <A>(name: string, kind: Kind<A>, doc: string): Variable<Option.Option<A>> => {
  const parse = Schema.decodeOption(kind.schema)
  return {
    name,
    takes: kind.takes,
    default: null,
    doc,
    secret: false,
    parse: (text) => Option.map(parse(text), Option.some),
    unset: Option.some(Option.none())
  }
}

const list = <A>(name: string, kind: Kind<ReadonlyArray<A>>, doc: string): Variable<ReadonlyArray<A>> => ({
  name,
  takes: kind.takes,
  default: null,
  doc,
  secret: false,
  parse: Schema.decodeOption(kind.schema),
  unset: Option.some([])
})

const secret = <A>(variable: Variable<A>): Variable<A> => ({ ...variable, secret: true })

const secretPath = <A>(variable: Variable<A>): Variable<A> => ({ ...variable, secretPath: true })

const anyText: Kind<string> = { takes: "any text", schema: Schema.String }

/** Decimal digits only: nobody means `0x10`, `1e3` or `3.0`. */
const wholeNumber = (minimum: number, maximum: number, unit = ""): Kind<number> => ({
  takes: `a whole number from ${minimum} to ${maximum}${unit}`,
  schema: Schema.String.pipe(
    Schema.pattern(/^\d{1,15}$/),
    Schema.compose(Schema.NumberFromString),
    Schema.between(minimum, maximum)
  )
})

const milliseconds = (minimum: number, maximum: number): Kind<number> =>
  wholeNumber(minimum, maximum, " (milliseconds)")

const lowercase = Schema.transform(Schema.String, Schema.String, {
  strict: true,
  decode: (text) => text.toLowerCase(),
  encode: (text) => text
})

const oneOf = <const Values extends readonly [string, ...ReadonlyArray<string>]>(
  ...values: Values
): Kind<Values[number]> => ({
  takes: `one of ${values.join(", ")}`,
  schema: Schema.compose(lowercase, Schema.Literal(...values), { strict: false })
})

const flag: Kind<boolean> = {
  takes: "true or false",
  schema: Schema.compose(
    lowercase,
    Schema.transformLiterals(
      ["true", true],
      ["false", false],
      ["1", true],
      ["0", false],
      ["yes", true],
      ["no", false],
      ["on", true],
      ["off", false]
    ),
    { strict: false }
  )
}

const url = (rule: UrlText.UrlRule): Kind<string> => ({
  takes: UrlText.takes(rule),
  schema: Schema.String.pipe(Schema.filter((text) => UrlText.isUrl(text, rule)))
})

/** A page that people open. */
const pageUrl = url({ schemes: ["http", "https"], isBase: false, mayHaveFragment: true })

/** A URL that this program calls as it stands. */
const calledUrl = url({ schemes: ["http", "https"], isBase: false })

/** One to which paths are appended: without its trailing slash. */
const base = url({ schemes: ["http", "https"], isBase: true })
const baseUrl: Kind<string> = {
  takes: base.takes,
  schema: Schema.transform(base.schema, Schema.String, {
    strict: true,
    decode: UrlText.asBase,
    encode: (text) => text
  })
}

/** LiveStore appends a query of its own. */
const syncUrl = url({ schemes: ["ws", "wss", "http", "https"], isBase: true })

const commaSeparated = Schema.transform(Schema.String, Schema.Array(Schema.String), {
  strict: true,
  decode: (text) =>
    text
      .split(",")
      .map((part) => part.trim())
      .filter((part) => part !== ""),
  encode: (parts) => parts.join(",")
})

const unique = <A>(values: ReadonlyArray<A>): ReadonlyArray<A> => [...new Set(values)]

/** The id of a workspace and of its store (wire contract, section 2). */
const STORE_ID = /^[a-zA-Z0-9][a-zA-Z0-9_-]{2,63}$/

const storeIds: Kind<ReadonlyArray<string>> = {
  takes: "comma-separated workspace ids (3 to 64 letters, digits, _ and -, beginning with a letter or digit)",
  schema: Schema.transform(
    commaSeparated.pipe(Schema.compose(Schema.Array(Schema.String.pipe(Schema.pattern(STORE_ID))))),
    Schema.Array(Schema.String),
    { strict: true, decode: unique, encode: (ids) => ids }
  )
}

/** All parts by the parser, or nothing. */
const each = <A>(parts: ReadonlyArray<string>, parse: (part: string) => Option.Option<A>) =>
  Option.all(unique(parts).map(parse))

const networks: Kind<ReadonlyArray<IpList.Network>> = {
  takes: "comma-separated addresses and networks, IPv4 or IPv6, such as 10.0.0.0/8,2001:db8::1",
  schema: Schema.transformOrFail(
    commaSeparated,
    Schema.Array(
      Schema.Struct({
        address: Schema.String,
        prefix: Schema.Number,
        family: Schema.Literal("ipv4", "ipv6")
      })
    ),
    {
      strict: true,
      decode: (parts, _, ast) =>
        Option.match(each(parts, IpList.parse), {
          onNone: () => ParseResult.fail(new ParseResult.Type(ast, parts)),
          onSome: ParseResult.succeed
        }),
      encode: (list) => ParseResult.succeed(list.map(({ address, prefix }) => `${address}/${prefix}`))
    }
  )
}

const TIME_UNITS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: HOUR_MS }
const MAX_RATE_COUNT = 1_000_000_000
const MAX_RATE_WINDOW_MS = 24 * HOUR_MS

const parseRate = (text: string): Option.Option<Rate> => {
  const match = /^(\d{1,10})\/(\d{1,5})([smh])$/.exec(text.replaceAll(" ", ""))
  const count = Number(match?.[1] ?? 0)
  const windowMs = Number(match?.[2] ?? 0) * (TIME_UNITS[match?.[3] ?? ""] ?? 0)
  const isRate = count >= 1 && count <= MAX_RATE_COUNT && windowMs >= 1_000 && windowMs <= MAX_RATE_WINDOW_MS
  return isRate ? Option.some({ count, windowMs }) : Option.none()
}

const rate: Kind<Rate> = {
  takes: "a number of requests in a time, such as 600/1m (s, m or h; at most 24h)",
  schema: Schema.transformOrFail(
    Schema.String,
    Schema.Struct({ count: Schema.Number, windowMs: Schema.Number }),
    {
      strict: true,
      decode: (text, _, ast) =>
        Option.match(parseRate(text), {
          onNone: () => ParseResult.fail(new ParseResult.Type(ast, text)),
          onSome: ParseResult.succeed
        }),
      encode: ({ count, windowMs }) => ParseResult.succeed(`${count}/${windowMs / 1_000}s`)
    }
  )
}

/** Two secrets may be active at a time, so that one can be replaced without a gap. */
const MAX_ACTIVE_SECRETS = 2

const secrets = (
  takes: string,
  isGood: (secret: string) => boolean
): Kind<ReadonlyArray<Redacted.Redacted>> => ({
  takes: `one secret, or ${MAX_ACTIVE_SECRETS} separated by a comma during a rotation, ${takes}`,
  schema: Schema.transform(
    commaSeparated.pipe(
      Schema.filter((parts) => parts.length >= 1 && parts.length <= MAX_ACTIVE_SECRETS && parts.every(isGood))
    ),
    Schema.Array(Schema.RedactedFromSelf(Schema.String)),
    {
      strict: true,
      decode: (parts) => unique(parts).map((part) => Redacted.make(part)),
      encode: (parts) => parts.map(Redacted.value)
    }
  )
})

const visibleAscii = (text: string): boolean => /^[\x21-\x7e]+$/.test(text)

/** Of Standard Webhooks. */
const webhookSecrets = secrets(
  "of visible ASCII characters; what follows whsec_ is base64",
  (text) => visibleAscii(text) && (!text.startsWith("whsec_") || /^whsec_[A-Za-z0-9+/_-]+=*$/.test(text))
)

const ed25519Key: Kind<string> = {
  takes: "an Ed25519 public key: 64 hex digits",
  schema: Schema.String.pipe(Schema.pattern(/^[0-9a-fA-F]{64}$/))
}

/** Discord's ids have 17 digits and more by now, and 20 at most. */
const hostNames: Kind<ReadonlyArray<string>> = {
  takes: "comma-separated host names or addresses, without ports",
  schema: commaSeparated.pipe(
    Schema.compose(Schema.Array(Schema.String.pipe(Schema.pattern(/^(\[[0-9a-fA-F:.]+\]|[\w.-]{1,253})$/))))
  )
}

const discordIds: Kind<ReadonlyArray<string>> = {
  takes: "comma-separated ids of Discord (15 to 20 digits)",
  schema: commaSeparated.pipe(Schema.compose(Schema.Array(Schema.String.pipe(Schema.pattern(/^\d{15,20}$/)))))
}

/** What Sentry itself would refuse, and print, when the server has started already. */
const sentryDsn = Schema.String.pipe(
  Schema.filter((text) => {
    const [, scheme = "", key = "", rest = ""] = /^(https?:\/\/)(\w+)@(.+)$/.exec(text) ?? []
    return (
      key !== "" &&
      UrlText.isUrl(`${scheme}${rest}`, { schemes: ["http", "https"], isBase: true }) &&
      /\/\d+$/.test(rest)
    )
  })
)

/** Every variable, in the order of the documentation. */
export const variables = {
  host: optional("HOST", anyText, "The address to listen on. Default: 127.0.0.1, and 0.0.0.0 in production."),
  port: withDefault("PORT", wholeNumber(0, 65_535), "3003", "The port to listen on; 0 takes any free port."),
  authWorkerInternalUrl: optional(
    "AUTH_WORKER_INTERNAL_URL",
    baseUrl,
    "The Auth Worker, the source of truth. Unset, and AUTH_WORKER_URL too: the reconciler is disabled and only STORE_IDS are monitored."
  ),
  authWorkerUrl: optional(
    "AUTH_WORKER_URL",
    baseUrl,
    "The Auth Worker's public URL, used when AUTH_WORKER_INTERNAL_URL is unset."
  ),
  serverTokens: secret(
    list(
      "SERVER_BYPASS_TOKEN",
      secrets("of visible ASCII characters", visibleAscii),
      "What this server proves itself with to the Auth Worker and the Sync Worker (the first), and what administrators prove themselves with to it (any). Unset: the reconciler and the admin API are disabled."
    )
  ),
  webhookSecrets: secret(
    list(
      "WEBHOOK_SECRET",
      webhookSecrets,
      "What the Auth Worker proves its webhooks with. Unset: webhooks answer 503."
    )
  ),
  webhookRequireSignature: withDefault(
    "WEBHOOK_REQUIRE_SIGNATURE",
    flag,
    "false",
    "Whether a webhook must carry a Standard Webhooks signature; X-Webhook-Secret alone is then refused."
  ),
  webhookWaitMs: withDefault(
    "WEBHOOK_WAIT_MS",
    milliseconds(0, 60_000),
    "2000",
    "How long a webhook waits for its workspace to settle before it is answered with 202."
  ),
  webhookRateLimit: withDefault(
    "WEBHOOK_RATE_LIMIT",
    rate,
    "5000/5s",
    "How many authenticated webhooks are admitted from all senders together; what comes above is answered 429."
  ),
  webhookSourceRateLimit: withDefault(
    "WEBHOOK_SOURCE_RATE_LIMIT",
    rate,
    "2500/5s",
    "How many webhooks are looked at from one address, authenticated or not."
  ),
  adminRateLimit: withDefault(
    "ADMIN_RATE_LIMIT",
    rate,
    "1200/1m",
    "How many requests to the admin API are admitted from one address."
  ),
  readRateLimit: withDefault(
    "READ_RATE_LIMIT",
    rate,
    "30000/1m",
    "How many other requests are admitted from one address; the probes and the metrics are not limited."
  ),
  authFailureRateLimit: withDefault(
    "AUTH_FAILURE_RATE_LIMIT",
    rate,
    "30/1m",
    "How many wrong tokens, wrong webhook proofs and wrong chat signatures of one address are answered 401 before they are 429. Right ones always pass."
  ),
  trustedProxies: list(
    "TRUSTED_PROXIES",
    networks,
    "The proxies' own addresses, whose X-Forwarded-For is believed, so that limits, lists and the audit trail see the client. Never a network that clients are in: they could write any address. Unset: nobody's."
  ),
  allowedHosts: list(
    "ALLOWED_HOSTS",
    hostNames,
    "Names that the Host header may have, beside loopback ones; others are answered 421. Unset: any. npm start takes loopback names and HOST only, its Workers too."
  ),
  webhookIpAllow: list(
    "WEBHOOK_IP_ALLOW",
    networks,
    "From where webhooks may come; others are answered 403. Unset: from everywhere."
  ),
  adminIpAllow: list(
    "ADMIN_IP_ALLOW",
    networks,
    "From where administrators may come; elsewhere the admin API answers 403 and the token shows nothing. Unset: from everywhere."
  ),
  ipDeny: list("IP_DENY", networks, "Who is answered 403 whatever is asked."),
  reconcileEnabled: withDefault(
    "WORKSPACE_RECONCILE_ENABLED",
    flag,
    "true",
    "false switches reconciliation off: only STORE_IDS are monitored (a step of the rollback plan)."
  ),
  reconcileIntervalMs: withDefault(
    "WORKSPACE_RECONCILE_INTERVAL_MS",
    milliseconds(100, 24 * HOUR_MS),
    "300000",
    "How often the whole set is compared with the source of truth; each interval varies by 10 %."
  ),
  manualReconcileMinIntervalMs: withDefault(
    "MANUAL_RECONCILE_MIN_INTERVAL_MS",
    milliseconds(0, 24 * HOUR_MS),
    "60000",
    "How soon after a successful manual run the next one may start."
  ),
  removalConfirmations: withDefault(
    "REMOVAL_CONFIRMATIONS",
    wholeNumber(1, 100),
    "2",
    "How many complete lists in a row must lack a workspace before its absence counts as evidence of removal."
  ),
  removalGraceMs: withDefault(
    "WORKSPACE_REMOVAL_GRACE_MS",
    milliseconds(0, YEAR_MS),
    "0",
    "How long after the evidence of its removal a workspace stays monitored."
  ),
  removalGuardWindowMs: withDefault(
    "REMOVAL_GUARD_WINDOW_MS",
    milliseconds(1_000, 24 * HOUR_MS),
    "600000",
    "The rolling window in which the removal guard counts removals."
  ),
  removalGuardAbsenceMin: withDefault(
    "REMOVAL_GUARD_ABSENCE_MIN",
    wholeNumber(0, 1_000_000),
    "3",
    "So many workspaces that are only missing from lists may be removed in a window, however small the set is: a few people leave at a time. What comes above is held until an operator decides."
  ),
  removalGuardAbsencePercent: withDefault(
    "REMOVAL_GUARD_ABSENCE_PERCENT",
    wholeNumber(0, 100),
    "20",
    "The same as a part of the set; the larger of the two counts. An incomplete list looks like many absences, so that this is narrow."
  ),
  removalGuardDeleteMin: withDefault(
    "REMOVAL_GUARD_DELETE_MIN",
    wholeNumber(0, 1_000_000),
    "10",
    "So many removals of all kinds may happen in a window where the changes feed names the deletions: they are wishes, and still a defect of the Auth Worker can delete too many."
  ),
  removalGuardDeletePercent: withDefault(
    "REMOVAL_GUARD_DELETE_PERCENT",
    wholeNumber(0, 100),
    "50",
    "The same as a part of the set; the larger of the two counts, and never less than what is allowed by absence."
  ),
  storeDataRetentionMs: withDefault(
    "STORE_DATA_RETENTION_MS",
    milliseconds(0, 10 * YEAR_MS),
    "86400000",
    "How long the local data of a removed workspace is kept."
  ),
  stateBackupKeep: withDefault(
    "STATE_BACKUP_KEEP",
    wholeNumber(1, 1_000),
    "10",
    "How many backups of the server's own state are kept in the folder backups of STORE_DATA_PATH; the oldest are deleted."
  ),
  shutdownGraceMs: withDefault(
    "SHUTDOWN_GRACE_MS",
    milliseconds(0, HOUR_MS),
    "30000",
    "How long a shutdown may take before what still runs is given up."
  ),
  incidentDashboardUrl: optional(
    "ORCHESTRATION_INCIDENT_DASHBOARD_URL",
    pageUrl,
    "A dashboard for people on call; shown in logs, in Sentry and by /health."
  ),
  storeIds: list(
    "STORE_IDS",
    storeIds,
    "Workspaces to monitor whatever the source of truth says; never removed."
  ),
  storeDriver: withDefault(
    "STORE_DRIVER",
    oneOf("livestore", "memory"),
    "livestore",
    "memory opens no LiveStore: for load tests and development."
  ),
  memoryDriverOpenMs: withDefault(
    "MEMORY_DRIVER_OPEN_MS",
    milliseconds(0, HOUR_MS),
    "0",
    "How long the memory driver takes to open a store."
  ),
  syncUrl: withDefault("LIVESTORE_SYNC_URL", syncUrl, "ws://localhost:8787", "The Sync Worker."),
  dataPath: withDefault(
    "STORE_DATA_PATH",
    anyText,
    "./data",
    "Where stores and the server's own state are kept."
  ),
  storeConnectionTimeoutMs: withDefault(
    "STORE_CONNECTION_TIMEOUT",
    milliseconds(1, MAX_TIMER_MS),
    "30000",
    "How long the provisioning of one store may take."
  ),
  provisionConcurrency: withDefault(
    "PROVISION_CONCURRENCY",
    wholeNumber(1, 1_024),
    "32",
    "How many workspaces are worked on at a time."
  ),
  workspaceModule: optional(
    "WORKSPACE_MODULE",
    anyText,
    "The path of an ES module with the team's own LiveStore schema and message handler. Unset: the built-in ones."
  ),
  messageHandlerUrl: secretPath(
    optional(
      "MESSAGE_HANDLER_URL",
      calledUrl,
      "Where each user message is POSTed; the JSON that comes back is committed as the answer. Unset: messages are handled by WORKSPACE_MODULE, or only counted."
    )
  ),
  messageHandlerSecrets: secret(
    list(
      "MESSAGE_HANDLER_SECRET",
      webhookSecrets,
      "What requests to MESSAGE_HANDLER_URL are signed with (Standard Webhooks); needed with it."
    )
  ),
  messageHandlerTimeoutMs: withDefault(
    "MESSAGE_HANDLER_TIMEOUT_MS",
    milliseconds(100, HOUR_MS),
    "60000",
    "How long one attempt to handle a message may take."
  ),
  messageMaxAttempts: withDefault(
    "MESSAGE_MAX_ATTEMPTS",
    wholeNumber(1, 100),
    "5",
    "After how many failures a message is parked until an operator decides."
  ),
  messageRetryBaseMs: withDefault(
    "MESSAGE_RETRY_BASE_MS",
    milliseconds(10, HOUR_MS),
    "1000",
    "How long a message waits after its first failure; doubles with each."
  ),
  messageRetryMaxMs: withDefault(
    "MESSAGE_RETRY_MAX_MS",
    milliseconds(10, 24 * HOUR_MS),
    "300000",
    "The longest that a message waits between two attempts."
  ),
  messageConcurrency: withDefault(
    "MESSAGE_CONCURRENCY",
    wholeNumber(1, 1_024),
    "32",
    "How many messages are handled at a time."
  ),
  messageStoreConcurrency: withDefault(
    "MESSAGE_STORE_CONCURRENCY",
    wholeNumber(1, 100),
    "4",
    "How many conversations of one workspace are handled at a time."
  ),
  messageStoreBacklog: withDefault(
    "MESSAGE_STORE_BACKLOG",
    wholeNumber(1, 10_000),
    "100",
    "How many open messages of one workspace are taken in at a time; the others wait in its store."
  ),
  messageLedgerKeep: withDefault(
    "MESSAGE_LEDGER_KEEP",
    wholeNumber(100, 1_000_000),
    "1000",
    "How many done messages of each workspace are remembered, so that a repeated event is known."
  ),
  notifyWebhookUrl: secretPath(
    optional(
      "NOTIFY_WEBHOOK_URL",
      calledUrl,
      "Where incidents are told: signed POSTs when one is opened, updated and resolved. Unset: they are only listed (GET /incidents)."
    )
  ),
  notifyWebhookSecrets: secret(
    list(
      "NOTIFY_WEBHOOK_SECRET",
      webhookSecrets,
      "What notifications to NOTIFY_WEBHOOK_URL are signed with (Standard Webhooks); needed with it."
    )
  ),
  notifyMinIntervalMs: withDefault(
    "NOTIFY_MIN_INTERVAL_MS",
    milliseconds(100, HOUR_MS),
    "60000",
    "The least time between two notifications of one kind of incident, and how long it must be over to be resolved."
  ),
  discordPublicKey: optional(
    "CHATOPS_DISCORD_PUBLIC_KEY",
    ed25519Key,
    "The public key of a Discord application, whose slash commands are answered at POST /chatops/discord. Unset: it answers 503."
  ),
  chatOpsChannels: list("CHATOPS_CHANNELS", discordIds, "The Discord channels in which commands are taken."),
  chatOpsAdmins: list(
    "CHATOPS_ADMINS",
    discordIds,
    "The Discord users who may reconcile, pause, resume and approve in those channels."
  ),
  sentryDsn: secret(
    optional(
      "SENTRY_DSN",
      {
        takes: "the DSN of a Sentry project, such as https://key@sentry.example.com/1",
        schema: Schema.compose(sentryDsn, Schema.Redacted(Schema.String))
      },
      "Where errors are reported. Unset: nowhere."
    )
  ),
  logLevel: withDefault(
    "LOG_LEVEL",
    oneOf("trace", "debug", "info", "warn", "error", "fatal", "silent"),
    "info",
    "The least urgent lines that are logged."
  ),
  noColor: optional("NO_COLOR", anyText, "Any value: no colours on a terminal (no-color.org)."),
  environment: withDefault(
    "NODE_ENV",
    anyText,
    "development",
    "production listens on all addresses, logs JSON, and shows workspaces to administrators only."
  ),
  otlpEndpoint: optional(
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    baseUrl,
    "The base URL of an OpenTelemetry collector (OTLP over HTTP). Unset: nothing is exported."
  )
} as const

/** What an operator may read about a variable: for the documentation and the command line. */
export interface VariableDoc {
  readonly name: string
  readonly takes: string
  readonly default: string | null
  readonly secret: boolean
  readonly doc: string
}

/** The table as documentation; a secret's `<name>_FILE` is not listed apart. */
export const variableDocs: ReadonlyArray<VariableDoc> = Object.values(variables).map(
  ({ default: defaultText, doc, name, secret: isSecret, takes }) => ({
    name,
    takes,
    default: defaultText,
    secret: isSecret,
    doc
  })
)

/** The server's configuration. Durations are milliseconds; `authWorkerUrl` and `otlpEndpoint` have no trailing slash. */
export interface ServerConfig {
  readonly environment: string
  readonly isProduction: boolean
  readonly host: string
  readonly port: number
  readonly authWorkerUrl: Option.Option<string>
  /** The first is the one to send. Empty: the reconciler and the admin API are disabled. */
  readonly serverTokens: ReadonlyArray<Redacted.Redacted>
  readonly webhookSecrets: ReadonlyArray<Redacted.Redacted>
  readonly webhookRequireSignature: boolean
  readonly webhookWaitMs: number
  readonly webhookRateLimit: Rate
  /** Of one address, as those below. */
  readonly webhookSourceRateLimit: Rate
  readonly adminRateLimit: Rate
  readonly readRateLimit: Rate
  readonly authFailureRateLimit: Rate
  readonly trustedProxies: ReadonlyArray<IpList.Network>
  /** Empty: any. */
  readonly allowedHosts: ReadonlyArray<string>
  /** Empty: everywhere. */
  readonly webhookIpAllow: ReadonlyArray<IpList.Network>
  readonly adminIpAllow: ReadonlyArray<IpList.Network>
  readonly ipDeny: ReadonlyArray<IpList.Network>
  readonly reconcileEnabled: boolean
  readonly reconcileIntervalMs: number
  readonly manualReconcileMinIntervalMs: number
  readonly removalConfirmations: number
  readonly removalGraceMs: number
  readonly removalGuardWindowMs: number
  readonly removalGuardAbsenceMin: number
  readonly removalGuardAbsencePercent: number
  readonly removalGuardDeleteMin: number
  readonly removalGuardDeletePercent: number
  readonly storeDataRetentionMs: number
  readonly stateBackupKeep: number
  readonly shutdownGraceMs: number
  readonly incidentDashboardUrl: Option.Option<string>
  readonly storeIds: ReadonlyArray<string>
  readonly storeDriver: "livestore" | "memory"
  readonly memoryDriverOpenMs: number
  readonly syncUrl: string
  readonly dataPath: string
  readonly storeConnectionTimeoutMs: number
  readonly provisionConcurrency: number
  readonly workspaceModule: Option.Option<string>
  readonly messageHandlerUrl: Option.Option<string>
  /** At least one when there is a URL. */
  readonly messageHandlerSecrets: ReadonlyArray<Redacted.Redacted>
  readonly messageHandlerTimeoutMs: number
  readonly messageMaxAttempts: number
  readonly messageRetryBaseMs: number
  readonly messageRetryMaxMs: number
  readonly messageConcurrency: number
  readonly messageStoreConcurrency: number
  readonly messageStoreBacklog: number
  readonly messageLedgerKeep: number
  readonly notifyWebhookUrl: Option.Option<string>
  /** At least one when there is a URL. */
  readonly notifyWebhookSecrets: ReadonlyArray<Redacted.Redacted>
  readonly notifyMinIntervalMs: number
  /** 64 hex digits. */
  readonly discordPublicKey: Option.Option<string>
  readonly chatOpsChannels: ReadonlyArray<string>
  readonly chatOpsAdmins: ReadonlyArray<string>
  readonly sentryDsn: Option.Option<Redacted.Redacted>
  readonly logLevel: "trace" | "debug" | "info" | "warn" | "error" | "fatal" | "silent"
  /** Whether a terminal may be written to in colours. */
  readonly colour: boolean
  readonly otlpEndpoint: Option.Option<string>
  /** All of the above as it may be shown to administrators. */
  readonly effective: ReadonlyArray<EffectiveVariable>
  /** What is probably not meant, and does not stop the start. */
  readonly warnings: ReadonlyArray<ConfigWarning>
}

/** One variable that is probably not as it was meant. Shows no secret. */
export interface ConfigWarning {
  readonly variable: string
  readonly problem: string
}

/** A variable as it was taken, for people: a secret is a fingerprint, and a URL has lost its credentials. */
export interface EffectiveVariable {
  readonly name: string
  /** Null: unset, and there is no default. */
  readonly value: string | null
  readonly source: "environment" | "file" | "default" | "unset"
  readonly secret: boolean
}

/** The active secrets of one variable. */
export interface ActiveSecrets {
  readonly variable: string
  readonly values: ReadonlyArray<Redacted.Redacted>
}

const isSecretText = (value: unknown): value is Redacted.Redacted =>
  Redacted.isRedacted(value) && typeof Redacted.value(value) === "string"

/** The secrets in the value of a variable: one that may be unset, or a list. */
const secretsIn = (value: unknown): ReadonlyArray<Redacted.Redacted> => {
  const values: unknown = Option.isOption(value) ? Option.toArray(value) : value
  return Array.isArray(values) ? values.filter(isSecretText) : []
}

/** Every variable of a configuration that takes secrets, with those that are active. */
export const secretsOf = (config: ServerConfig): ReadonlyArray<ActiveSecrets> => {
  const values: Readonly<Record<string, unknown>> = { ...config }
  return Object.entries<Variable<unknown>>(variables).flatMap(([key, { name, secret: isSecret }]) =>
    isSecret ? [{ variable: name, values: secretsIn(values[key]) }] : []
  )
}

const decodedOr = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** A part of a URL that is shorter, or a word, is no secret: taking it out of every text would spoil them. */
const MIN_URL_SECRET_LENGTH = 16
const looksRandom = (part: string): boolean =>
  part.length >= MIN_URL_SECRET_LENGTH && /\d/.test(part) && /[a-z]/i.test(part)
const SECRET_PARAMETER = /token|secret|key|pass|sig|auth|code/i

/** What of a URL opens something: credentials, keys in its query, and, of one whose path lets in, the whole of it. */
const secretsInUrl = (text: string, hasSecretPath: boolean): ReadonlyArray<string> => {
  if (!URL.canParse(text)) return []
  const { href, password, pathname, searchParams, username } = new URL(text)
  const parameters = [...searchParams]
    .filter(([name, value]) => SECRET_PARAMETER.test(name) || looksRandom(value))
    .map(([, value]) => value)
  return [
    password,
    ...parameters,
    ...[username, ...pathname.split("/")].filter(looksRandom),
    ...(hasSecretPath ? [text, href] : [])
  ]
    .flatMap((part) => [part, decodedOr(part)])
    .filter((part) => part !== "")
}

/** Operators are meant to follow it: it stands in lines of the log, and whole in answers to administrators. */
const SHOWN_URL = "incidentDashboardUrl"

/**
 * Everything in a configuration that must be in no log, answer, report or archive: each secret of each variable that takes
 * some, and what of a URL opens something. By construction: it walks the table.
 */
export const confidentialOf = (config: ServerConfig): ReadonlyArray<Redacted.Redacted> => {
  const values: Readonly<Record<string, unknown>> = { ...config }
  const inUrls = Object.entries<Variable<unknown>>(variables).flatMap(([key, variable]) => {
    const value = values[key]
    const text: unknown = Option.isOption(value) ? Option.getOrUndefined(value) : value
    return !variable.secret && typeof text === "string" && key !== SHOWN_URL
      ? secretsInUrl(text, variable.secretPath === true).map((part) => Redacted.make(part))
      : []
  })
  const secretValues = secretsOf(config).flatMap((active) => active.values)
  // A DSN is a URL, and its user is the key.
  const inSecrets = secretValues.flatMap((one) => {
    const text = Redacted.value(one)
    const user = URL.canParse(text) ? new URL(text).username : ""
    return [user, ...secretsInUrl(text, false)]
      .filter((part) => part !== "")
      .map((part) => Redacted.make(part))
  })
  return [...secretValues, ...inSecrets, ...inUrls]
}

/** What Standard Webhooks asks for, and more than anybody guesses. */
const MIN_SECRET_BYTES = 24
/** `aaaaaaaa…` and `changechangechange…` are long enough and no secret. */
const MIN_SECRET_VARIETY = 8

/** One variable that stops the start. */
export class ConfigProblem extends Schema.TaggedError<ConfigProblem>()("ConfigProblem", {
  variable: Schema.String,
  /** What it got, as it may be printed: never a secret. */
  got: Schema.String,
  takes: Schema.String
}) {
  override get message(): string {
    return `${this.variable} got ${this.got}; it takes ${this.takes}`
  }
}

/** Everything that is wrong with the configuration, at once. */
export class ConfigErrors extends Schema.TaggedError<ConfigErrors>()("ConfigErrors", {
  problems: Schema.NonEmptyArray(ConfigProblem)
}) {
  override get message(): string {
    const lines = this.problems.map((problem) => `  ${problem.message}`)
    return ["The configuration is wrong, so the server does not start:", ...lines].join("\n")
  }
}

/** A URL's credentials and the values of its query are secrets, whatever the variable. */
const withoutSecrets = (text: string): string =>
  // Up to the last @: a password may have one in it.
  text.replace(/\/\/[^/\s]*@/g, "//***@").replace(/([?&][^=&\s]+=)[^&\s#]*/g, "$1***")

/** The same for a URL that lets in whoever knows it: only where it leads. */
const withoutPath = (text: string): string => text.replace(/^(\w+:\/\/[^/?#]+)[/?#].+$/s, "$1/***")

/** The value as an error message may show it: on one line, cut, and without the secrets of a URL. */
const shown = (value: string): string => {
  const showable = withoutSecrets(value)
  return JSON.stringify(
    showable.length <= MAX_SHOWN_LENGTH ? showable : `${showable.slice(0, MAX_SHOWN_LENGTH)}…`
  )
}

/** Whether somebody could guess it. The key of a `whsec_` secret is what its base64 stands for. */
const isWeak = (secret: Redacted.Redacted): boolean => {
  const text = Redacted.value(secret)
  const encoded = /^whsec_(.*)$/.exec(text)?.[1]
  const bytes = encoded === undefined ? Buffer.byteLength(text) : Buffer.from(encoded, "base64").length
  return bytes < MIN_SECRET_BYTES || new Set(encoded ?? text).size < MIN_SECRET_VARIETY
}

/** The value of a variable, unless a secret in it could be guessed. */
const strong = <A>(variable: Variable<A>, value: A): Effect.Effect<A, ConfigProblem> =>
  variable.secret && secretsIn(value).some(isWeak)
    ? new ConfigProblem({
        variable: variable.name,
        got: "a value that is not shown",
        takes: `in production secrets of at least ${MIN_SECRET_BYTES} bytes with ${MIN_SECRET_VARIETY} different characters, such as \`openssl rand -base64 32\` gives`
      })
    : Effect.succeed(value)

type Environment = Readonly<Record<string, string | undefined>>

/** An empty value is as unset (wire contract, section 5). */
const textOf = (env: Environment, name: string): Option.Option<string> =>
  pipe(
    Option.fromNullable(env[name]),
    Option.map((value) => value.trim()),
    Option.filter((value) => value !== "")
  )

/** What the variables of an environment say: as they are, and the secrets of those whose file is named instead. */
interface Texts {
  readonly of: (name: string) => Option.Option<string>
  readonly sourceOf: (name: string) => "environment" | "file"
  readonly warnings: ReadonlyArray<ConfigWarning>
}

const fileVariable = (name: string): string => `${name}_FILE`

/** The text of the file that `<name>_FILE` names; None where it names none. */
const fileTextOf = Effect.fnUntraced(function* (env: Environment, name: string) {
  const file = textOf(env, fileVariable(name))
  if (Option.isNone(file)) return Option.none()
  if (Option.isSome(textOf(env, name))) {
    return yield* new ConfigProblem({
      variable: fileVariable(name),
      got: shown(file.value),
      takes: `nothing while ${name} is set: one of the two`
    })
  }
  const content = yield* Effect.mapError(
    SecretFile.read(file.value),
    ({ problem }) =>
      new ConfigProblem({
        variable: fileVariable(name),
        got: `${shown(file.value)}, ${problem}`,
        takes: "the path of a file that holds the secret"
      })
  )
  return Option.some({ name, path: file.value, ...content })
})

/** Every secret's file is read once, and each problem is reported. */
const textsOf = Effect.fnUntraced(function* (env: Environment) {
  const names = Object.values<Variable<unknown>>(variables).flatMap(({ name, secret: isSecret }) =>
    isSecret ? [name] : []
  )
  const [problems, read] = yield* Effect.partition(names, (name) => fileTextOf(env, name))
  const files = new Map(read.flatMap(Option.toArray).map((file) => [file.name, file]))
  const texts: Texts = {
    of: (name) =>
      Option.orElse(textOf(env, name), () =>
        Option.map(Option.fromNullable(files.get(name)), ({ text }) => text)
      ),
    sourceOf: (name) => (files.has(name) ? "file" : "environment"),
    warnings: [...files.values()].flatMap(({ name, path, readableByOthers }) =>
      readableByOthers
        ? [
            {
              variable: fileVariable(name),
              problem: `Every user of this machine can read ${shown(path)}: chmod 600`
            }
          ]
        : []
    )
  }
  return { texts, problems }
})

const FINGERPRINT_LENGTH = 8

/** Enough to see whether two servers have the same secret, and nothing that opens anything. */
const fingerprint = (secret: string): string =>
  `sha256:${createHash("sha256").update(secret).digest("hex").slice(0, FINGERPRINT_LENGTH)}`

const effectiveValue = (texts: Texts, variable: Variable<unknown>): EffectiveVariable => {
  const { default: byDefault, name, secret: isSecret } = variable
  return Option.match(texts.of(name), {
    onNone: () => ({
      name,
      value: byDefault,
      source: byDefault === null ? "unset" : "default",
      secret: isSecret
    }),
    onSome: (value) => ({
      name,
      value: isSecret
        ? value
            .split(",")
            .map((part) => fingerprint(part.trim()))
            .join(",")
        : variable.secretPath === true
          ? withoutPath(withoutSecrets(value))
          : withoutSecrets(value),
      source: texts.sourceOf(name),
      secret: isSecret
    })
  })
}

const read = Effect.fnUntraced(function* <A>(texts: Pick<Texts, "of">, variable: Variable<A>) {
  const text = texts.of(variable.name)
  const value = Option.isNone(text) ? variable.unset : variable.parse(text.value)
  if (Option.isSome(value)) return value.value
  return yield* new ConfigProblem({
    variable: variable.name,
    got: variable.secret
      ? "a value that is not shown"
      : Option.match(text, {
          onNone: () => "nothing",
          onSome: (value) => shown(variable.secretPath === true ? withoutPath(value) : value)
        }),
    takes: variable.takes
  })
})

/** Every name that means something here: what the server reads, the files of its secrets, and what the embedded stack reads. */
const knownNames = (): ReadonlyArray<string> => [
  ...Object.values<Variable<unknown>>(variables).flatMap(({ name, secret: isSecret }) =>
    isSecret ? [name, fileVariable(name)] : [name]
  ),
  ...Object.values(stackVariables).map(({ name }) => name)
]

/** Settings that have no effect without another one, which is not set. */
const halfConfigured = (
  config: Pick<
    ServerConfig,
    | "authWorkerUrl"
    | "serverTokens"
    | "webhookSecrets"
    | "webhookRequireSignature"
    | "messageHandlerUrl"
    | "messageHandlerSecrets"
    | "notifyWebhookUrl"
    | "notifyWebhookSecrets"
    | "discordPublicKey"
    | "chatOpsChannels"
    | "chatOpsAdmins"
  >
): ReadonlyArray<ConfigWarning> => {
  const warn = (applies: boolean, variable: string, problem: string) =>
    applies ? [{ variable, problem }] : []
  const isWithoutKey = Option.isNone(config.discordPublicKey)
  return [
    ...warn(
      Option.isSome(config.authWorkerUrl) && config.serverTokens.length === 0,
      variables.serverTokens.name,
      "It is not set, while the Auth Worker's URL is: nothing is reconciled, and the admin API is closed"
    ),
    ...warn(
      config.webhookRequireSignature && config.webhookSecrets.length === 0,
      variables.webhookRequireSignature.name,
      `It has no effect without ${variables.webhookSecrets.name}: every webhook is answered with 503`
    ),
    ...warn(
      config.messageHandlerSecrets.length > 0 && Option.isNone(config.messageHandlerUrl),
      variables.messageHandlerSecrets.name,
      `It has no effect without ${variables.messageHandlerUrl.name}`
    ),
    ...warn(
      config.notifyWebhookSecrets.length > 0 && Option.isNone(config.notifyWebhookUrl),
      variables.notifyWebhookSecrets.name,
      `It has no effect without ${variables.notifyWebhookUrl.name}: no incident is told anywhere`
    ),
    ...warn(
      isWithoutKey && config.chatOpsChannels.length + config.chatOpsAdmins.length > 0,
      variables.discordPublicKey.name,
      "It is not set, while CHATOPS_CHANNELS or CHATOPS_ADMINS is: no command is taken"
    ),
    ...warn(
      !isWithoutKey && config.chatOpsChannels.length === 0,
      variables.chatOpsChannels.name,
      "It is empty: no command is taken in any channel"
    )
  ]
}

/** What is sent to a URL must be signed: the problem of a URL without a secret. */
const missingSecret = (
  url: Variable<Option.Option<string>>,
  urlValue: Option.Option<string>,
  secrets: Variable<ReadonlyArray<Redacted.Redacted>>,
  secretValues: ReadonlyArray<Redacted.Redacted>
): ReadonlyArray<ConfigProblem> =>
  Option.isNone(urlValue) || secretValues.length > 0
    ? []
    : [
        new ConfigProblem({
          variable: secrets.name,
          got: "nothing",
          takes: `${secrets.takes}, while ${url.name} is set`
        })
      ]

/**
 * The configuration that an environment asks for.
 *
 * Fails with every bad variable at once, each with what it got (never a secret) and what it takes. Reads nothing but
 * `env` and the files that `*_FILE` name, so that a test or the embedded stack may pass any environment.
 */
export const loadConfig = Effect.fnUntraced(function* (
  env: Environment
): Effect.fn.Return<ServerConfig, ConfigErrors> {
  const isProduction = Option.contains(textOf(env, variables.environment.name), "production")
  const { problems: fileProblems, texts } = yield* textsOf(env)
  const of = <A>(variable: Variable<A>) =>
    isProduction
      ? Effect.flatMap(read(texts, variable), (value) => strong(variable, value))
      : read(texts, variable)
  const { authWorkerInternalUrl, host, noColor, ...values } = yield* Effect.all(
    {
      environment: of(variables.environment),
      host: of(variables.host),
      port: of(variables.port),
      authWorkerInternalUrl: of(variables.authWorkerInternalUrl),
      authWorkerUrl: of(variables.authWorkerUrl),
      serverTokens: of(variables.serverTokens),
      webhookSecrets: of(variables.webhookSecrets),
      webhookRequireSignature: of(variables.webhookRequireSignature),
      webhookWaitMs: of(variables.webhookWaitMs),
      webhookRateLimit: of(variables.webhookRateLimit),
      webhookSourceRateLimit: of(variables.webhookSourceRateLimit),
      adminRateLimit: of(variables.adminRateLimit),
      readRateLimit: of(variables.readRateLimit),
      authFailureRateLimit: of(variables.authFailureRateLimit),
      trustedProxies: of(variables.trustedProxies),
      allowedHosts: of(variables.allowedHosts),
      webhookIpAllow: of(variables.webhookIpAllow),
      adminIpAllow: of(variables.adminIpAllow),
      ipDeny: of(variables.ipDeny),
      reconcileEnabled: of(variables.reconcileEnabled),
      reconcileIntervalMs: of(variables.reconcileIntervalMs),
      manualReconcileMinIntervalMs: of(variables.manualReconcileMinIntervalMs),
      removalConfirmations: of(variables.removalConfirmations),
      removalGraceMs: of(variables.removalGraceMs),
      removalGuardWindowMs: of(variables.removalGuardWindowMs),
      removalGuardAbsenceMin: of(variables.removalGuardAbsenceMin),
      removalGuardAbsencePercent: of(variables.removalGuardAbsencePercent),
      removalGuardDeleteMin: of(variables.removalGuardDeleteMin),
      removalGuardDeletePercent: of(variables.removalGuardDeletePercent),
      storeDataRetentionMs: of(variables.storeDataRetentionMs),
      stateBackupKeep: of(variables.stateBackupKeep),
      shutdownGraceMs: of(variables.shutdownGraceMs),
      incidentDashboardUrl: of(variables.incidentDashboardUrl),
      storeIds: of(variables.storeIds),
      storeDriver: of(variables.storeDriver),
      memoryDriverOpenMs: of(variables.memoryDriverOpenMs),
      syncUrl: of(variables.syncUrl),
      dataPath: of(variables.dataPath),
      storeConnectionTimeoutMs: of(variables.storeConnectionTimeoutMs),
      provisionConcurrency: of(variables.provisionConcurrency),
      workspaceModule: of(variables.workspaceModule),
      messageHandlerUrl: of(variables.messageHandlerUrl),
      messageHandlerSecrets: of(variables.messageHandlerSecrets),
      messageHandlerTimeoutMs: of(variables.messageHandlerTimeoutMs),
      messageMaxAttempts: of(variables.messageMaxAttempts),
      messageRetryBaseMs: of(variables.messageRetryBaseMs),
      messageRetryMaxMs: of(variables.messageRetryMaxMs),
      messageConcurrency: of(variables.messageConcurrency),
      messageStoreConcurrency: of(variables.messageStoreConcurrency),
      messageStoreBacklog: of(variables.messageStoreBacklog),
      messageLedgerKeep: of(variables.messageLedgerKeep),
      notifyWebhookUrl: of(variables.notifyWebhookUrl),
      notifyWebhookSecrets: of(variables.notifyWebhookSecrets),
      notifyMinIntervalMs: of(variables.notifyMinIntervalMs),
      discordPublicKey: of(variables.discordPublicKey),
      chatOpsChannels: of(variables.chatOpsChannels),
      chatOpsAdmins: of(variables.chatOpsAdmins),
      sentryDsn: of(variables.sentryDsn),
      logLevel: of(variables.logLevel),
      noColor: of(variables.noColor),
      otlpEndpoint: of(variables.otlpEndpoint)
    },
    { mode: "validate" }
  ).pipe(
    Effect.mapError((failures) => {
      const [first, ...others] = [...fileProblems, ...Object.values(failures).flatMap(Option.toArray)]
      if (first === undefined) throw new Error("Effect.all failed without a failure")
      return new ConfigErrors({ problems: [first, ...others] })
    })
  )
  if (Arr.isNonEmptyReadonlyArray(fileProblems)) return yield* new ConfigErrors({ problems: fileProblems })
  const unsigned = [
    ...missingSecret(
      variables.messageHandlerUrl,
      values.messageHandlerUrl,
      variables.messageHandlerSecrets,
      values.messageHandlerSecrets
    ),
    ...missingSecret(
      variables.notifyWebhookUrl,
      values.notifyWebhookUrl,
      variables.notifyWebhookSecrets,
      values.notifyWebhookSecrets
    )
  ]
  if (Arr.isNonEmptyReadonlyArray(unsigned)) return yield* new ConfigErrors({ problems: unsigned })
  const authWorkerUrl = Option.orElse(authWorkerInternalUrl, () => values.authWorkerUrl)
  return {
    ...values,
    effective: Object.values(variables).map((variable) => effectiveValue(texts, variable)),
    warnings: [
      ...texts.warnings,
      ...halfConfigured({ ...values, authWorkerUrl }),
      ...strayVariables(Object.keys(env), knownNames()).map(({ meant, name }) => ({
        variable: name,
        problem: `It is not a variable of this program, and has no effect: did you mean ${meant}?`
      }))
    ],
    isProduction,
    colour: Option.isNone(noColor),
    host: Option.getOrElse(host, () => (isProduction ? "0.0.0.0" : "127.0.0.1")),
    authWorkerUrl
  }
})

/** The configuration of this process. */
export const loadProcessConfig: Effect.Effect<ServerConfig, ConfigErrors> = Effect.suspend(() =>
  loadConfig(process.env)
)

/** The variables that only the embedded stack reads (`npm start`). */
export const stackVariables = {
  authWorkerPort: withDefault(
    "AUTH_WORKER_PORT",
    wholeNumber(0, 65_535),
    "8788",
    "The port of the embedded Auth Worker; 0 takes any free port."
  ),
  syncWorkerPort: withDefault(
    "SYNC_WORKER_PORT",
    wholeNumber(0, 65_535),
    "8787",
    "The port of the embedded Sync Worker; 0 takes any free port."
  )
} as const

/** What the embedded stack is to be, beside the server's own configuration. */
export interface StackConfig {
  readonly server: ServerConfig
  readonly authWorkerPort: number
  readonly syncWorkerPort: number
  /** The variables that somebody has set. */
  readonly environment: Environment
}

/** All problems as one error. */
const joined = (errors: ReadonlyArray<ConfigErrors>): ConfigErrors => {
  const [first, ...others] = errors.flatMap(({ problems }) => problems)
  if (first === undefined) throw new Error("Effect.all failed without a failure")
  return new ConfigErrors({ problems: [first, ...others] })
}

/** The embedded stack's configuration: this process's environment over the stack's own defaults. */
export const loadProcessStackConfig = (defaults: Environment): Effect.Effect<StackConfig, ConfigErrors> =>
  Effect.suspend(() => {
    const set = Object.entries(process.env).filter(([, value]) => value !== undefined && value.trim() !== "")
    const environment: Environment = { ...defaults, ...Object.fromEntries(set) }
    const port = (variable: Variable<number>) =>
      read({ of: (name) => textOf(environment, name) }, variable).pipe(
        Effect.mapError((problem) => new ConfigErrors({ problems: [problem] }))
      )
    return Effect.all(
      {
        server: loadConfig(environment),
        authWorkerPort: port(stackVariables.authWorkerPort),
        syncWorkerPort: port(stackVariables.syncWorkerPort)
      },
      { mode: "validate" }
    ).pipe(
      Effect.mapError((failures) => joined(Object.values(failures).flatMap(Option.toArray))),
      Effect.map((values) => ({ ...values, environment }))
    )
  })

/**
 * LiveStore decides by NODE_ENV, when it is loaded, whether it hashes every materializer's result as it does in
 * development. A server that nobody told otherwise runs it as in production; our own defaults are read already.
 */
export const preferProductionLibraries = (): void => {
  process.env["NODE_ENV"] ??= "production"
}

/** Whether npm runs this program (`npm start`, `npm run server`): it sets this for what it starts. */
export const isRunByNpm = (): boolean => process.env["npm_lifecycle_event"] !== undefined
