import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { dispatch, route } from "../../../src/auth-worker/Router.ts"

const answering = (name: string) => (routed: { readonly params: Readonly<Record<string, string>> }) =>
  Effect.succeed({ status: 200, body: { name, params: routed.params } })

const routes = [
  route("GET", "/things/special", answering("special")),
  route("GET", "/things/:id", answering("one")),
  route("DELETE", "/things/:id", answering("delete")),
  route("GET", "/things/:id/parts/:part", answering("part"))
]

const ask = (method: string, path: string) =>
  Effect.runPromise(Effect.either(dispatch(routes, new Request(`http://worker${path}`, { method }))))

describe("the router", () => {
  it("takes the first route whose method and path match, with the path's parameters decoded", async () => {
    expect(await ask("GET", "/things/special")).toMatchObject({ right: { body: { name: "special" } } })
    expect(await ask("GET", "/things/a%2Fb")).toMatchObject({
      right: { body: { name: "one", params: { id: "a/b" } } }
    })
    expect(await ask("GET", "/things/1/parts/2?x=3")).toMatchObject({
      right: { body: { name: "part", params: { id: "1", part: "2" } } }
    })
    expect(await ask("HEAD", "/things/1")).toMatchObject({ right: { body: { name: "one" } } })
    expect(await ask("GET", "/things/%zz")).toMatchObject({ left: { code: "INVALID_REQUEST", status: 400 } })
    expect(await ask("GET", "/things/%25zz")).toMatchObject({ right: { body: { params: { id: "%zz" } } } })
  })

  it("tells an unknown path from a wrong method", async () => {
    for (const path of ["/", "/things", "/things/1/parts", "/things/1/", "//things/1"]) {
      expect(await ask("GET", path)).toMatchObject({ left: { code: "NOT_FOUND", status: 404 } })
    }
    expect(await ask("POST", "/things/1")).toMatchObject({
      left: { code: "METHOD_NOT_ALLOWED", status: 405, allow: "GET, DELETE" }
    })
  })
})
