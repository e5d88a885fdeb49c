import { execFile } from "node:child_process"
import { readFile, stat } from "node:fs/promises"
import path from "node:path"
import { promisify } from "node:util"
import { expect, it } from "vitest"
import { temporaryFolder } from "./support.ts"

const configuration = "src/auth-worker/wrangler.jsonc"

it("the Auth Worker passes wrangler's dry run, below 400 KB, with its secrets named and not valued", async () => {
  const outdir = await temporaryFolder()
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ["node_modules/wrangler/bin/wrangler.js", "deploy", "--dry-run", "--outdir", outdir, "-c", configuration],
    { env: { ...process.env, CI: "1", WRANGLER_SEND_METRICS: "false" } }
  )
  expect(stdout).toContain("env.WORKSPACE_REGISTRY (WorkspaceRegistry)")
  expect((await stat(path.join(outdir, "worker.js"))).size).toBeLessThan(400_000)
  const text = await readFile(configuration, "utf8")
  for (const secret of ["JWT_SECRET", "SERVER_BYPASS_TOKEN", "WEBHOOK_SECRET", "ADMIN_TOKEN"]) {
    expect(text).toContain(`//   ${secret}`)
    expect(text).not.toContain(`"${secret}"`)
  }
})
