/**
 * What no route answers: 405 with `Allow` where another method is known, 404 elsewhere.
 */
import { methodNotAllowed, notFound, type Refusal } from "./Refusal.ts"
import { routes } from "./Routes.ts"

/**
 * Why there is no route for a path, which is without its query. A path that is disabled as a whole says so whatever the
 * method: the contract puts 503 before 405.
 */
export const make =
  (disabled: ReadonlyMap<string, Refusal>): ((path: string) => Refusal) =>
  (path) => {
    const whole = disabled.get(path)
    if (whole !== undefined) return whole
    const methods = new Set(
      routes.filter(({ matches }) => matches.test(path)).flatMap((route) => [...route.methods])
    )
    return methods.size === 0 ? notFound : methodNotAllowed([...methods].sort())
  }
