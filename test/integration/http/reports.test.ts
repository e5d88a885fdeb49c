import { afterEach, describe, expect, it } from "vitest"
import { admin, bodyOf, start, type Started, type StartOptions } from "./server.ts"

let server: Started | undefined
const started = async (options?: StartOptions): Promise<string> => (server = await start(options)).url
afterEach(() => server?.stop())

describe("the reports", () => {
  it("of the day are for everybody in development and for administrators in production", async () => {
    const url = await started()
    expect(await bodyOf(await fetch(`${url}/reports/daily`))).toMatchObject({ status: "ok", checks: [] })
    await server?.stop()
    const production = await started({ isProduction: true })
    expect((await fetch(`${production}/reports/daily`)).status).toBe(401)
    expect((await fetch(`${production}/reports/daily`, { headers: admin })).status).toBe(200)
  })

  it("that cost something, and the configuration, are for administrators only", async () => {
    const url = await started()
    const verify = (headers: Record<string, string>) =>
      fetch(`${url}/admin/verify`, { method: "POST", headers })
    expect((await verify({})).status).toBe(401)
    expect(await bodyOf(await verify(admin))).toMatchObject({ status: "ok" })
    expect((await fetch(`${url}/admin/configuration`)).status).toBe(401)
    expect(await bodyOf(await fetch(`${url}/admin/configuration`, { headers: admin }))).toEqual({
      variables: [
        { name: "SERVER_BYPASS_TOKEN", value: "sha256:01234567", source: "environment", secret: true }
      ]
    })
  })
})
