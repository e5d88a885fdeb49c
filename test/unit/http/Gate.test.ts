import * as HttpApi from "@effect/platform/HttpApi"
import * as Option from "effect/Option"
import { describe, expect, it } from "@effect/vitest"
import { Api } from "../../../src/http/Api.ts"
import { classOf } from "../../../src/http/Gate.ts"

describe("the class of a route", () => {
  it("is admin, webhook or chatops for all that changes anything, so that no limit, list or lockdown misses one", () => {
    const changing: Array<readonly [string, string]> = []
    HttpApi.reflect(Api, {
      onGroup: () => undefined,
      onEndpoint: ({ endpoint: { method, path } }) => {
        if (method !== "GET")
          changing.push([`${method} ${path}`, Option.getOrElse(classOf(path), () => "none")])
      }
    })
    expect(changing.length).toBeGreaterThan(8)
    for (const [route, what] of changing) {
      expect([route, ["admin", "webhook", "chatops"].includes(what)]).toEqual([route, true])
    }
  })

  it.each([
    ["/admin/reconcile", "admin"],
    ["/admin", "admin"],
    ["/webhooks/workspaces", "webhook"],
    ["/chatops/discord", "chatops"],
    ["/health/live", "probe"],
    ["/metrics", "probe"],
    ["/health", "read"],
    ["/stores/admin", "read"],
    ["/", "read"],
    ["*", "read"]
  ])("of %s is %s", (path, what) => {
    expect(classOf(path)).toEqual(Option.some(what))
  })

  it("is none where the first segment is spelt so that only a router reads it", () => {
    for (const path of ["/%61dmin/reconcile", "/admi%6e/plan", "/%77ebhooks/workspaces", "/%"]) {
      expect(classOf(path)).toEqual(Option.none())
    }
  })
})
