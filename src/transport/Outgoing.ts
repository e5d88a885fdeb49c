/**
 * The way out for every request that is made with `fetch`: no redirect is followed, and a request without an answer says
 * why. The linter forbids a bare `fetch` elsewhere in src.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { describeFailure, failureOf } from "./Failure.ts"
import { isRedirect, targetOf } from "./Redirect.ts"

/** The receiver points elsewhere. `target` is origin and path of where. */
export class Redirected extends Schema.TaggedError<Redirected>()("Redirected", {
  status: Schema.Int,
  target: Schema.String
}) {
  override get message(): string {
    return redirectSentence(this.status, this.target)
  }
}

/** No answer: the connection failed, or broke midway. Holds neither the URL nor the failure's own text. */
export class Unreached extends Schema.TaggedError<Unreached>()("Unreached", {
  /** The system's code, such as `ECONNREFUSED`. */
  code: Schema.String,
  message: Schema.String
}) {}

export type SendError = Redirected | Unreached

/** Completes a sentence that names the receiver: "redirects (302) to https://…, which is not followed". */
export const redirectSentence = (status: number, target: string): string =>
  `redirects (${status}) to ${target}, which is not followed: if it has moved, configure the new address`

/** Why there was no answer, as an error. */
export const unreached = (cause: unknown): Unreached => {
  const failure = failureOf(cause)
  return new Unreached({ code: failure.code, message: describeFailure(failure) })
}

type Fetch = (url: URL, init: RequestInit) => Promise<Response>

/** What a request may say. Signal and redirects are not the caller's. */
export type Request = Omit<RequestInit, "redirect" | "signal">

/**
 * Sends one request and reads its answer with `read`, in the same abortable step, so that a deadline around this effect
 * covers the body too. `read` must consume or cancel the body, or the connection stays occupied.
 */
export const send = <A>(
  url: string | URL,
  request: Request,
  read: (response: Response) => Promise<A>,
  /** Another way out, such as a Worker's service binding. */
  via: Fetch = fetch
): Effect.Effect<A, SendError> =>
  Effect.tryPromise({
    try: async (signal) => {
      const to = new URL(url)
      const response = await via(to, { ...request, signal, redirect: "manual" })
      if (!isRedirect(response.status)) return await read(response)
      await response.body?.cancel()
      throw new Redirected({
        status: response.status,
        target: targetOf(response.headers.get("location"), to.href)
      })
    },
    catch: (cause) => (cause instanceof Redirected ? cause : unreached(cause))
  })

/** Reads nothing of an answer but its status; not reading it must not hold the connection. */
export const statusOnly = async (response: Response): Promise<number> => {
  await response.body?.cancel()
  return response.status
}
