/**
 * What the controller costs when there is nothing to do: `npm run bench -- controller`.
 * The median of several rounds each: a bare queue of a Map and an array, the work queue, and the whole controller without
 * hooks, with hooks that count, and with the metrics of the server.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Controller from "../src/controller/Controller.ts"
import * as WorkQueue from "../src/controller/WorkQueue.ts"
import * as OrchestrationMetrics from "../src/orchestration/OrchestrationMetrics.ts"
import { report } from "./figures.ts"

const KEYS = 100_000
const ROUNDS = 7
const WORKERS = 32
const keys = Array.from({ length: KEYS }, (_, index) => `workspace-${index}`)

const timed = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const start = performance.now()
    return Effect.map(effect, () => (performance.now() - start) / 1_000)
  })

/** Deduplication and order, and nothing else: no priorities, no delays, no waiting. */
const bareQueue = Effect.sync(() => {
  const queued = new Map<string, boolean>()
  const order: Array<string> = []
  for (const key of keys) {
    if (queued.has(key)) continue
    queued.set(key, true)
    order.push(key)
  }
  let taken = 0
  for (const key of order) {
    queued.delete(key)
    taken++
  }
  return taken
})

const workQueue = Effect.gen(function* () {
  const queue = yield* WorkQueue.make()
  yield* queue.addAll(keys)
  let left = KEYS
  const step = Effect.flatMap(queue.take, (taken) => {
    left--
    return Option.isSome(taken) ? queue.done(taken.value.key) : Effect.void
  })
  yield* Effect.whileLoop({ while: () => left > 0, body: () => step, step: () => undefined })
}).pipe(Effect.scoped)

/** The hooks that the server has: metrics of the queue and of each reconcile. */
const metrics = {
  onAdd: OrchestrationMetrics.added,
  onRetry: OrchestrationMetrics.retried,
  onEnd: (end: Controller.ReconcileEnd<unknown>) => Effect.sync(() => OrchestrationMetrics.reconciled(end))
}

const controller = (hooks: "none" | "counting" | "metrics") =>
  Effect.gen(function* () {
    const count = { added: 0, started: 0, ended: 0, queueMs: 0, workMs: 0 }
    const loop = yield* Controller.make({
      name: "bench",
      workers: WORKERS,
      timeout: "30 seconds",
      shutdownGrace: "1 second",
      reconcile: () => Effect.succeed(Controller.Done),
      ...(hooks === "metrics" && { hooks: metrics }),
      ...(hooks === "counting" && {
        hooks: {
          onAdd: () => {
            count.added++
          },
          onStart: ({ queueMs }) =>
            Effect.sync(() => {
              count.started++
              count.queueMs += queueMs
            }),
          onEnd: ({ workMs }) =>
            Effect.sync(() => {
              count.ended++
              count.workMs += workMs
            })
        }
      })
    })
    yield* loop.addAll(keys)
    yield* loop.awaitIdle
  }).pipe(Effect.scoped)

/** Keys a second, of each round. */
const measure = <E>(effect: Effect.Effect<unknown, E>) =>
  Effect.map(Effect.replicateEffect(timed(effect), ROUNDS), (seconds) => seconds.map((one) => KEYS / one))

const GROUP = "queue and controller"
/** No-op reconciles a second with metrics on: what we aim at. */
const AIM = 100_000

await Effect.runPromise(
  Effect.gen(function* () {
    const bare = report(GROUP, "bare Map and array, add + take + done", "/s", yield* measure(bareQueue))
    const beside = { name: bare.name, value: bare.median }
    const beat = (name: string, effect: Effect.Effect<unknown>, options: { readonly aim?: number } = {}) =>
      Effect.map(measure(effect), (rounds) => report(GROUP, name, "/s", rounds, { beside, ...options }))
    yield* beat("work queue, add + take + done", workQueue)
    yield* beat("no-op reconcile, hooks off", controller("none"))
    yield* beat("no-op reconcile, hooks that count", controller("counting"))
    yield* beat("no-op reconcile, the server's metrics", controller("metrics"), { aim: AIM })
  })
)
