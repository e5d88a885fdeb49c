import * as Effect from "effect/Effect"
import { afterEach, describe, expect, it } from "vitest"
import { BackupFailed } from "../../../src/orchestration/Backups.ts"
import { admin, bodyOf, start, type Started, type StartOptions, stateReport } from "./server.ts"

let server: Started | undefined
const started = async (options?: StartOptions): Promise<string> => (server = await start(options)).url
afterEach(() => server?.stop())

const id = "2025-02-10T20-15-00-000Z"
const backup = { id, createdAt: "2025-02-10T20:15:00.000Z", sizeBytes: 4_096 }

describe("backups of the state", () => {
  it("are made by administrators, listed and verified", async () => {
    const url = await started({
      backups: { list: Effect.succeed([backup]), verify: () => Effect.succeed(stateReport) }
    })
    const made = await fetch(`${url}/admin/backups`, { method: "POST", headers: admin })
    expect([made.status, await bodyOf(made)]).toEqual([201, backup])
    const listed = await fetch(`${url}/admin/backups`, { headers: admin })
    expect(await bodyOf(listed)).toEqual({ backups: [backup] })
    const verified = await fetch(`${url}/admin/backups/${id}/verify`, { method: "POST", headers: admin })
    expect([verified.status, await bodyOf(verified)]).toEqual([200, { id, ...stateReport }])
  })

  it("are nobody else's", async () => {
    const url = await started()
    for (const [method, path] of [
      ["POST", "/admin/backups"],
      ["GET", "/admin/backups"],
      ["POST", `/admin/backups/${id}/verify`]
    ] as const) {
      expect((await fetch(`${url}${path}`, { method })).status).toBe(401)
    }
  })

  it("say why there is none, and show nothing of this machine", async () => {
    const detail = "SQLITE_FULL: /var/lib/wso/backups"
    const url = await started({
      backups: { create: () => new BackupFailed({ reason: "no-space", detail }) }
    })
    const full = await fetch(`${url}/admin/backups`, { method: "POST", headers: admin })
    expect(full.status).toBe(507)
    const text = await full.text()
    expect(text).toContain("BACKUP_NO_SPACE")
    expect(text).not.toContain("/var/lib")
  })

  it("are not found under an id that is none, however it is written", async () => {
    const url = await started()
    for (const other of ["..%2F..%2Fstate", "%2e%2e%2f", "nonsense", "x".repeat(90)]) {
      const response = await fetch(`${url}/admin/backups/${other}/verify`, { method: "POST", headers: admin })
      expect([other.slice(0, 20), response.status]).toEqual([other.slice(0, 20), 404])
      expect(await response.text()).not.toContain("nonsense")
    }
  })
})
