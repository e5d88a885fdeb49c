/**
 * What every command needs: where the server is, who asks, and how to print the answer.
 */
import * as Options from "@effect/cli/Options"
import * as Clock from "effect/Clock"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { hostname, userInfo } from "node:os"
import * as UrlText from "../transport/UrlText.ts"
import { escapedJson } from "../telemetry/PlainText.ts"
import { Screen } from "./Screen.ts"
import { ConfigurationWrong } from "./ServerConfiguration.ts"
import * as WsoClient from "./WsoClient.ts"

export const DEFAULT_URL = "http://127.0.0.1:3003"

/** The answer is no: exit code 1, without a further word. */
export class AnswerIsNo extends Schema.TaggedError<AnswerIsNo>()("AnswerIsNo", {}) {}

/** The answer is worse than no: exit code 2, without a further word. */
export class AnswerIsBad extends Schema.TaggedError<AnswerIsBad>()("AnswerIsBad", {}) {}

/** A command that cannot be carried out as it was given: exit code 2. */
export class WrongUsage extends Schema.TaggedError<WrongUsage>()("WrongUsage", { message: Schema.String }) {}

const url = Options.text("url").pipe(
  Options.withDescription("where the server is (or WSO_URL)"),
  Options.withFallbackConfig(Config.nonEmptyString("WSO_URL")),
  Options.withDefault(DEFAULT_URL)
)

const token = Options.redacted("token").pipe(
  Options.withDescription(
    "the admin token; others on this machine can see it here, so prefer SERVER_BYPASS_TOKEN"
  ),
  Options.withFallbackConfig(Config.redacted("SERVER_BYPASS_TOKEN")),
  Options.optional
)

/** For commands that act. */
export const server = { url, token }

const output = Options.choice("output", ["table", "wide", "json"]).pipe(
  Options.withAlias("o"),
  Options.withDescription("how to print the answer"),
  Options.withDefault("table" as const)
)

/** For commands that show. */
export const view = { ...server, output }

export interface ServerOptions {
  readonly url: string
  readonly token: Option.Option<Redacted.Redacted>
}

/** During a rotation two tokens are set: the first is the one to send. An empty one is none. */
const firstToken = (tokens: Redacted.Redacted): Option.Option<Redacted.Redacted> =>
  Option.fromNullable(
    Redacted.value(tokens)
      .split(",")
      .map((part) => part.trim())
      .find((part) => part !== "")
  ).pipe(Option.map((first) => Redacted.make(first)))

/** The operator, as far as this machine knows. */
export const actor = (): string =>
  `${userInfo().username}@${hostname()}`.replace(/[^\w.@:+-]/g, "-").slice(0, 64)

/** Paths are appended to the URLs that the command line is given. */
const baseUrl: UrlText.UrlRule = { schemes: ["http", "https"], isBase: true }

/** The base URL that a variable or option gives, or exit code 78: what it got is not repeated, as it may hold a password. */
export const baseUrlOf = (names: string, text: string): Effect.Effect<string, ConfigurationWrong> =>
  UrlText.isUrl(text.trim(), baseUrl)
    ? Effect.succeed(UrlText.asBase(text.trim()))
    : new ConfigurationWrong({ message: `${names} takes ${UrlText.takes(baseUrl)}.` })

/** What a header takes, and what the server takes for a token. */
const isSendable = (token: Redacted.Redacted): boolean => /^[\x21-\x7e]+$/.test(Redacted.value(token))

export const connect = (
  options: ServerOptions
): Effect.Effect<WsoClient.WsoClient, ConfigurationWrong | WrongUsage> =>
  Effect.gen(function* () {
    const url = yield* baseUrlOf("--url or WSO_URL", options.url)
    const token = Option.flatMap(options.token, firstToken)
    if (Option.exists(token, (given) => !isSendable(given))) {
      return yield* new WrongUsage({
        message:
          "The token has a space, a line break or a character beyond ASCII in it, and cannot be sent: check --token or SERVER_BYPASS_TOKEN."
      })
    }
    return WsoClient.make({ url, token, actor: actor() })
  })

export const now: Effect.Effect<number> = Clock.currentTimeMillis

/** Prints the answer as it was sent for `-o json`, else as text. */
export const show = <A>(
  format: "table" | "wide" | "json",
  answer: WsoClient.Answer<A>,
  text: (value: A) => string
): Effect.Effect<void, never, Screen> =>
  Effect.flatMap(Screen, ({ print }) =>
    print(format === "json" ? escapedJson(JSON.stringify(answer.raw, null, 2)) : text(answer.value))
  )
