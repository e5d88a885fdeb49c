/** `wso report`, `wso verify` and `wso backup` against a server that a test scripts. */
import * as Effect from "effect/Effect"
import { afterEach, describe, expect, it } from "vitest"
import { BackupFailed } from "../../../src/orchestration/Backups.ts"
import type { DailyReport } from "../../../src/orchestration/Reports.ts"
import { RestoreImpossible } from "../../../src/cli/StateRestore.ts"
import { healthyBody, start, type Started, type StartOptions, stateReport } from "../http/server.ts"
import { begin, wso } from "./wso.ts"

let server: Started | undefined
const started = async (options?: StartOptions): Promise<string> => (server = await start(options)).url
afterEach(() => server?.stop())

/** Vitest's matchers are of type any. */
const containing = (text: string): unknown => expect.stringContaining(text)

const T = "2025-02-10T20:15:00.000Z"
const report = (status: DailyReport["status"]): DailyReport => ({
  status,
  generatedAt: T,
  since: T,
  checks: [
    { check: "queue", status: "ok", value: "0 ready", threshold: "below 50", next: null },
    {
      check: "disk",
      status,
      value: "95 % used | really",
      threshold: "below 80 %",
      next: status === "ok" ? null : "df -h"
    }
  ],
  errors: [{ component: "source", code: "DirectoryRejected", count: 3, lastSeenAt: T, lastMessage: "a\n# b" }]
})

describe("wso report daily", () => {
  it.each([
    ["ok", 0],
    ["warn", 1],
    ["fail", 2]
  ] as const)("that is %s has exit code %d, and says nothing beside the report", async (status, code) => {
    const url = await started({ reports: { daily: Effect.succeed(report(status)) } })
    for (const format of [[], ["--json"], ["-o", "json"], ["--markdown"]]) {
      const ended = await wso(url, "report", "daily", ...format)
      expect([format, ended.code, ended.said]).toEqual([format, code, ""])
    }
  })

  it("says what to do of what is not ok, and counts the errors", async () => {
    const url = await started({ reports: { daily: Effect.succeed(report("fail")) } })
    const { out } = await wso(url, "report", "daily")
    expect(out).toMatch(/^FAIL: 1 fail, 0 warn, 1 ok/)
    expect(out).toContain("Next:\n  disk: df -h")
    expect(out).toMatch(/source +DirectoryRejected +3 /)
  })

  it("as Markdown is one table, whatever an error message says", async () => {
    const url = await started({ reports: { daily: Effect.succeed(report("fail")) } })
    const { out } = await wso(url, "report", "daily", "--markdown")
    expect(out).toContain("| disk | FAIL | 95 % used \\| really | below 80 % | df -h |")
    expect(out).not.toMatch(/^# b/m)
  })
})

describe("wso verify", () => {
  /** /health of a server without drift; its /stores has the one that is counted. */
  const converged = {
    health: Effect.succeed(healthyBody),
    stores: () => Effect.succeed({ stores: [{ orchestrator: { status: "monitoring" } }], nextCursor: null })
  }

  it("is yes where source, reconciliation and counts are as they should be", async () => {
    const url = await started({ operations: converged })
    const { code, out } = await wso(url, "verify", "--timeout", "1s")
    expect([code, out]).toEqual([0, containing("Verified in")])
  })

  it("is no where what is listed is not what is counted", async () => {
    const url = await started({
      operations: { ...converged, stores: () => Effect.succeed({ stores: [], nextCursor: null }) }
    })
    const { code, out } = await wso(url, "verify", "--timeout", "100ms")
    expect([code, out]).toEqual([1, containing("1 desired and 1 monitored in /health, 0 in /stores")])
    expect(out).toContain("NOT VERIFIED")
  })

  it("is no while the reconciler is disabled, or the source cannot be read", async () => {
    const reconciliation = { enabled: false as const, reason: "SERVER_BYPASS_TOKEN is not set" }
    const url = await started({
      operations: { ...converged, health: Effect.succeed({ ...healthyBody, reconciliation }) },
      administration: {
        probe: (check) =>
          Effect.succeed({ healthy: check !== "auth-worker", detail: { error: "it answers 403" } })
      }
    })
    const { code, out } = await wso(url, "verify", "--timeout", "100ms")
    expect(code).toBe(1)
    expect(out).toMatch(/source +failed +it answers 403/)
    expect(out).toMatch(/reconciliation +failed +it is disabled: SERVER_BYPASS_TOKEN is not set/)
  })

  it("with --deep is no where an invariant does not hold", async () => {
    const invariants = [{ name: "state-database", holds: false, detail: "row 3 missing" }]
    const url = await started({
      operations: converged,
      reports: { verify: Effect.succeed({ status: "violated", checkedAt: T, durationMs: 1, invariants }) }
    })
    expect((await wso(url, "verify", "--timeout", "1s")).code).toBe(0)
    const deep = await wso(url, "verify", "--deep", "--timeout", "1s")
    expect([deep.code, deep.out]).toEqual([1, expect.stringMatching(/state-database +failed +row 3 missing/)])
  })

  it("ends at once with a wrong token, which it would else try until the address is shut out", async () => {
    const url = await started({ isProduction: true, operations: converged })
    const { code, out, said } = await wso(url, "verify", "--token", "wrong", "--timeout", "60s")
    expect([code, out, said]).toEqual([4, "", containing("The admin token is missing or wrong")])
  })

  it("takes no timeout that is none", async () => {
    expect((await wso(await started(), "verify", "--timeout", "soon")).code).toBe(2)
  })
})

describe("wso backup", () => {
  it("makes, lists and verifies", async () => {
    const id = "2025-02-10T20-15-00-000Z"
    const url = await started({
      backups: {
        list: Effect.succeed([{ id, createdAt: T, sizeBytes: 4_096 }]),
        verify: () => Effect.succeed(stateReport)
      }
    })
    expect(await wso(url, "backup", "create")).toMatchObject({
      code: 0,
      out: `${id} was made (4.1 kB), and read through.\n`
    })
    expect((await wso(url, "backup", "ls")).out).toContain(id)
    expect((await wso(url, "backup", "verify", id)).out).toContain("Intact: schema 2; workspaces 1")
  })

  it("says no to a backup that is broken, and what is wrong where none could be made", async () => {
    const url = await started({
      backups: {
        create: () => new BackupFailed({ reason: "no-space", detail: "no" }),
        verify: () => Effect.succeed({ ...stateReport, intact: false, problems: ["row 3 missing"] })
      }
    })
    expect(await wso(url, "backup", "verify", "x")).toMatchObject({
      code: 1,
      out: "BROKEN: row 3 missing.\n"
    })
    const full = await wso(url, "backup", "create")
    expect([full.code, full.said]).toEqual([2, containing("BACKUP_NO_SPACE")])
  })

  it("tells apart a server that runs from a backup that cannot be restored", async () => {
    const restore = (inUse: boolean) =>
      begin(["backup", "restore", "x"], {
        restore: new RestoreImpossible({ inUse, message: "not now" })
      }).finished
    expect(await restore(true)).toMatchObject({ code: 5, out: "", said: "not now\n" })
    expect((await restore(false)).code).toBe(2)
  })
})
