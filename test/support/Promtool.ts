/** Prometheus' own `promtool`, where it is installed: Debian's package `prometheus` has it. */
import { spawnSync } from "node:child_process"

export const hasPromtool = spawnSync("promtool", ["--version"]).error === undefined

/** For the titles of the tests that need it. */
export const promtoolMissing = "skipped, since promtool is not installed: apt-get install prometheus"

/** What it complains about; empty when it does not. */
export const promtool = (args: ReadonlyArray<string>, input?: string): string => {
  const { status, stderr, stdout } = spawnSync("promtool", args, { encoding: "utf8", input })
  return status === 0 ? "" : `${stdout}${stderr}`
}
