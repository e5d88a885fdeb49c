/**
 * What no route answers: 405 with `Allow` where another method is known, 404 elsewhere.
 */
import * as HttpApi from "@effect/platform/HttpApi"
import { Api } from "./Api.ts"
import { methodNotAllowed, notFound, type Refusal } from "./Refusal.ts"

interface Route {
  readonly matches: RegExp
  readonly methods: Set<string>
}

/** `/stores/:id` matches one further segment; a trailing slash changes nothing, as in the router. */
const patternOf = (path: string): RegExp =>
  new RegExp(`^${path.replace(/[.*+?^${}()|[\]\\]/g, "\\$&").replace(/:\w+/g, "[^/]+")}/?$`)

const routes = (): ReadonlyArray<Route> => {
  const byPath = new Map<string, Route>()
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
  return [...byPath.values()]
}

/**
 * Why there is no route for a path, which is without its query. A path that is disabled as a whole says so whatever the
 * method: the contract puts 503 before 405.
 */
export const make = (disabled: ReadonlyMap<string, Refusal>): ((path: string) => Refusal) => {
  const known = routes()
  return (path) => {
    const whole = disabled.get(path)
    if (whole !== undefined) return whole
    const methods = new Set(
      known.filter(({ matches }) => matches.test(path)).flatMap((route) => [...route.methods])
    )
    return methods.size === 0 ? notFound : methodNotAllowed([...methods].sort())
  }
}
