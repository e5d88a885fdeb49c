import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { ApiError, refuse } from "./ApiError.ts"

export type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE"

/** A request with what its route matched. */
export interface Routed {
  readonly request: Request
  readonly url: URL
  readonly params: Readonly<Record<string, string>>
}

/** What a handler answers: a JSON body, or a Response of its own. */
export type Answer =
  Response | { readonly status: number; readonly body?: unknown; readonly headers?: Record<string, string> }

export interface Route<R> {
  readonly method: Method
  /** Segments of the path; one that begins with a colon matches any segment and names it. */
  readonly segments: ReadonlyArray<string>
  readonly handle: (routed: Routed) => Effect.Effect<Answer, ApiError, R>
}

/** A route of the API. */
export const route = <R>(
  method: Method,
  path: `/${string}`,
  handle: (routed: Routed) => Effect.Effect<Answer, ApiError, R>
): Route<R> => ({ method, segments: path.split("/").slice(1), handle })

const isEncoded = (path: string): boolean => {
  try {
    decodeURIComponent(path)
    return true
  } catch {
    return false
  }
}

const match = (segments: ReadonlyArray<string>, actual: ReadonlyArray<string>) => {
  if (segments.length !== actual.length) return Option.none()
  const params: Record<string, string> = {}
  for (const [index, segment] of segments.entries()) {
    const value = actual[index] ?? ""
    if (segment.startsWith(":")) params[segment.slice(1)] = decodeURIComponent(value)
    else if (segment !== value) return Option.none()
  }
  return Option.some(params)
}

/**
 * Runs the handler of the first route that matches: 404 when no path does, 405 with `Allow` when only the method differs.
 * HEAD is answered as GET without its body.
 */
export const dispatch = <R>(
  routes: ReadonlyArray<Route<R>>,
  request: Request
): Effect.Effect<Answer, ApiError, R> =>
  Effect.suspend(() => {
    const url = new URL(request.url)
    if (!isEncoded(url.pathname)) {
      return refuse("INVALID_REQUEST", "The path is not percent-encoded UTF-8.")
    }
    const actual = url.pathname.split("/").slice(1)
    const method = request.method === "HEAD" ? "GET" : request.method
    const allowed: Array<string> = []
    for (const candidate of routes) {
      const params = match(candidate.segments, actual)
      if (Option.isNone(params)) continue
      if (candidate.method === method) return candidate.handle({ request, url, params: params.value })
      allowed.push(candidate.method)
    }
    if (allowed.length === 0) return refuse("NOT_FOUND", "There is nothing at this path.")
    return new ApiError({
      code: "METHOD_NOT_ALLOWED",
      message: "This path does not take that method.",
      allow: [...new Set(allowed)].join(", ")
    })
  })
