import * as Context from "effect/Context"
import * as Either from "effect/Either"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { ApiError } from "./ApiError.ts"
import * as UrlText from "../transport/UrlText.ts"
import type { Env } from "./Env.ts"
import { describeProblems } from "./Problems.ts"

/** A whole number with a default; a variable that does not parse refuses to start. */
const whole = (fallback: number, minimum: number, maximum: number) =>
  Schema.optionalWith(
    Schema.NumberFromString.pipe(
      Schema.filter((value) => Number.isSafeInteger(value) && value >= minimum && value <= maximum)
    ).annotations({
      message: () => ({ message: `expected a whole number from ${minimum} to ${maximum}`, override: true })
    }),
    { exact: true, default: () => fallback }
  )

const flag = Schema.optionalWith(
  Schema.transform(Schema.Literal("true", "false"), Schema.Boolean, {
    strict: true,
    decode: (text) => text === "true",
    encode: (value) => (value ? ("true" as const) : ("false" as const))
  }).annotations({ message: () => ({ message: "expected true or false", override: true }) }),
  { exact: true, default: () => false }
)

const words = Schema.transform(Schema.String, Schema.Array(Schema.String), {
  strict: true,
  decode: (text) =>
    text
      .split(",")
      .map((word) => word.trim())
      .filter((word) => word !== ""),
  encode: (list) => list.join(",")
})

/**
 * One secret, or two while it is being rotated (comma-separated: the first is used, both are accepted). They travel in headers,
 * hence the characters.
 */
const secrets = (minimumLength: number) => {
  const isSecret = (text: string) => text.length >= minimumLength && /^[\x21-\x7e]+$/.test(text)
  return words.pipe(
    Schema.filter((list) => list.length >= 1 && list.length <= 2 && list.every(isSecret), {
      message: () =>
        `expected one or two secrets of at least ${minimumLength} visible characters, comma-separated`
    }),
    Schema.Redacted
  )
}

/** It is called as it stands, so it may have a query. */
const calledUrl: UrlText.UrlRule = { schemes: ["http", "https"], isBase: false }
const isHttpUrl = (text: string): boolean => UrlText.isUrl(text, calledUrl)

const httpUrl = Schema.String.pipe(
  Schema.filter(isHttpUrl, { message: () => `expected ${UrlText.takes(calledUrl)}` })
)

const origins = words.pipe(
  Schema.filter((list) => list.every((one) => isHttpUrl(one) && new URL(one).origin === one), {
    message: () => "expected origins like https://app.example.com, comma-separated"
  })
)

const hour = 3_600_000
const day = 24 * hour

/** Every variable of the Auth Worker, with its default and its bounds. An empty string is as unset. */
const Variables = Schema.Struct({
  /** Signs access tokens (HS256 wants a key of at least 256 bits). Required: there is no default secret. */
  JWT_SECRET: secrets(32),
  /** What the server and the Sync Worker present on /internal/*. Unset: nothing matches it. */
  SERVER_BYPASS_TOKEN: Schema.optionalWith(secrets(1), { exact: true }),
  /** Where webhooks go. Unset: none are owed. */
  SERVER_WEBHOOK_URL: Schema.optionalWith(httpUrl, { exact: true }),
  /** Authenticates webhooks; required with SERVER_WEBHOOK_URL. */
  WEBHOOK_SECRET: Schema.optionalWith(secrets(1), { exact: true }),
  /** Attempts per webhook, the first included. */
  WEBHOOK_MAX_ATTEMPTS: whole(3, 1, 100),
  /** The wait before the second attempt; doubles from there. */
  WEBHOOK_BACKOFF_MS: whole(10_000, 10, hour),
  /** One attempt's limit; must exceed the server's WEBHOOK_WAIT_MS (2 s). */
  WEBHOOK_TIMEOUT_MS: whole(5_000, 50, 60_000),
  /** Workspaces that one user may own. */
  MAX_INSTANCES_PER_USER: whole(10, 1, 1_000_000),
  /** Lets POST /dev/token hand out tokens without a password. Never in production. */
  DEV_USERS_ENABLED: flag,
  /** Life of an access token and of a development token, in seconds. */
  ACCESS_TOKEN_TTL_SECONDS: whole(900, 1, 86_400),
  DEV_TOKEN_TTL_SECONDS: whole(86_400, 1, 30 * 86_400),
  /** Life of a refresh token that is not used, in seconds; each use begins it anew. */
  REFRESH_TOKEN_TTL_SECONDS: whole(30 * 86_400, 1, 400 * 86_400),
  /** Life of an invitation, in seconds. */
  INVITATION_TTL_SECONDS: whole(7 * 86_400, 1, 400 * 86_400),
  /** Rounds of 100,000 PBKDF2-SHA-256 iterations for new passwords; 6 is what OWASP asks for. */
  PASSWORD_HASH_ROUNDS: whole(6, 1, 100),
  /** A minute: sign-ups, and failed proofs, of one address; and requests of one user. /internal/* has no limit. */
  AUTH_RATE_PER_MINUTE: whole(30, 1, 1_000_000),
  API_RATE_PER_MINUTE: whole(1_200, 1, 1_000_000),
  /** Origins whose pages may call the API, comma-separated; none by default. */
  ALLOWED_ORIGINS: Schema.optionalWith(origins, { exact: true, default: () => [] }),
  /** Names that the Host header may have, beside loopback ones, comma-separated; any by default (the platform knows its own). */
  ALLOWED_HOSTS: Schema.optionalWith(words, { exact: true, default: () => [] }),
  /** Lets an operator change the set on /admin/*. Unset: nothing matches it. */
  ADMIN_TOKEN: Schema.optionalWith(secrets(1), { exact: true }),
  /** How long the changes feed reaches back at least, and settled webhooks are kept. */
  CHANGES_RETENTION_MS: whole(7 * day, 1_000, 400 * day)
})

/** The configuration of the Auth Worker, decoded once per isolate. */
export class AuthConfig extends Context.Tag("auth-worker/AuthConfig")<AuthConfig, typeof Variables.Type>() {}

/**
 * Decodes the bindings. All faults come together in one NOT_CONFIGURED error that names every bad variable and what
 * it takes, and never a value.
 */
export const decodeConfig = (env: Env): Either.Either<typeof Variables.Type, ApiError> => {
  const set = Object.fromEntries(
    Object.entries(env).filter(([, value]) => typeof value === "string" && value.trim() !== "")
  )
  const refusal = (message: string) => new ApiError({ code: "NOT_CONFIGURED", message })
  return Schema.decodeUnknownEither(Variables)(set, { errors: "all" }).pipe(
    Either.mapLeft((error) => refusal(`The Auth Worker is not configured: ${describeProblems(error)}.`)),
    Either.filterOrLeft(
      (config) => config.SERVER_WEBHOOK_URL === undefined || config.WEBHOOK_SECRET !== undefined,
      () =>
        refusal("The Auth Worker is not configured: WEBHOOK_SECRET: is missing (SERVER_WEBHOOK_URL is set).")
    )
  )
}

/** The plain texts of a list of secrets; empty when it is unset. */
export const plain = (list: Redacted.Redacted<ReadonlyArray<string>> | undefined): ReadonlyArray<string> =>
  list === undefined ? [] : Redacted.value(list)
