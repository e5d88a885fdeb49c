/** An Auth Worker on a real socket, of which each answer is the test's own, to the byte. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import * as Effect from "effect/Effect"

export interface Asked {
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: IncomingMessage["headers"]
}

export type Answer = (asked: Asked, response: ServerResponse) => void

/** Answers with a JSON value. */
export const json =
  (value: unknown, status = 200, headers: Record<string, string> = {}): Answer =>
  (_asked, response) => {
    response.writeHead(status, { "content-type": "application/json", ...headers })
    response.end(JSON.stringify(value))
  }

/** Answers with these bytes. */
export const raw =
  (body: string, status = 200, headers: Record<string, string> = {}): Answer =>
  (_asked, response) => {
    response.writeHead(status, headers)
    response.end(body)
  }

/** Takes the request and never answers. */
export const hang: Answer = () => undefined

/** Breaks the connection without an answer. */
export const reset: Answer = (_asked, response) => {
  response.socket?.resetAndDestroy()
}

/** Gives one answer after the other, the last of them for ever. */
export const inTurn = (...answers: readonly [Answer, ...ReadonlyArray<Answer>]): Answer => {
  let turn = 0
  return (asked, response) => {
    const answer = answers[Math.min(turn++, answers.length - 1)] ?? answers[0]
    answer(asked, response)
  }
}

/** A server on a free port of this machine; closed with the Scope. */
export const makeAuthServer = (initial: Answer = raw("", 500)) =>
  Effect.gen(function* () {
    const asked: Array<Asked> = []
    const state = { answer: initial }
    const server = yield* Effect.acquireRelease(
      Effect.async<ReturnType<typeof createServer>>((resume) => {
        const created = createServer((request, response) => {
          const url = new URL(request.url ?? "/", "http://localhost")
          const now = { path: url.pathname, query: url.searchParams, headers: request.headers }
          asked.push(now)
          state.answer(now, response)
        })
        created.listen(0, "127.0.0.1", () => resume(Effect.succeed(created)))
      }),
      (created) =>
        Effect.async<void>((resume) => {
          created.close(() => resume(Effect.void))
          created.closeAllConnections()
        })
    )
    const address = server.address()
    if (address === null || typeof address === "string")
      return yield* Effect.dieMessage("The server has no port")
    return {
      url: `http://127.0.0.1:${address.port}`,
      /** All requests so far, oldest first. */
      asked,
      answers: (answer: Answer) => {
        state.answer = answer
      }
    }
  })
