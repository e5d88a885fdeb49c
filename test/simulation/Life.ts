/**
 * One life of the server process, from its start to its end or its crash. A crash drops the world: no fiber of it runs
 * again, no finalizer either. What it has done to the disk stays.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import type * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Random from "effect/Random"
import * as Runtime from "effect/Runtime"
import * as ReplayMap from "../../src/http/ReplayMap.ts"
import type { NudgeOutcome } from "../../src/orchestration/Operations.ts"
import type { Laws } from "./Laws.ts"
import { type Interleaving, SeededScheduler } from "./SeededScheduler.ts"
import { Seeded } from "./Seeded.ts"
import { parts, type Parts, type layer as serverLayer } from "./ServerGraph.ts"
import { LifeStores } from "./Stores.ts"
import type { Trace } from "./Trace.ts"
import { VirtualClock, type VirtualTime } from "./VirtualTime.ts"

type Graph = ReturnType<typeof serverLayer>
type Services = Layer.Layer.Success<Graph>

export interface Options {
  readonly number: number
  readonly seed: string
  readonly interleaving: Interleaving
  readonly time: VirtualTime
  readonly trace: Trace
  readonly laws: Laws
  readonly onEnd: (life: Life) => void
}

/** Faults of the world speak of themselves in their messages: they are no defects of the server. */
const isInjected = (cause: Cause.Cause<unknown>): boolean =>
  [...Cause.defects(cause)].every(
    (defect) => defect instanceof Error && defect.message.startsWith("simulated")
  )

export class Life {
  readonly number: number
  readonly clock: VirtualClock
  readonly scheduler: SeededScheduler
  readonly stores = new LifeStores()
  /** Which webhooks it has had, as the HTTP handler of webhooks remembers them. */
  readonly replays = ReplayMap.make<NudgeOutcome>()
  readonly bornAt: number
  state: "starting" | "running" | "stopping" | "ended" | "crashed" = "starting"
  parts: Parts | undefined
  /** External effects so far: places in which it may crash. */
  effects = 0
  private crashesIn = Infinity
  private main: Fiber.RuntimeFiber<unknown, unknown> | undefined
  private runtime: Runtime.Runtime<Services> | undefined
  private readonly options: Options

  constructor(options: Options) {
    this.options = options
    this.number = options.number
    this.bornAt = options.time.now
    this.clock = new VirtualClock(options.time)
    this.scheduler = new SeededScheduler(new Seeded(`${options.seed} schedule`), options.interleaving)
  }

  get isAlive(): boolean {
    return this.state !== "crashed"
  }

  note(kind: string, text: string): void {
    if (this.isAlive) this.options.trace.note(this.options.time.now, `#${this.number} ${kind}: ${text}`)
  }

  /** An effect on the world has happened. The process may crash right behind it. */
  touch(kind: string, text: string): void {
    if (!this.isAlive) return
    this.note(kind, text)
    this.effects++
    if (--this.crashesIn <= 0) this.crash()
  }

  /** For effects that a process which is gone cannot have. */
  assertAlive(): void {
    if (!this.isAlive) throw new Error("simulated: the process is gone")
  }

  /** Crashes right behind the so-manieth effect from now. */
  crashAfter(effects: number): void {
    this.crashesIn = Math.max(1, effects)
  }

  calmDown(): void {
    this.crashesIn = Infinity
  }

  crash(): void {
    if (this.state === "crashed" || this.state === "ended") return
    this.note("process", "crashes")
    this.state = "crashed"
    this.scheduler.kill()
    this.clock.clear()
    this.options.onEnd(this)
  }

  start(graph: Graph): void {
    this.note("process", "starts")
    const { laws, seed } = this.options
    const logger = Logger.make(({ cause, logLevel, message }) => {
      if (!this.isAlive) return
      const text = Array.isArray(message) ? message.map(String).join(" ") : String(message)
      this.note("log", `${logLevel.label} ${text}`)
      if (!Cause.isEmpty(cause) && Cause.isDie(cause) && !isInjected(cause)) {
        laws.violate(0, `${text}: ${Cause.pretty(cause)}`)
      }
    })
    const program = Effect.gen(this, function* () {
      this.parts = yield* parts
      this.runtime = yield* Effect.runtime<Services>()
      this.state = "running"
      yield* this.parts.reconciler.start
      return yield* Effect.async<never>(() => undefined)
    }).pipe(
      Effect.provide(graph),
      Effect.provide(Logger.replace(Logger.defaultLogger, logger)),
      Effect.withClock(this.clock),
      Effect.withRandom(Random.make(`${seed} random`)),
      Logger.withMinimumLogLevel(LogLevel.Warning)
    )
    this.main = Effect.runFork(program, { scheduler: this.scheduler })
    this.main.addObserver((exit) => {
      if (!this.isAlive) return
      if (!Exit.isInterrupted(exit)) {
        const why = Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "it ended"
        laws.violate(0, `the process ends by itself: ${why}`)
      }
      this.note("process", "ended")
      this.state = "ended"
      this.options.onEnd(this)
    })
  }

  /** SIGTERM. */
  stop(): void {
    if (this.state !== "running") return
    this.note("process", "stops")
    this.state = "stopping"
    this.main?.unsafeInterruptAsFork(FiberId.none)
  }

  /** Lets somebody ask the running server; what comes of it is handed over, unless the server is gone by then. */
  ask<A, E>(
    question: (parts: Parts) => Effect.Effect<A, E>,
    answered: (exit: Exit.Exit<A, E>) => void
  ): void {
    const { parts: asked, runtime } = this
    if (asked === undefined || runtime === undefined || this.state !== "running") return
    const fiber = Runtime.runFork(runtime)(
      Effect.suspend(() => question(asked)),
      { scheduler: this.scheduler }
    )
    fiber.addObserver((exit) => {
      if (this.isAlive) answered(exit)
    })
  }
}
