import type { ApiError } from "./ApiError.ts"
import type { Answer } from "./Router.ts"

/** The response of a handler's answer, named by the request's id. */
export const toResponse = (answer: Answer, requestId: string): Response => {
  const response = answer instanceof Response ? answer : fromParts(answer)
  response.headers.set("x-request-id", requestId)
  response.headers.set("cache-control", "no-store")
  return response
}

const fromParts = ({ body, headers = {}, status }: Exclude<Answer, Response>): Response =>
  body === undefined ? new Response(null, { status, headers }) : Response.json(body, { status, headers })

/** A refusal in the shape that every error of the API has. */
export const errorAnswer = (error: ApiError, requestId: string): Answer => ({
  status: error.status,
  body: { error: { code: error.code, message: error.message, requestId } },
  headers: {
    ...(error.allow === undefined ? {} : { allow: error.allow }),
    ...(error.retryAfterSeconds === undefined ? {} : { "retry-after": String(error.retryAfterSeconds) }),
    ...(error.status === 401 ? { "www-authenticate": "Bearer" } : {})
  }
})
