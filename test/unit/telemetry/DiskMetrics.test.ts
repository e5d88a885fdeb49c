import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect, it } from "vitest"
import * as DiskMetrics from "../../../src/telemetry/DiskMetrics.ts"
import * as Prometheus from "../../../src/telemetry/Prometheus.ts"
import { eventually } from "../../support/Eventually.ts"
import { parse } from "../../support/PrometheusText.ts"

it("says what is left of the disk, and what the files of the state take", async () => {
  const folder = mkdtempSync(join(tmpdir(), "wso-disk-"))
  const files = [join(folder, "state"), join(folder, "state-wal"), join(folder, "absent")] as const
  writeFileSync(files[0], "x".repeat(1_000))
  writeFileSync(files[1], "x".repeat(500))
  const valueOf = async (name: string) =>
    parse(await Effect.runPromise(Prometheus.render)).get(name)?.samples[0]?.value
  try {
    await Effect.gen(function* () {
      yield* Layer.build(DiskMetrics.layer({ stateFiles: files }))
      yield* Effect.promise(() =>
        eventually("the disk has been looked at", () => valueOf("wso_disk_free_bytes"))
      )
    }).pipe(Effect.scoped, Effect.runPromise)
    const disk = statfsSync(folder)
    expect(await valueOf("wso_state_bytes")).toBe(1_500)
    expect(await valueOf("wso_disk_size_bytes")).toBe(disk.blocks * disk.bsize)
    expect(await valueOf("wso_disk_free_bytes")).toBeLessThan(disk.blocks * disk.bsize)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
