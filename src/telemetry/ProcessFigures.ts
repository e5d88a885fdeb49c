/** What this process uses of what it may use. */
import * as Effect from "effect/Effect"
import { statfs } from "node:fs/promises"
import { totalmem } from "node:os"
import { getHeapStatistics } from "node:v8"
import { memoryLimitOf } from "./ProcessLimits.ts"

export interface MemoryFigures {
  readonly residentBytes: number
  /** What the container allows, else what the machine has. */
  readonly residentLimitBytes: number
  readonly heapBytes: number
  readonly heapLimitBytes: number
}

export interface DiskFigures {
  readonly freeBytes: number
  readonly totalBytes: number
}

export const memory = (): MemoryFigures => {
  const { rss } = process.memoryUsage()
  const { heap_size_limit, used_heap_size } = getHeapStatistics()
  return {
    residentBytes: rss,
    residentLimitBytes: memoryLimitOf(process.constrainedMemory(), totalmem()),
    heapBytes: used_heap_size,
    heapLimitBytes: heap_size_limit
  }
}

/** The disk of a folder; fails where there is no such folder or the platform does not tell. */
export const disk = (folder: string): Effect.Effect<DiskFigures, unknown> =>
  Effect.map(
    Effect.tryPromise(() => statfs(folder)),
    ({ bavail, blocks, bsize }) => ({ freeBytes: bavail * bsize, totalBytes: blocks * bsize })
  )
