/**
 * The routes of the API as templates, such as `/stores/:storeId`.
 */
import * as HttpApi from "@effect/platform/HttpApi"
import { Api } from "./Api.ts"

export interface Route {
  readonly template: string
  readonly matches: RegExp
  readonly methods: ReadonlySet<string>
}

/** `/stores/:id` matches one further segment; a trailing slash changes nothing, as in the router. */
const patternOf = (path: string): RegExp =>
  new RegExp(`^${path.replace(/[.*+?^${}()|[\]\\]/g, "\\$&").replace(/:\w+/g, "[^/]+")}/?$`)

const make = (): ReadonlyArray<Route> => {
  const byPath = new Map<string, { readonly matches: RegExp; readonly methods: Set<string> }>()
  HttpApi.reflect(Api, {
    onGroup: () => undefined,
    onEndpoint: ({ endpoint: { method, path } }) => {
      const route = byPath.get(path) ?? { matches: patternOf(path), methods: new Set() }
      route.methods.add(method)
      // The router answers HEAD with the GET route.
      if (method === "GET") route.methods.add("HEAD")
      byPath.set(path, route)
    }
  })
  // A literal segment is preferred to a parameter, as in the router.
  return [...byPath]
    .map(([template, route]) => ({ template, ...route }))
    .sort((one, other) => Number(one.template.includes(":")) - Number(other.template.includes(":")))
}

export const routes = make()

/** Methods by name, and one word for all others: OpenTelemetry's rule. */
const METHODS: ReadonlySet<string> = new Set([
  "CONNECT",
  "DELETE",
  "GET",
  "HEAD",
  "OPTIONS",
  "PATCH",
  "POST",
  "PUT",
  "TRACE"
])
const OTHER_METHOD = "_OTHER"
const NO_ROUTE = ""

/** The method as a label: one of a few words, whatever a sender has made up. */
export const methodOf = (method: string): string => (METHODS.has(method) ? method : OTHER_METHOD)

/** A URL's path, without its query. */
export const pathOf = (url: string): string => url.split("?", 1)[0] ?? "/"

/** The template of the route that a path belongs to; empty if there is none. */
export const routeOf = (path: string): string =>
  routes.find(({ matches }) => matches.test(path))?.template ?? NO_ROUTE
