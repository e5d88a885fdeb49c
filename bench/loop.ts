/**
 * The whole loop in this process, with a directory and stores in memory: what convergence itself costs.
 *
 *   npm run bench -- loop, of which each size is one run of: bench/loop.ts [workspaces] [rounds] [memory | sqlite]
 *
 * cold:    from the start of the loop until every workspace is monitored
 * quiet:   ... and until the event processor has looked at each of them once
 * steady:  a run of the whole loop when nothing has changed
 * nudge:   from a webhook's nudge about a new workspace until it is monitored, by the changes feed
 * delete:  from the approval of a plan that removes all until none is open any more
 * stop:    closing everything, with every store open
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Scope from "effect/Scope"
import { WorkspaceController } from "../src/orchestration/WorkspaceController.ts"
import { WorkspaceReconciler } from "../src/orchestration/WorkspaceReconciler.ts"
import * as SqliteSnapshotStore from "../src/persistence/SqliteSnapshotStore.ts"
import * as SqliteStateStore from "../src/persistence/SqliteStateStore.ts"
import * as StateDatabase from "../src/persistence/StateDatabase.ts"
import { StoreManager } from "../src/stores/StoreManager.ts"
import { temporaryFolder } from "../test/support/Program.ts"
import { workspaceIds } from "../test/support/SickAuthWorker.ts"
import { makeWorld } from "../test/support/World.ts"
import { report } from "./figures.ts"
import { watchPauses } from "./Pauses.ts"

/** `PROVISION_CONCURRENCY`'s default. */
const HANDS = 32
const POLL = Duration.millis(1)
const WITHIN = Duration.minutes(3)
const SETTLE = Duration.millis(20)
const STEADY_RUNS = 7
const NUDGES = 20
const KB = 1_024
/** What the aims of 100,000 workspaces are, in milliseconds. */
const LARGE = 100_000
const AIMS = { cold: 1_000, steady: 60, pause: 50 }

const size = Number(process.argv[2] ?? 1_000)
const rounds = Number(process.argv[3] ?? 5)
const durable = process.argv[4] === "sqlite"

interface Round {
  readonly coldMs: number
  readonly coldPauseMs: number
  readonly quietMs: number
  readonly bytesPerStore: number
  readonly steadyMs: ReadonlyArray<number>
  readonly steadyPauseMs: number
  readonly nudgeMs: ReadonlyArray<number>
  readonly deleteMs: number
  readonly deletePauseMs: number
  readonly stopMs: number
}

const until = (condition: () => boolean) =>
  Effect.repeat(Effect.sleep(POLL), { until: condition }).pipe(Effect.timeout(WITHIN), Effect.asVoid)

const timed = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const from = performance.now()
    return Effect.map(effect, () => performance.now() - from)
  })

/** Lets a pause that is not over yet be counted as one of before. */
const fromHere = (longestPause: () => number) =>
  Effect.map(Effect.sleep(SETTLE), () => {
    longestPause()
  })

const heapAfterCollection = (): number => {
  globalThis.gc?.()
  return process.memoryUsage().heapUsed
}

const sqlite = (folder: string) =>
  Layer.merge(SqliteSnapshotStore.layer, SqliteStateStore.layer).pipe(
    Layer.provide(StateDatabase.layer(folder))
  )

const live = (layer: ReturnType<typeof makeWorld>["layer"], world: ReturnType<typeof makeWorld>) =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    const context = yield* Layer.buildWithScope(layer, scope)
    const reconciler = Context.get(context, WorkspaceReconciler)
    const controller = Context.get(context, WorkspaceController)
    const manager = Context.get(context, StoreManager)
    return { scope, reconciler, controller, manager, world }
  })
type Life = Effect.Effect.Success<ReturnType<typeof live>>

const measureCold = ({ controller, reconciler }: Life, longestPause: () => number) =>
  Effect.gen(function* () {
    const heapBefore = heapAfterCollection()
    yield* fromHere(longestPause)
    const from = performance.now()
    yield* reconciler.start
    yield* until(() => controller.drift.monitored() === size && controller.convergence().converged)
    const coldMs = performance.now() - from
    yield* until(() => reconciler.firstPassMade())
    // Behind everything that the event processor has been told.
    yield* Effect.sleep(POLL)
    const quietMs = performance.now() - from
    const coldPauseMs = longestPause()
    const bytesPerStore = (heapAfterCollection() - heapBefore) / size
    return { coldMs, coldPauseMs, quietMs, bytesPerStore }
  })

/** The first run by hand sees what is just as it was. */
const measureSteady = ({ reconciler }: Life, longestPause: () => number) =>
  Effect.gen(function* () {
    yield* fromHere(longestPause)
    const steadyMs: Array<number> = []
    for (let run = 0; run < STEADY_RUNS; run++) {
      steadyMs.push(yield* timed(reconciler.reconcile))
      yield* Effect.sleep(POLL)
    }
    return { steadyMs, steadyPauseMs: longestPause() }
  })

const measureNudges = ({ manager, reconciler, world }: Life) =>
  Effect.gen(function* () {
    world.directory.setFeatures("revision", "changes")
    // The list says so, and from then on the feed is asked.
    yield* reconciler.reconcile
    const nudgeMs: Array<number> = []
    for (const id of workspaceIds(NUDGES, "nudged")) {
      world.directory.create(id)
      nudgeMs.push(yield* timed(reconciler.nudge(id)))
      if (manager.openStore(id) === undefined) return yield* Effect.dieMessage(`${id} is not open`)
    }
    return { nudgeMs }
  })

const measureDelete = ({ controller, manager, reconciler, world }: Life, longestPause: () => number) =>
  Effect.gen(function* () {
    for (const id of [...world.directory.ids()]) world.directory.remove(id)
    yield* reconciler.reconcile
    const { plan } = yield* controller.verdict
    if (plan === null) return yield* Effect.dieMessage("the guard holds nothing")
    yield* fromHere(longestPause)
    const from = performance.now()
    yield* controller.approve(plan.hash, "bench")
    yield* until(() => manager.size() === 0)
    return { deleteMs: performance.now() - from, deletePauseMs: longestPause() }
  })

const oneRound = async (): Promise<Round> => {
  await using folder = await temporaryFolder()
  const begin = Effect.suspend(() => {
    const world = makeWorld({
      workspaces: workspaceIds(size),
      concurrency: HANDS,
      ...(durable && { state: sqlite(folder.path) })
    })
    return live(world.layer, world)
  })
  const stopped = (life: Life) => timed(Scope.close(life.scope, Exit.void))
  const round = Effect.gen(function* () {
    const longestPause = watchPauses()
    const life = yield* begin
    const cold = yield* measureCold(life, longestPause)
    const steady = yield* measureSteady(life, longestPause)
    const nudges = yield* measureNudges(life)
    const removal = yield* measureDelete(life, longestPause)
    yield* stopped(life)
    const another = yield* Effect.succeed(
      makeWorld({ workspaces: workspaceIds(size), concurrency: HANDS })
    ).pipe(Effect.flatMap((world) => live(world.layer, world)))
    yield* measureCold(another, longestPause)
    const stopMs = yield* stopped(another)
    return { ...cold, ...steady, ...nudges, ...removal, stopMs }
  })
  return await Effect.runPromise(Logger.withMinimumLogLevel(round, LogLevel.None))
}

const results: Array<Round> = []
for (let round = 0; round < rounds; round++) results.push(await oneRound())

const group = `${size.toLocaleString("en")} workspaces, ${durable ? "state in SQLite" : "in memory"}`
const isLarge = size >= LARGE
const aim = (value: number) => (isLarge ? { aim: value } : {})
report(
  group,
  "cold convergence",
  "ms",
  results.map((one) => one.coldMs),
  aim(AIMS.cold)
)
report(
  group,
  "cold, until quiet",
  "ms",
  results.map((one) => one.quietMs)
)
report(
  group,
  "longest pause, cold",
  "ms",
  results.map((one) => one.coldPauseMs),
  aim(AIMS.pause)
)
report(
  group,
  "steady resync",
  "ms",
  results.flatMap((one) => one.steadyMs),
  aim(AIMS.steady)
)
report(
  group,
  "longest pause, steady",
  "ms",
  results.map((one) => one.steadyPauseMs),
  aim(AIMS.pause)
)
report(
  group,
  "nudge by the changes feed",
  "ms",
  results.flatMap((one) => one.nudgeMs)
)
report(
  group,
  "delete all, once approved",
  "ms",
  results.map((one) => one.deleteMs)
)
report(
  group,
  "longest pause, delete all",
  "ms",
  results.map((one) => one.deletePauseMs),
  aim(AIMS.pause)
)
report(
  group,
  "stop with all open",
  "ms",
  results.map((one) => one.stopMs)
)
report(
  group,
  "heap of one store",
  "KB",
  results.map((one) => one.bytesPerStore / KB)
)
process.exit(0)
