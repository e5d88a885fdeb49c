/**
 * Keeps a Worker running: whoever kills its workerd sees it come back, with its data, as it would on the platform.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import type { RunningWorker, WorkersError } from "./Workerd.ts"
import * as Supervised from "../controller/Supervised.ts"

/** How soon the death of a workerd is noticed. */
const WATCH_EVERY = "500 millis"
/** Between two attempts to start it again: 200 ms · 2^n, at most 5 s. */
const RESTART_BASE = "200 millis"
const RESTART_MAX = "5 seconds"

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

const awaitDeath = (worker: RunningWorker): Effect.Effect<void> => {
  const { pid } = worker
  if (pid === undefined) return Effect.never
  return Effect.sync(() => isAlive(pid)).pipe(
    Effect.repeat({ schedule: Schedule.spaced(WATCH_EVERY), while: (alive) => alive }),
    Effect.asVoid
  )
}

/**
 * Starts the Worker and starts it again whenever its workerd has died, until the scope closes. Completes with the first
 * start and fails if that fails: a wrong port is the operator's to mend, a later death is not.
 */
export const supervise = (
  name: string,
  start: Effect.Effect<RunningWorker, WorkersError, Scope.Scope>
): Effect.Effect<RunningWorker, WorkersError, Scope.Scope> =>
  Effect.gen(function* () {
    const first = yield* Deferred.make<RunningWorker, WorkersError>()
    const life = Effect.scoped(
      Effect.gen(function* () {
        const worker = yield* start
        yield* Deferred.succeed(first, worker)
        yield* awaitDeath(worker)
        yield* Effect.logWarning("worker.died").pipe(Effect.annotateLogs({ worker: name, pid: worker.pid }))
      })
    )
    const again = life.pipe(
      Effect.tapError((error) => Effect.logError("worker.start_failed", error)),
      Effect.retry(
        Schedule.exponential(RESTART_BASE).pipe(
          Schedule.either(Schedule.spaced(RESTART_MAX)),
          Schedule.jittered
        )
      ),
      Effect.forever
    )
    yield* life.pipe(
      Effect.tapError((error) => Deferred.fail(first, error)),
      Effect.zipRight(Effect.scoped(Effect.zipRight(Supervised.run(name, again), Effect.never))),
      Effect.forkScoped
    )
    return yield* Deferred.await(first)
  })
