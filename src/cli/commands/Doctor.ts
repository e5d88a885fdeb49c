import * as Command from "@effect/cli/Command"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { ErrorBody, Open } from "../../http/api/Common.ts"
import { Health, Probe } from "../../http/api/HealthViews.ts"
import { signedHeaders, TIMESTAMP_TOLERANCE_SECONDS } from "../../http/WebhookAuthentication.ts"
import { AnswerIsNo, connect, now, view } from "../Environment.ts"
import { failed, type Finding, findingsText, hasFailed, ok, skipped, warning } from "../Findings.ts"
import { Screen } from "../Screen.ts"
import { summaries } from "../summaries.ts"
import { checkDetail } from "../text/ChecksText.ts"
import { ServerConfiguration } from "../ServerConfiguration.ts"
import { duration } from "../Words.ts"
import type { ClientError, WsoClient } from "../WsoClient.ts"

/** A check whose answer is that the server did not give one. */
const orFailed =
  (check: string) =>
  (effect: Effect.Effect<Finding, ClientError>): Effect.Effect<Finding> =>
    Effect.catchAll(effect, (error) => Effect.succeed(failed(check, error.message)))

/** The configuration of this environment, which is the server's if wso runs where the server does. */
const configuration = Effect.flatMap(ServerConfiguration, ({ validate }) =>
  Effect.match(validate, {
    onFailure: ({ message }) => failed("configuration", message.replaceAll("\n", " ")),
    onSuccess: () => ok("configuration", "this environment's variables are valid")
  })
)

const reachable = (client: WsoClient) =>
  client.ask(Health, { method: "GET", path: "/health" }).pipe(
    Effect.map(({ value }) =>
      value.status === "healthy"
        ? ok("server", `${value.version} at ${client.url} is healthy`)
        : warning("server", `${value.version} at ${client.url} is ${value.status}; wso status says more`)
    ),
    orFailed("server")
  )

/** Signed webhooks are refused when the clocks are too far apart. */
const clocks = (client: WsoClient) =>
  Effect.gen(function* () {
    const { headers } = yield* client.ask(Open, { method: "GET", path: "/health/live" })
    const date = headers["date"]
    const skewMs = Math.abs((yield* now) - (typeof date === "string" ? Date.parse(date) : NaN))
    if (Number.isNaN(skewMs)) return skipped("clocks", "the server did not say what time it has")
    const apart = `this clock and the server's are ${duration(skewMs)} apart`
    return skewMs > (TIMESTAMP_TOLERANCE_SECONDS * 1_000) / 2 ? failed("clocks", apart) : ok("clocks", apart)
  }).pipe(orFailed("clocks"))

const tokenAccepted = (client: WsoClient) =>
  client.ask(Open, { method: "GET", path: "/admin/plan" }).pipe(
    Effect.as(ok("admin token", "accepted")),
    Effect.catchTag("ServerRefused", ({ reason, status }) =>
      Effect.succeed(
        failed("admin token", status === 401 ? "missing or wrong: SERVER_BYPASS_TOKEN or --token" : reason)
      )
    ),
    orFailed("admin token")
  )

/** The server's own view of what it depends on. */
const probe = (client: WsoClient, check: string, path: string) =>
  client.ask(Schema.extend(Probe, Open), { method: "GET", path }, [503]).pipe(
    Effect.map(({ value: { check: _check, reason, status, ...detail } }) => {
      const words =
        reason ??
        Object.entries(detail)
          .filter(([, value]) => value !== null)
          .map(([key, value]) => `${key} ${String(value)}`)
          .join(", ")
      return status === "ok" ? ok(check, words) : failed(check, words)
    }),
    orFailed(check)
  )

const SelfTest = Schema.Struct({
  status: Schema.Literal("ok", "unavailable"),
  driver: Schema.String,
  openMs: Schema.optional(Schema.Number),
  connected: Schema.optional(Schema.Boolean),
  error: Schema.optional(Schema.NullOr(Schema.String))
})

/** Whether the server can open a store at all: it does so with one of its own. */
const storeSelfTest = (client: WsoClient) => {
  const check = "store self-test"
  return client
    .ask(Schema.Union(SelfTest, ErrorBody), { method: "POST", path: "/admin/selftest/livestore" }, [503])
    .pipe(
      Effect.map(({ value }) => {
        if (!("status" in value)) return failed(check, value.error.message)
        const { connected, driver, error, openMs, status } = value
        if (status !== "ok") return failed(check, error ?? `the ${driver} driver could not open a store`)
        const opened = `the ${driver} driver opened a store in ${duration(openMs ?? 0)}`
        return connected === true
          ? ok(check, `${opened}, and it connected`)
          : warning(check, `${opened}, but it did not connect`)
      }),
      orFailed(check)
    )
}

/**
 * Whether the server takes webhooks signed with this secret. The message is no event, so that a server that lets it in
 * answers 400 and does nothing.
 */
const webhookSecret = (client: WsoClient) =>
  Effect.gen(function* () {
    const check = "webhook secret"
    const configured = yield* Config.option(Config.redacted("WEBHOOK_SECRET"))
    const first =
      Option.getOrElse(Option.map(configured, Redacted.value), () => "")
        .split(",", 1)[0]
        ?.trim() ?? ""
    if (first === "") return skipped(check, "WEBHOOK_SECRET is not set here")
    const body = "{}"
    const time = yield* now
    const headers = signedHeaders(Redacted.make(first), `doctor-${time}`, Buffer.from(body), time)
    return yield* client
      .ask(Open, { method: "POST", path: "/webhooks/workspaces", headers, body }, [400])
      .pipe(
        Effect.as(ok(check, "a message signed with it is let in")),
        Effect.catchTag("ServerRefused", ({ reason }) => Effect.succeed(failed(check, reason))),
        orFailed(check)
      )
  }).pipe(
    Effect.catchTag("ConfigError", () =>
      Effect.succeed(skipped("webhook secret", "WEBHOOK_SECRET is not set here"))
    )
  )

/** What the server's own checks say, each as a finding. Without the admin token a warning has no words. */
const serverChecks = (client: WsoClient) =>
  client.ask(Health, { method: "GET", path: "/health" }).pipe(
    Effect.map(({ value: { checks = [] } }): ReadonlyArray<Finding> =>
      checks.map((check) =>
        check.status === "ok"
          ? ok(check.name, check.found ?? "")
          : (check.status === "warn" ? warning : failed)(check.name, checkDetail(check))
      )
    ),
    Effect.catchAll((error) => Effect.succeed([failed("server checks", error.message)]))
  )

/** All of them, in this order. */
export const examine = (client: WsoClient) =>
  Effect.map(
    Effect.all([
      Effect.all([
        configuration,
        reachable(client),
        clocks(client),
        tokenAccepted(client),
        webhookSecret(client),
        probe(client, "first pass", "/health/ready"),
        probe(client, "state database", "/health/db"),
        probe(client, "Auth Worker", "/health/auth-worker"),
        probe(client, "sync backend", "/health/sync"),
        storeSelfTest(client)
      ]),
      serverChecks(client)
    ]),
    ([own, ofServer]) => [...own, ...ofServer]
  )

export const doctor = Command.make("doctor", view, (options) =>
  Effect.gen(function* () {
    const client = yield* connect(options)
    const { paint, print } = yield* Screen
    const findings = yield* examine(client)
    yield* print(
      options.output === "json" ? JSON.stringify(findings, null, 2) : findingsText(findings, paint)
    )
    if (hasFailed(findings)) return yield* new AnswerIsNo()
  })
).pipe(Command.withDescription(summaries.doctor))
