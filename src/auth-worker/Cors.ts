/** Only the listed origins, and never for what is not a page's business. */
const isAllowed = (request: Request, origins: ReadonlyArray<string>): string | undefined => {
  const origin = request.headers.get("origin")
  if (origin === null || !origins.includes(origin)) return undefined
  return /^\/(internal|admin)(\/|$)/.test(new URL(request.url).pathname) ? undefined : origin
}

/** How long a browser may remember what a preflight said, in seconds: an hour. */
const maxAgeSeconds = 3_600

/** The answer to a preflight request, or nothing when this is none. */
export const preflight = (request: Request, origins: ReadonlyArray<string>): Response | undefined => {
  if (request.method !== "OPTIONS" || !request.headers.has("access-control-request-method")) return undefined
  const response = new Response(null, { status: 204, headers: { vary: "Origin" } })
  if (isAllowed(request, origins) !== undefined) {
    response.headers.set("access-control-allow-methods", "GET, POST, PUT, PATCH, DELETE")
    response.headers.set(
      "access-control-allow-headers",
      "authorization, content-type, idempotency-key, traceparent"
    )
    response.headers.set("access-control-max-age", String(maxAgeSeconds))
  }
  return response
}

/** Lets a page of an allowed origin read the answer. Credentials are bearer tokens: cookies are never asked for. */
export const allowOrigin = (request: Request, response: Response, origins: ReadonlyArray<string>): void => {
  if (origins.length > 0) response.headers.append("vary", "Origin")
  const origin = isAllowed(request, origins)
  if (origin === undefined) return
  response.headers.set("access-control-allow-origin", origin)
  response.headers.set("access-control-expose-headers", "x-request-id, retry-after, location")
}
