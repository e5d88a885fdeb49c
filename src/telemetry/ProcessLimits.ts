/** How much the process may take: what alerts on memory and on open files compare with. Does not change while it runs. */
import * as Effect from "effect/Effect"
import { readFileSync } from "node:fs"
import { totalmem } from "node:os"
import { getHeapStatistics } from "node:v8"
import { gauge } from "./Metrics.ts"

const memoryLimit = gauge(
  "wso_memory_limit_bytes",
  "What this process may have resident: the limit of its control group, else the memory of the machine"
)
const heapLimit = gauge("nodejs_heap_size_limit_bytes", "What the JavaScript heap may grow to")
const maxFiles = gauge(
  "process_max_fds",
  "Open file descriptors at most; absent where the platform does not tell"
)

/** The machine's memory where no control group sets less. */
export const memoryLimitOf = (constrained: number, total: number): number =>
  constrained > 0 && constrained < total ? constrained : total

/** The soft limit, as Linux tells it; undefined if there is none. */
export const maxFilesOf = (limits: string): number | undefined => {
  const match = /^Max open files\s+(\d+)/m.exec(limits)
  return match?.[1] === undefined ? undefined : Number(match[1])
}

/** None where the platform does not tell. */
const readLimits = Effect.option(Effect.try(() => readFileSync("/proc/self/limits", "utf8")))

export const take: Effect.Effect<void> = Effect.gen(function* () {
  memoryLimit.set(memoryLimitOf(process.constrainedMemory(), totalmem()))
  heapLimit.set(getHeapStatistics().heap_size_limit)
  const limits = yield* readLimits
  const files = limits._tag === "Some" ? maxFilesOf(limits.value) : undefined
  if (files !== undefined) maxFiles.set(files)
})
