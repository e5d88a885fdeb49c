import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Outgoing from "../../src/transport/Outgoing.ts"

/** One question and its answer, as it is shown where a line is violated. */
export interface Exchange {
  readonly method: string
  readonly path: string
  /** As sent, but for the token. */
  readonly headers: Readonly<Record<string, string>>
  readonly status: number
  readonly etag: string | undefined
  /** The answer's text. */
  readonly text: string
}

/** The Auth Worker cannot be asked at all. */
export class Unreachable extends Schema.TaggedError<Unreachable>()("Unreachable", {
  url: Schema.String,
  cause: Schema.Defect
}) {
  override get message(): string {
    const problem = this.cause instanceof Error ? this.cause.message : String(this.cause)
    return this.cause instanceof Outgoing.Redirected
      ? `${this.url} ${problem}`
      : `${this.url} does not answer: ${problem}`
  }
}

export interface Question {
  /** `right` presents the token, the others what is not it. Defaults to `right`. */
  readonly token?: "right" | "wrong" | "empty" | "none"
  readonly ifNoneMatch?: string
}

/** The Auth Worker under examination. */
export class AuthWorker extends Context.Tag("conformance/AuthWorker")<
  AuthWorker,
  {
    /** Asks by GET, and keeps the exchange. A 429 is waited out. */
    readonly get: (path: string, question?: Question) => Effect.Effect<Exchange, Unreachable>
    /** The exchanges since this was last called. */
    readonly takeExchanges: Effect.Effect<ReadonlyArray<Exchange>>
  }
>() {}

/** Existing Auth Workers take 60 requests a minute; how long one 429 is waited out, in milliseconds, and how often. */
const maxRetryAfterMs = 61_000
const maxRefusals = 3

/** The limit of one answer, in milliseconds. */
const timeoutMs = 30_000

export const make = (options: {
  readonly url: string
  readonly token: string
}): Context.Tag.Service<AuthWorker> => {
  let exchanges: Array<Exchange> = []
  const tokens = {
    right: `Bearer ${options.token}`,
    // As long as the right one, and alike but for its end: what a careless comparison lets through.
    wrong: `Bearer ${options.token.slice(0, -1)}${options.token.endsWith("x") ? "y" : "x"}`,
    empty: "Bearer ",
    none: undefined
  }
  const ask = (path: string, question: Question) =>
    Effect.suspend(() => {
      const authorization = tokens[question.token ?? "right"]
      const headers = {
        accept: "application/json",
        ...(authorization === undefined ? {} : { authorization }),
        ...(question.ifNoneMatch === undefined ? {} : { "if-none-match": question.ifNoneMatch })
      }
      return Outgoing.send(new URL(path, options.url), { headers }, async (answer) => {
        const exchange: Exchange = {
          method: "GET",
          path,
          headers: {
            ...(authorization === undefined
              ? {}
              : { authorization: `Bearer <${question.token ?? "right"} token>` }),
            ...(question.ifNoneMatch === undefined ? {} : { "if-none-match": question.ifNoneMatch })
          },
          status: answer.status,
          etag: answer.headers.get("etag") ?? undefined,
          text: await answer.text()
        }
        return { exchange, retryAfter: Number(answer.headers.get("retry-after") ?? "60") }
      })
    }).pipe(
      Effect.mapError((cause) => new Unreachable({ url: options.url, cause })),
      Effect.timeoutFail({
        duration: timeoutMs,
        onTimeout: () =>
          new Unreachable({ url: options.url, cause: new Error(`no answer within ${timeoutMs} ms`) })
      })
    )
  return {
    get: (path, question = {}) =>
      Effect.gen(function* () {
        let answer = yield* ask(path, question)
        for (let refusals = 0; answer.exchange.status === 429 && refusals < maxRefusals; refusals++) {
          const waitMs = Number.isFinite(answer.retryAfter) ? answer.retryAfter * 1_000 : maxRetryAfterMs
          yield* Effect.sleep(Math.min(maxRetryAfterMs, Math.max(1_000, waitMs)))
          answer = yield* ask(path, question)
        }
        exchanges.push(answer.exchange)
        return answer.exchange
      }),
    takeExchanges: Effect.sync(() => {
      const taken = exchanges
      exchanges = []
      return taken
    })
  }
}
