/**
 * Law 4 in figures: how long a thousand healthy workspaces take to be monitored alone, and beside a thousand that fail
 * whenever they are opened: `node --import tsx bench/failing-and-healthy.ts [rounds]`. The whole loop in this process, stores in
 * memory that take 20 ms to open (or to fail), 32 hands (the default), and the real clock.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import { WorkspaceOrchestrator } from "../src/orchestration/WorkspaceOrchestrator.ts"
import { WorkspaceReconciler } from "../src/orchestration/WorkspaceReconciler.ts"
import { workspaceIds } from "../test/support/SickAuthWorker.ts"
import { makeWorld } from "../test/support/World.ts"
import { percentile, row } from "./figures.ts"

const HEALTHY = 1_000
const FAILING = 1_000
const OPEN_MS = 20
const HANDS = 32
/** How often each of the failing ones has been tried when the healthy ones come: their backoff is at some seconds. */
const ATTEMPTS_BEFORE = 3
const POLL = Duration.millis(2)
const WITHIN = Duration.minutes(2)
const DEFAULT_ROUNDS = 5

const healthy = workspaceIds(HEALTHY, "healthy")

interface Case {
  readonly failing: ReadonlyArray<string>
  /** The failing ones have been failing for a while when the healthy ones come, or all come at once. */
  readonly healthyComeLater: boolean
}

/** Milliseconds from when the healthy ones are known until all of them are monitored. */
const untilHealthyMonitored = ({ failing, healthyComeLater }: Case): Promise<number> => {
  // Mixed, so that neither kind stands in front of the other in the list.
  const both = healthy.flatMap((id, index) => (failing[index] === undefined ? [id] : [failing[index], id]))
  const world = makeWorld({
    workspaces: healthyComeLater ? failing : both,
    openMs: OPEN_MS,
    concurrency: HANDS
  })
  for (const id of failing) world.backend.setOpenFault(id, "rejected")
  return Effect.gen(function* () {
    const reconciler = yield* WorkspaceReconciler
    const orchestrator = yield* WorkspaceOrchestrator
    const isMonitored = () => orchestrator.listMonitored().length >= HEALTHY
    let startedAt = performance.now()
    yield* reconciler.start
    if (healthyComeLater) {
      yield* Effect.repeat(Effect.sleep(POLL), {
        until: () => failing.every((id) => world.backend.openCount(id) >= ATTEMPTS_BEFORE)
      })
      for (const id of healthy) world.directory.create(id)
      startedAt = performance.now()
      // One nudge is enough to have the list read again.
      yield* Effect.forkScoped(reconciler.nudge("healthy-00000"))
    }
    yield* Effect.repeat(Effect.sleep(POLL), { until: isMonitored })
    return performance.now() - startedAt
  }).pipe(
    Effect.timeout(WITHIN),
    Effect.scoped,
    Effect.provide(world.layer),
    Logger.withMinimumLogLevel(LogLevel.None),
    Effect.runPromise
  )
}

const rounds = Number(process.argv[2] ?? DEFAULT_ROUNDS)
const failing = workspaceIds(FAILING, "failing")

const measure = async (name: string, one: Case): Promise<number> => {
  const times: Array<number> = []
  for (let round = 0; round < rounds; round++) times.push(await untilHealthyMonitored(one))
  row(name, percentile(times, 0.5), percentile(times, 1))
  return percentile(times, 0.5)
}

row(`${HEALTHY} healthy workspaces monitored, ms`, "median", "worst")
const alone = await measure("alone", { failing: [], healthyComeLater: false })
const together = await measure(`beside ${FAILING} failing, all new at once`, {
  failing,
  healthyComeLater: false
})
const aloneLater = await measure("alone, created later", { failing: [], healthyComeLater: true })
const later = await measure(`created while ${FAILING} fail already`, { failing, healthyComeLater: true })
row("ratio, all new at once", (together / alone).toFixed(2))
row("ratio, created later", (later / aloneLater).toFixed(2))
process.exit(0)
