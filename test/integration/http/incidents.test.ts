import * as Effect from "effect/Effect"
import { afterEach, describe, expect, it } from "vitest"
import { viewOf } from "../../../src/incidents/Notification.ts"
import { Undelivered } from "../../../src/incidents/NotificationWebhook.ts"
import { wso } from "../cli/wso.ts"
import { admin, start, type Started, type StartOptions } from "./server.ts"

let started: Started | undefined
afterEach(async () => {
  await started?.stop()
  started = undefined
})
const serve = async (options: StartOptions = {}): Promise<string> => (started = await start(options)).url

const open = viewOf(
  {
    id: "inc_removal-guard_1",
    kind: "removal-guard",
    severity: "high",
    summary: "The removal guard holds back the removal of 5 workspaces; plan 0123abcd.",
    since: 0,
    openedAt: 1,
    toldAt: 1,
    resolvedAt: null,
    counts: { held: 5 },
    storeIds: ["ws-a"],
    fingerprint: "0123abcd",
    told: 1
  },
  null
)
const listed = {
  list: Effect.succeed({
    incidents: [open],
    notifications: {
      configured: true,
      pending: 2,
      lastDeliveredAt: null,
      lastError: "The receiver answered 500."
    }
  })
}

describe("incidents", () => {
  it("are listed; in production for administrators, since they name workspaces", async () => {
    const url = await serve({ incidents: listed, isProduction: true })
    expect((await fetch(`${url}/incidents`)).status).toBe(401)
    const response = await fetch(`${url}/incidents`, { headers: admin })
    expect([response.status, await response.json()]).toMatchObject([
      200,
      {
        incidents: [
          { kind: "removal-guard", state: "open", runbook: "docs/runbook.md#wsoremovalguardtripped" }
        ],
        notifications: { configured: true, pending: 2 }
      }
    ])
  })

  it("are shown by wso incidents, which exits with 1 while one is open", async () => {
    const url = await serve({ incidents: listed })
    const { code, out } = await wso(url, "incidents")
    expect(code).toBe(1)
    expect(out).toContain("removal-guard  high")
    expect(out).toContain("held 5")
    expect(out).toContain("The receiver answered 500.")
  })

  it("are shown as none where there is none", async () => {
    const { code, out } = await wso(await serve(), "incidents")
    expect([code, out]).toEqual([
      0,
      "No incident is open, and none was of late.\n\nNobody is told: NOTIFY_WEBHOOK_URL is not set.\n"
    ])
  })
})

describe("the test of the notifications", () => {
  const test = (url: string, headers: Record<string, string> = admin) =>
    fetch(`${url}/admin/notifications/test`, { method: "POST", headers })

  it("is for administrators, and says that there is nobody to tell", async () => {
    const url = await serve()
    expect((await test(url, {})).status).toBe(401)
    const response = await test(url)
    expect([response.status, await response.json()]).toMatchObject([
      503,
      { error: { code: "NOTIFICATIONS_NOT_CONFIGURED" } }
    ])
    expect(await wso(url, "notify", "test")).toMatchObject({ code: 2 })
  })

  it("says what the receiver answered", async () => {
    const url = await serve({ incidents: { test: () => Effect.succeed({ httpStatus: 204 }) } })
    expect(await (await test(url)).json()).toMatchObject({ status: "delivered", httpStatus: 204 })
    const { code, out } = await wso(url, "notify", "test")
    expect([code, out]).toMatchObject([0, expect.stringContaining("the receiver answered 204")])
  })

  it("says why it did not arrive", async () => {
    const url = await serve({
      incidents: { test: () => new Undelivered({ reason: "status", status: 401, detail: "" }) }
    })
    const response = await test(url)
    expect([response.status, await response.json()]).toMatchObject([
      502,
      { error: { code: "NOTIFICATION_NOT_DELIVERED" }, reason: "status", httpStatus: 401 }
    ])
    const { code, said } = await wso(url, "notify", "test")
    expect([code, said]).toMatchObject([2, expect.stringContaining("The receiver answered 401.")])
  })
})
