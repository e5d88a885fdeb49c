import { spawnSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "vitest"

const isThere = (program: string): boolean => spawnSync(program, ["--version"]).error === undefined
const canCheck = isThere("spin") && isThere("gcc")
/** Half a minute on two idle cores. */
const WITHIN_MS = 600_000

describe("the formal model", () => {
  it.skipIf(!canCheck)(
    `has every law, and loses it without what protects it (${canCheck ? "SPIN" : "skipped: apt-get install spin gcc libc6-dev"})`,
    { timeout: WITHIN_MS },
    () => {
      const root = fileURLToPath(new URL("../..", import.meta.url))
      const { status, stderr } = spawnSync("node", ["scripts/model.mjs"], { cwd: root, encoding: "utf8" })
      expect([status, stderr]).toEqual([
        0,
        expect.stringMatching(/^\d+ hold, \d+ counterexamples, 0 not as expected/)
      ])
    }
  )
})
