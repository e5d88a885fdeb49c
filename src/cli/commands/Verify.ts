import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { monotonicMs } from "../../controller/Elapsed.ts"
import { Open } from "../../http/api/Common.ts"
import { Health, Probe } from "../../http/api/HealthViews.ts"
import { DeepVerification } from "../../http/api/ReportsViews.ts"
import * as Canary from "../Canary.ts"
import { AnswerIsNo, baseUrlOf, connect, view, WrongUsage } from "../Environment.ts"
import { failed, type Finding, findingsText, hasFailed, ok, warning } from "../Findings.ts"
import { Screen } from "../Screen.ts"
import { summaries } from "../summaries.ts"
import { checkDetail } from "../text/ChecksText.ts"
import { count, duration, parseDuration } from "../Words.ts"
import type { ClientError, ServerRefused, WsoClient } from "../WsoClient.ts"

/** A server that has just been started gets until the timeout; it is asked this often. */
const LOOK_EVERY = "250 millis"
/** Checks of the server that have a line of their own here, which is waited for. */
const WAITED_FOR = new Set(["convergence", "opening"])

const expectVersion = Options.text("expect-version").pipe(
  Options.withDescription("the version that must answer"),
  Options.optional
)
const deep = Options.boolean("deep").pipe(
  Options.withDescription("also check what must always hold: sets, state database, audit trail, every store")
)
const canary = Options.boolean("canary").pipe(
  Options.withDescription("also make a workspace, see it monitored, delete it, see it stopped")
)
const timeout = Options.text("timeout").pipe(
  Options.withDescription("for what is waited for, such as 60s or 2m"),
  Options.withDefault("60s")
)
const authWorkerUrl = Options.text("auth-worker-url").pipe(
  Options.withDescription("the Auth Worker, for the canary (or WSO_AUTH_WORKER_URL, or AUTH_WORKER_URL)"),
  Options.withFallbackConfig(
    Config.orElse(Config.nonEmptyString("WSO_AUTH_WORKER_URL"), () =>
      Config.nonEmptyString("AUTH_WORKER_URL")
    )
  ),
  Options.optional
)

const canaryToken = Options.redacted("canary-token").pipe(
  Options.withDescription(
    "an access token of the canary's user; others on this machine can see it here, so prefer WSO_CANARY_TOKEN"
  ),
  Options.withFallbackConfig(Config.redacted("WSO_CANARY_TOKEN")),
  Options.optional
)
const canaryPath = Options.text("canary-path").pipe(
  Options.withDescription("where the Auth Worker takes POST and DELETE of workspaces (or WSO_CANARY_PATH)"),
  Options.withFallbackConfig(Config.nonEmptyString("WSO_CANARY_PATH")),
  Options.withDefault("/workspaces")
)

/** Asks again until the check holds or the time is over; then it is what it was last. */
const inTime = <E>(check: Effect.Effect<Finding, E>, deadline: number): Effect.Effect<Finding, E> =>
  Effect.gen(function* () {
    for (;;) {
      const finding = yield* check
      if (finding.result !== "failed" || (yield* monotonicMs) >= deadline) return finding
      yield* Effect.sleep(LOOK_EVERY)
    }
  })

/** What the server did not answer, as a finding; but a wrong token is none: no waiting mends it, and each try counts. */
const unanswered = (check: string, error: ClientError): Effect.Effect<Finding, ServerRefused> =>
  error._tag === "ServerRefused" && (error.status === 401 || error.status === 403)
    ? Effect.fail(error)
    : Effect.succeed(failed(check, error.message))

/** A check whose answer is that the server did not give one. One that cannot be reached at all is no finding. */
const asked =
  (check: string) =>
  (effect: Effect.Effect<Finding, ClientError>): Effect.Effect<Finding, ServerRefused> =>
    Effect.catchAll(effect, (error) => unanswered(check, error))

const version = (client: WsoClient, expected: Option.Option<string>) =>
  client
    .ask(Health, { method: "GET", path: "/health" })
    .pipe(
      Effect.map(({ value }) =>
        Option.isSome(expected) && expected.value !== value.version
          ? failed("version", `${value.version} answers, ${expected.value} is expected`)
          : ok("version", `${value.version} answers at ${client.url}`)
      )
    )

const probe = (client: WsoClient, check: string, path: string, words: string) =>
  client.ask(Schema.extend(Probe, Open), { method: "GET", path }, [503]).pipe(
    Effect.map(({ value: { reason, status, ...detail } }) => {
      const error = detail["error"]
      if (status === "ok") return ok(check, words)
      return failed(check, reason ?? (typeof error === "string" ? error : `${path} says unavailable`))
    }),
    asked(check)
  )

/** The reconciler is on, and there is no drift (step C-7 of the rollout). */
const converged = (client: WsoClient) => {
  const check = "reconciliation"
  return client.ask(Health, { method: "GET", path: "/health" }).pipe(
    Effect.map(({ value: { convergence, reconciliation } }) => {
      if (!reconciliation.enabled) return failed(check, `it is disabled: ${reconciliation.reason}`)
      return convergence.converged && convergence.driftCount === 0
        ? ok(check, `enabled, converged, no drift`)
        : failed(check, `not converged, drift ${convergence.driftCount}; wso stuck says more`)
    }),
    asked(check)
  )
}

/** What the server's own checks say. Convergence, and what is waited for, have lines of their own. */
const serverChecks = (client: WsoClient) =>
  client.ask(Health, { method: "GET", path: "/health" }).pipe(
    Effect.map(({ value: { checks = [] } }): ReadonlyArray<Finding> => {
      const unwell = checks.filter(({ name, status }) => status !== "ok" && !WAITED_FOR.has(name))
      return unwell.length === 0
        ? [ok("server checks", `all ${checks.length} are ok`)]
        : unwell.map((check) => (check.status === "warn" ? warning : failed)(check.name, checkDetail(check)))
    }),
    Effect.catchAll((error) => Effect.map(unanswered("server checks", error), (finding) => [finding]))
  )

const StoresPage = Schema.Struct({
  stores: Schema.Array(Schema.Struct({ orchestrator: Schema.Struct({ status: Schema.String }) })),
  nextCursor: Schema.NullOr(Schema.String)
})

const monitoredRows = (client: WsoClient) =>
  Effect.gen(function* () {
    let monitored = 0
    let cursor: string | null = null
    do {
      const after: string = cursor === null ? "" : `&cursor=${encodeURIComponent(cursor)}`
      const { value }: { readonly value: typeof StoresPage.Type } = yield* client.ask(StoresPage, {
        method: "GET",
        path: `/stores?limit=10000${after}`
      })
      monitored += value.stores.filter(({ orchestrator }) => orchestrator.status === "monitoring").length
      cursor = value.nextCursor
    } while (cursor !== null)
    return monitored
  })

/** What is desired, what is counted and what is listed are the same (step C-10). */
const counts = (client: WsoClient) => {
  const check = "counts"
  return Effect.gen(function* () {
    const {
      value: { convergence }
    } = yield* client.ask(Health, { method: "GET", path: "/health" })
    const listed = yield* monitoredRows(client)
    const { desiredCount, monitoredCount } = convergence
    return desiredCount === monitoredCount && monitoredCount === listed
      ? ok(check, `${count(listed, "workspace")} in /stores, as in /health and as desired`)
      : failed(
          check,
          `${desiredCount} desired and ${monitoredCount} monitored in /health, ${listed} in /stores`
        )
  }).pipe(asked(check))
}

const invariants = (client: WsoClient) =>
  client.ask(DeepVerification, { method: "POST", path: "/admin/verify" }).pipe(
    Effect.map(({ value }) =>
      value.invariants.map(({ detail, holds, name }) => (holds ? ok : failed)(name, detail))
    ),
    Effect.catchAll((error) => Effect.map(unanswered("invariants", error), (finding) => [finding]))
  )

/** A token fits any Auth Worker; a password only ours, which has `POST /auth/login`. */
const logIn: Effect.Effect<Canary.Credentials, WrongUsage> = Config.all({
  email: Config.nonEmptyString("WSO_CANARY_EMAIL"),
  password: Config.redacted("WSO_CANARY_PASSWORD")
}).pipe(
  Config.map((login): Canary.Credentials => ({ _tag: "Login", ...login })),
  Effect.mapError(
    () =>
      new WrongUsage({
        message:
          "--canary needs a user of the Auth Worker: an access token in WSO_CANARY_TOKEN (or --canary-token), or, for our own Auth Worker, WSO_CANARY_EMAIL and WSO_CANARY_PASSWORD."
      })
  )
)

export const verify = Command.make(
  "verify",
  { ...view, expectVersion, deep, canary, canaryToken, canaryPath, timeout, authWorkerUrl },
  (options) =>
    Effect.gen(function* () {
      const { paint, print, say } = yield* Screen
      const timeoutMs = parseDuration(options.timeout)
      if (timeoutMs === undefined) {
        return yield* new WrongUsage({ message: "--timeout takes a duration such as 30s or 2m." })
      }
      const flight = options.canary
        ? {
            credentials: yield* Option.match(
              Option.filter(options.canaryToken, (token) => Redacted.value(token).trim() !== ""),
              { onNone: () => logIn, onSome: (token) => Effect.succeed({ _tag: "Token", token } as const) }
            ),
            workspacesPath: `/${options.canaryPath.replace(/^\/+|\/+$/g, "")}`,
            authWorkerUrl: yield* Effect.flatMap(
              Effect.mapError(
                options.authWorkerUrl,
                () => new WrongUsage({ message: "--canary needs --auth-worker-url, or WSO_AUTH_WORKER_URL." })
              ),
              (url) => baseUrlOf("--auth-worker-url or WSO_AUTH_WORKER_URL", url)
            )
          }
        : undefined
      const client = yield* connect(options)
      const startedAt = yield* monotonicMs
      const deadline = startedAt + timeoutMs
      const findings: Array<Finding> = [yield* version(client, options.expectVersion)]
      for (const check of [
        probe(client, "ready", "/health/ready", "the first pass has been made"),
        probe(
          client,
          "source",
          "/health/auth-worker",
          "the Auth Worker's internal endpoints answer the server, and take its token"
        ),
        converged(client),
        counts(client)
      ]) {
        findings.push(yield* inTime(check, deadline))
      }
      findings.push(...(yield* serverChecks(client)))
      if (options.deep) findings.push(...(yield* invariants(client)))
      if (flight !== undefined) {
        findings.push(...(yield* Canary.fly(client, { ...flight, timeoutMs, progress: say })))
      }
      const tookMs = Math.round((yield* monotonicMs) - startedAt)
      yield* print(
        options.output === "json"
          ? JSON.stringify({ verified: !hasFailed(findings), durationMs: tookMs, findings }, null, 2)
          : `${findingsText(findings, paint)}\n\n${hasFailed(findings) ? "NOT VERIFIED" : "Verified"} in ${duration(tookMs)}.`
      )
      if (hasFailed(findings)) return yield* new AnswerIsNo()
    })
).pipe(Command.withDescription(summaries.verify))
