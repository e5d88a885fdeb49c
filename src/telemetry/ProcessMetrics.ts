/** What the process itself costs, by the names that Prometheus' client libraries have made usual. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { readdirSync } from "node:fs"
import { monitorEventLoopDelay } from "node:perf_hooks"
import * as GarbageCollection from "./GarbageCollection.ts"
import { counter, gauge } from "./Metrics.ts"
import * as ProcessLimits from "./ProcessLimits.ts"
import * as Supervised from "../controller/Supervised.ts"

export interface Options {
  /** Of this program. */
  readonly version: string
  /** That it was built from. */
  readonly commit: string
}

/** How often the gauges are taken. */
const EVERY = "5 seconds"
/** Longest delays that are remembered: of a minute, which is longer than any scraper waits. */
const WINDOWS = 12
/** How often the event loop's delay is looked at, in milliseconds; Node counts it as part of the delay. */
const LOOP_RESOLUTION_MS = 20
const NANOS_PER_MS = 1e6
const MICROS_PER_SECOND = 1e6
const MS_PER_SECOND = 1_000

const startTime = gauge("process_start_time_seconds", "When the process started, in seconds since the epoch")
const residentMemory = gauge("process_resident_memory_bytes", "Resident memory")
const cpu = counter("process_cpu_seconds_total", "CPU time, user and system")
const openFiles = gauge("process_open_fds", "Open file descriptors; absent where the platform does not tell")
const heapUsed = gauge("nodejs_heap_size_used_bytes", "JavaScript heap in use")
const heapTotal = gauge("nodejs_heap_size_total_bytes", "JavaScript heap that is reserved")
const external = gauge(
  "nodejs_external_memory_bytes",
  "Memory outside the heap, such as LiveStore's databases"
)
const lagP99 = gauge("nodejs_eventloop_lag_p99_seconds", "Event loop delay, 99th percentile of the last 5 s")
const lagMax = gauge("nodejs_eventloop_lag_max_seconds", "Event loop delay, the longest of the last minute")

/** None where the platform does not tell. */
const countOpenFiles = Effect.option(Effect.try(() => readdirSync("/proc/self/fd").length))

const lagSeconds = (nanos: number): number =>
  Math.max(0, nanos / NANOS_PER_MS - LOOP_RESOLUTION_MS) / MS_PER_SECOND

/** Takes the gauges now and then, until the scope closes. */
export const layer = ({ commit, version }: Options): Layer.Layer<never> =>
  Layer.scopedDiscard(
    Effect.gen(function* () {
      const loop = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MS })
      loop.enable()
      yield* Effect.addFinalizer(() => Effect.sync(() => loop.disable()))
      gauge("wso_build_info", "1, with the version and the commit of this program, and the version of Node", {
        version,
        commit,
        node: process.version
      }).set(1)
      yield* ProcessLimits.take
      yield* GarbageCollection.watch
      startTime.set((yield* Clock.currentTimeMillis) / MS_PER_SECOND - process.uptime())

      let seenCpu = 0
      const longest: Array<number> = []
      const take = Effect.gen(function* () {
        const memory = process.memoryUsage()
        residentMemory.set(memory.rss)
        heapUsed.set(memory.heapUsed)
        heapTotal.set(memory.heapTotal)
        external.set(memory.external)
        const { system, user } = process.cpuUsage()
        const seconds = (system + user) / MICROS_PER_SECOND
        cpu.add(seconds - seenCpu)
        seenCpu = seconds
        longest.push(lagSeconds(loop.max))
        if (longest.length > WINDOWS) longest.shift()
        lagMax.set(Math.max(...longest))
        lagP99.set(lagSeconds(loop.percentile(99)))
        loop.reset()
        const files = yield* countOpenFiles
        if (Option.isSome(files)) openFiles.set(files.value)
      })
      yield* take
      yield* Supervised.run("process-metrics", Effect.forever(Effect.delay(take, EVERY)), { isVital: false })
    })
  )
