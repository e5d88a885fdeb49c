/**
 * A workspace that is made and deleted again to see that the whole way works: a user's request to the Auth Worker, its
 * webhook, the server's store. It is a user's own, made with a user's own rights.
 */
import type * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import { stopwatch } from "../controller/Elapsed.ts"
import { Explanation } from "../http/api/Views.ts"
import * as Outgoing from "../transport/Outgoing.ts"
import { failed, type Finding, ok } from "./Findings.ts"
import { duration } from "./Words.ts"
import type { WsoClient } from "./WsoClient.ts"

/** Who the canary belongs to. */
export type Credentials =
  | { readonly _tag: "Token"; readonly token: Redacted.Redacted }
  | { readonly _tag: "Login"; readonly email: string; readonly password: Redacted.Redacted }

export interface Options {
  readonly authWorkerUrl: string
  /** Where workspaces are made (POST) and deleted (DELETE, with `/<id>`): `/workspaces` at our Auth Worker. */
  readonly workspacesPath: string
  readonly credentials: Credentials
  /** For all of it but the clearing away, in milliseconds. */
  readonly timeoutMs: number
  readonly progress: (line: string) => Effect.Effect<void>
}

/** One request to the Auth Worker may take so long; the clearing away, with its repeats, so long in all. */
const REQUEST_TIMEOUT_MS = 15_000
const CLEAR_TIMEOUT_MS = 20_000
const CLEAR_ATTEMPTS = 5
const CLEAR_AGAIN_AFTER = "1 second"
const LOOK_EVERY = "100 millis"
/** The server is asked to reconcile the canary, at once and again after so long: no webhook is waited for. */
const ASK_AGAIN_AFTER_MS = 5_000
const ID_RANGE = 36 ** 8
const MAX_SHOWN = 200

/** A step that did not succeed; the message is a sentence for people. */
class CanaryError extends Schema.TaggedError<CanaryError>()("CanaryError", { message: Schema.String }) {}

const Grant = Schema.parseJson(Schema.Struct({ accessToken: Schema.NonEmptyString }))
/** Which id the Auth Worker has given it: not every one takes the id that it is offered. */
const Made = Schema.parseJson(
  Schema.Struct({
    instanceId: Schema.optional(Schema.String),
    id: Schema.optional(Schema.String),
    workspace: Schema.optional(
      Schema.Struct({ instanceId: Schema.optional(Schema.String), id: Schema.optional(Schema.String) })
    )
  })
)
const Refusal = Schema.parseJson(
  Schema.Struct({ error: Schema.Struct({ code: Schema.String, message: Schema.String }) })
)

interface Answer {
  readonly status: number
  readonly text: string
}

const problemOf = (base: string, error: Outgoing.SendError | Cause.TimeoutException): string => {
  switch (error._tag) {
    case "TimeoutException":
      return `The Auth Worker does not answer at ${base} (nothing within ${REQUEST_TIMEOUT_MS} ms).`
    case "Redirected":
      return `The Auth Worker at ${base} ${error.message}.`
    case "Unreached":
      return `The Auth Worker does not answer at ${base} (${error.message}).`
  }
}

const authWorker = (baseUrl: string) => {
  const base = baseUrl.replace(/\/+$/, "")
  return (
    method: "POST" | "DELETE",
    path: string,
    request: { readonly token?: string; readonly body?: unknown }
  ): Effect.Effect<Answer, CanaryError> =>
    Outgoing.send(
      `${base}${path}`,
      {
        method,
        headers: {
          ...(request.body === undefined ? {} : { "content-type": "application/json" }),
          ...(request.token === undefined ? {} : { authorization: `Bearer ${request.token}` })
        },
        ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) })
      },
      async (response) => ({ status: response.status, text: await response.text() })
    ).pipe(
      // Its own end, so that a request that must not be cut off ends all the same.
      Effect.interruptible,
      Effect.timeout(REQUEST_TIMEOUT_MS),
      Effect.mapError((error) => new CanaryError({ message: problemOf(base, error) }))
    )
}

/** What the Auth Worker said against it: its own words if it is ours, else the status alone. */
const refused = (what: string, { status, text }: Answer): CanaryError =>
  new CanaryError({
    message: Option.match(Schema.decodeOption(Refusal)(text), {
      onNone: () => `The Auth Worker refused to ${what} (HTTP ${status}).`,
      onSome: ({ error }) =>
        `The Auth Worker refused to ${what}: ${error.message.slice(0, MAX_SHOWN)} (${error.code}).`
    })
  })

/** `null` while nobody has spoken of it. */
const explained = (
  client: WsoClient,
  id: string
): Effect.Effect<typeof Explanation.Type | null, CanaryError> =>
  client.ask(Explanation, { method: "GET", path: `/stores/${id}` }).pipe(
    Effect.map(({ value }) => value),
    Effect.catchAll((error) =>
      error._tag === "ServerRefused" && error.status === 404
        ? Effect.succeed(null)
        : Effect.fail(new CanaryError({ message: error.message }))
    )
  )

/** Makes the canary, sees it monitored, deletes it, sees it stopped. It is deleted whatever happens, Ctrl-C included. */
export const fly = (client: WsoClient, options: Options): Effect.Effect<ReadonlyArray<Finding>> =>
  Effect.gen(function* () {
    const call = authWorker(options.authWorkerUrl)
    const offeredId = `canary-${(yield* Random.nextIntBetween(0, ID_RANGE)).toString(36).padStart(8, "0")}`
    let id = offeredId
    const findings: Array<Finding> = []
    let last = "the server was not asked"
    let token: string | undefined
    let isGone = true

    const note = (finding: Finding) =>
      Effect.zipRight(
        Effect.sync(() => void findings.push(finding)),
        options.progress(`canary ${id}: ${finding.detail}`)
      )

    /** Best effort: a server that refuses (no admin token, a pause) still has its webhooks and its resync. */
    const askToReconcile = Effect.suspend(() =>
      client.ask(Schema.Unknown, {
        method: "POST",
        path: `/admin/reconcile?storeId=${encodeURIComponent(id)}&allowUnknown=true`
      })
    ).pipe(Effect.ignore)

    const until = (monitored: boolean) => {
      let askedAt = -Infinity
      return Effect.gen(function* () {
        const now = yield* Clock.currentTimeMillis
        if (now - askedAt >= ASK_AGAIN_AFTER_MS) {
          askedAt = now
          yield* askToReconcile
        }
        const explanation = yield* explained(client, id)
        last = explanation?.summary ?? "Nobody has spoken of it to the server."
        return (explanation?.monitored ?? false) === monitored
      }).pipe(Effect.zipLeft(Effect.sleep(LOOK_EVERY)), Effect.repeat({ until: (holds) => holds }))
    }

    /** How long it took, as a finding. */
    const step = (check: string, words: string, body: Effect.Effect<unknown, CanaryError>) =>
      Effect.gen(function* () {
        const elapsedMs = yield* stopwatch
        yield* body
        yield* note(ok(check, `${words} in ${duration(Math.round(yield* elapsedMs))}`))
      }).pipe(Effect.tapError(({ message }) => note(failed(check, message))))

    const logIn = Effect.gen(function* () {
      const { credentials } = options
      if (credentials._tag === "Token") return Redacted.value(credentials.token)
      const answer = yield* call("POST", "/auth/login", {
        body: { email: credentials.email, password: Redacted.value(credentials.password) }
      })
      const grant = Schema.decodeOption(Grant)(answer.text)
      if (answer.status !== 200 || Option.isNone(grant))
        return yield* refused("log the canary's user in", answer)
      return grant.value.accessToken
    })

    const create = Effect.gen(function* () {
      const own = yield* logIn
      token = own
      // From here on it may exist, whatever the answer is.
      isGone = false
      const answer = yield* call("POST", options.workspacesPath, {
        token: own,
        body: { name: "Canary", instanceId: offeredId }
      })
      if (answer.status !== 201 && answer.status !== 200) {
        isGone = answer.status >= 400 && answer.status < 500
        return yield* refused("make the canary", answer)
      }
      const made = Option.getOrUndefined(Schema.decodeOption(Made)(answer.text))
      id = made?.instanceId ?? made?.workspace?.instanceId ?? made?.id ?? made?.workspace?.id ?? offeredId
      // Cut off, it might be made behind its own deletion.
    }).pipe(Effect.uninterruptible)

    const remove = Effect.gen(function* () {
      if (token === undefined) return
      const answer = yield* call("DELETE", `${options.workspacesPath}/${encodeURIComponent(id)}`, { token })
      if (answer.status !== 204 && answer.status !== 200 && answer.status !== 404) {
        return yield* refused("delete the canary", answer)
      }
      isGone = true
    })

    const flight = Effect.gen(function* () {
      yield* step("canary created", "made through the Auth Worker", create)
      yield* step("canary monitored", "the server monitors it", until(true))
      yield* step("canary deleted", "deleted through the Auth Worker", remove)
      yield* step("canary stopped", "the server has stopped", until(false))
    })

    // The server closes its store too: what has been cleared away is not left to its next resync.
    const clear = Effect.suspend(() => (isGone ? Effect.void : Effect.zipRight(remove, askToReconcile))).pipe(
      Effect.retry(Schedule.intersect(Schedule.recurs(CLEAR_ATTEMPTS), Schedule.spaced(CLEAR_AGAIN_AFTER))),
      Effect.timeoutFail({
        duration: CLEAR_TIMEOUT_MS,
        onTimeout: () => new CanaryError({ message: "It took too long." })
      }),
      Effect.catchAll(({ message }) =>
        note(
          failed(
            "canary cleared away",
            `${message} It may still exist: DELETE ${options.authWorkerUrl}${options.workspacesPath}/${id} as its user.`
          )
        )
      )
    )

    yield* flight.pipe(
      Effect.timeoutOption(options.timeoutMs),
      Effect.flatMap(
        Option.match({
          onNone: () => note(failed("canary", `Not within ${duration(options.timeoutMs)}. ${last}`)),
          onSome: () => Effect.void
        })
      ),
      Effect.ignore,
      Effect.ensuring(clear)
    )
    return findings
  })
