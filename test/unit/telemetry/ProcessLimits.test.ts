import { describe, expect, it } from "vitest"
import { maxFilesOf, memoryLimitOf } from "../../../src/telemetry/ProcessLimits.ts"

describe("the memory that a process may have", () => {
  it("is its control group's limit, where there is one below the machine's memory", () => {
    expect(memoryLimitOf(512, 4_096)).toBe(512)
    for (const none of [0, NaN, 2 ** 64]) expect(memoryLimitOf(none, 4_096)).toBe(4_096)
  })
})

describe("the files that a process may open", () => {
  it("are the soft limit", () => {
    const limits = [
      "Limit                     Soft Limit           Hard Limit           Units     ",
      "Max processes             127235               127235               processes ",
      "Max open files            1024                 1048576              files     "
    ]
    expect(maxFilesOf(limits.join("\n"))).toBe(1_024)
  })

  it("have no number where there is no limit, or nobody tells", () => {
    expect(
      maxFilesOf("Max open files            unlimited            unlimited            files")
    ).toBeUndefined()
    expect(maxFilesOf("")).toBeUndefined()
  })
})
