import { execFile } from "node:child_process"
import { readFile } from "node:fs/promises"
import { promisify } from "node:util"
import { expect, it } from "vitest"

it("both Workers pass npm run deploy:check, with their bindings and within their sizes", async () => {
  const { stdout } = await promisify(execFile)(process.execPath, ["scripts/deploy-check.mjs"])
  expect(stdout).toMatch(/^auth-worker: passes, \d+ of 400000 bytes/m)
  expect(stdout).toMatch(/^sync-worker: passes, \d+ of \d+ bytes/m)
  expect(stdout).toContain("env.WORKSPACE_REGISTRY (WorkspaceRegistry)")
  expect(stdout).toContain("env.SYNC_BACKEND_DO (SyncBackendDO)")
})

it("the Sync Worker's configuration names its secrets and values none", async () => {
  const text = await readFile("src/sync-worker/wrangler.jsonc", "utf8")
  for (const secret of ["JWT_SECRET", "SERVER_BYPASS_TOKEN"]) {
    expect(text).toContain(`//   ${secret}`)
    expect(text).not.toContain(`"${secret}"`)
  }
})
