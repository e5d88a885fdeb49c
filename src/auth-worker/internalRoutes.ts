import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { requireServer } from "./authentication.ts"
import { Registry } from "./Registry.ts"
import { readQuery } from "./RequestBody.ts"
import { type Method, route, type Routed } from "./Router.ts"
import { wholeList } from "./WholeList.ts"
import type { Answer } from "./Router.ts"
import type { ApiError } from "./ApiError.ts"

const maxPage = 1_000

/** A page's size. */
export const limit = Schema.NumberFromString.pipe(
  Schema.filter((value) => Number.isInteger(value) && value >= 1 && value <= maxPage)
).annotations({
  message: () => ({ message: `expected a whole number from 1 to ${maxPage}`, override: true }),
  jsonSchema: { type: "integer", minimum: 1, maximum: maxPage }
})

export const ListQuery = Schema.Struct({
  limit: Schema.optionalWith(limit, { exact: true }),
  cursor: Schema.optionalWith(Schema.String, { exact: true })
})

export const ChangesQuery = Schema.Struct({
  since: Schema.String.pipe(
    Schema.pattern(/^\d{1,15}$/, { message: () => "expected a revision that this list gave" }),
    Schema.compose(Schema.NumberFromString)
  ),
  limit: Schema.optionalWith(limit, { exact: true, default: () => maxPage }),
  lineage: Schema.optionalWith(
    Schema.String.pipe(
      Schema.pattern(/^[a-zA-Z0-9_-]{1,64}$/, { message: () => "expected a lineage that this list gave" })
    ),
    { exact: true }
  )
})

/** A route for the server alone: the token is looked at before anything else. */
export const internal = <R>(
  method: Method,
  path: `/internal/${string}`,
  handle: (routed: Routed) => Effect.Effect<Answer, ApiError, R>
) => route(method, path, (routed) => Effect.zipRight(requireServer(routed.request), handle(routed)))

/** Whether an `If-None-Match` names this entity tag. */
const namesTag = (header: string | null, tag: string): boolean =>
  header !== null && header.split(",").some((one) => one.trim().replace(/^W\//, "") === tag)

const list = (routed: Routed) =>
  Effect.gen(function* () {
    const registry = yield* Registry
    const query = yield* readQuery(routed.url, ListQuery)
    const ifNoneMatch = routed.request.headers.get("if-none-match")
    if (ifNoneMatch !== null && query.cursor === undefined) {
      const version = yield* registry.call("directoryVersion", {})
      const etag = tagOf(version)
      if (namesTag(ifNoneMatch, etag)) return { status: 304, headers: { etag } }
    }
    if (query.limit === undefined && query.cursor === undefined) return yield* wholeList(tagOf)
    const page = yield* registry.call("listDirectory", {
      limit: query.limit ?? maxPage,
      ...(query.cursor === undefined ? {} : { cursor: query.cursor })
    })
    return { status: 200, body: page, headers: { etag: tagOf(page.metadata) } }
  })

/** The lineage makes it another tag when a restore gives out the same revision again. */
const tagOf = (version: {
  readonly revision: string
  readonly environmentId: string
  readonly lineage: string | null
}) => `"${version.environmentId}.${version.revision}${version.lineage === null ? "" : `.${version.lineage}`}"`

/** What the server and the Sync Worker ask (contract, section 1). */
export const internalRoutes = [
  internal("GET", "/internal/workspaces", list),
  internal("GET", "/internal/workspaces/changes", ({ url }) =>
    Effect.gen(function* () {
      const query = yield* readQuery(url, ChangesQuery)
      const registry = yield* Registry
      return { status: 200, body: yield* registry.call("changesSince", query) }
    })
  ),
  internal("GET", "/internal/workspaces/:instanceId", ({ params }) =>
    Effect.gen(function* () {
      const registry = yield* Registry
      return {
        status: 200,
        body: yield* registry.call("getDirectoryRow", { instanceId: params["instanceId"] ?? "" })
      }
    })
  ),
  internal("GET", "/internal/users/:userId/instances", ({ params }) =>
    Effect.gen(function* () {
      const registry = yield* Registry
      return {
        status: 200,
        body: yield* registry.call("instancesOfUser", { userId: params["userId"] ?? "" })
      }
    })
  )
]
