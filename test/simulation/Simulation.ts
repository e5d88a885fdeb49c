/**
 * A whole world in one thread: the server, its source of truth, its stores, its disk, its operators, and a plan of what
 * goes wrong. Runs a plan from beginning to end and checks the laws after every step.
 */
import * as Cause from "effect/Cause"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { PlanMismatch } from "../../src/orchestration/Administration.ts"
import type { StateWriteFailed } from "../../src/orchestration/StateStore.ts"
import { SELF_TEST_STORE_ID } from "../../src/orchestration/SelfTest.ts"
import { Disk } from "./Disk.ts"
import { Evidence } from "./Evidence.ts"
import { Laws, type Violation } from "./Laws.ts"
import { Life } from "./Life.ts"
import { convergenceMs, type Event, type Plan } from "./Schedule.ts"
import { Seeded } from "./Seeded.ts"
import { layer as serverLayer, SHUTDOWN_GRACE_MS, type Parts } from "./ServerGraph.ts"
import { Source } from "./Source.ts"
import { type Claim, Stores } from "./Stores.ts"
import { Trace } from "./Trace.ts"
import { withTurns } from "./Turns.ts"
import { VirtualTime } from "./VirtualTime.ts"

export interface Outcome {
  readonly seed: string
  readonly hash: string
  readonly violations: ReadonlyArray<Violation>
  readonly checks: ReadonlyMap<number, number>
  /** Faults and works that happened, by kind. */
  readonly happened: ReadonlyMap<string, number>
  readonly steps: number
  readonly effects: number
  readonly lives: number
  readonly virtualMs: number
  readonly lines: ReadonlyArray<string> | undefined
}

/** So many steps without the time moving on, and it never will. */
const MAX_STEPS_AT_ONCE = 300_000
/** How often something that happens in the world gets its turn before what can run. */
const WORLD_FIRST = 0.3
const APPROVAL_MS = 900_000
const OPERATOR_LOOKS_MS = 5_000
const WEBHOOK_WAIT_MS = 2_000
const operator = { name: "ada", address: "127.0.0.1" }
/** A store that is deaf for so long is opened afresh, as in src/server.ts. */
const DISCONNECTED_LIMIT_MS = 120_000
const GIVEN_UP_AFTER_MS = 15_000
/** A self-test may delete, open, read, close and delete its store, and each takes 30 s at most. */
const SELF_TEST_MS = 150_000

interface Happening {
  readonly at: number
  readonly order: number
  readonly run: () => void
}

class World {
  readonly time = new VirtualTime()
  readonly trace: Trace
  readonly laws: Laws
  readonly evidence: Evidence
  readonly source: Source
  readonly stores: Stores
  readonly disk: Disk
  readonly happened = new Map<string, number>()
  life: Life | undefined
  lives = 0
  steps = 0
  effects = 0
  private happenings: Array<Happening> = []
  private order = 0
  private readonly random: Seeded
  private readonly plan: Plan
  private againAfter: number | null = null
  private downMs = 0
  /** Until when each is paused; the loop is the empty string. */
  private readonly paused = new Map<string, number>()
  /** Since when nothing has been in the way of each workspace that must be monitored. */
  private readonly freeSince = new Map<string, number>()
  private clockSetAt = -Infinity
  private isHealed = false
  private webhooks = 0
  /** When the source last lost its last workspace. */
  private emptiedAt = -Infinity
  private operationsAtConvergence = 0

  constructor(plan: Plan, keepTrace: boolean) {
    this.plan = plan
    this.trace = new Trace(keepTrace)
    const now = () => this.time.now
    const wall = () => this.time.wall
    this.laws = new Laws(now)
    this.random = new Seeded(`${plan.seed} world`)
    const { settings } = plan
    this.evidence = new Evidence({
      confirmations: settings.confirmations,
      graceMs: settings.graceMs,
      windowMs: settings.guardWindowMs,
      alwaysAllowed: 3,
      allowedRatio: 0.2,
      deletes: { alwaysAllowed: 10, allowedRatio: 0.5 },
      pinned: new Set(settings.pinned)
    })
    this.source = new Source(plan.profile, plan.initial, new Seeded(`${plan.seed} source`), now)
    this.stores = new Stores({
      random: new Seeded(`${plan.seed} stores`),
      latencies: plan.latencies,
      laws: this.laws,
      now,
      wall,
      events: {
        onClose: (life, claim) => this.storeCloses(life, claim),
        later: (life, ms, run) => this.later(ms, () => (life.isAlive ? run() : undefined))
      }
    })
    this.disk = new Disk({
      onForgotten: (_life, storeId) => this.forgotten(storeId),
      onRemoval: (_life, removal) => this.evidence.saveRemoval(removal),
      onSnapshotSaved: () => this.evidence.save()
    })
    for (const { at, event } of plan.steps) this.at(at, () => this.apply(event))
  }

  private get everybody(): ReadonlyArray<string> {
    return [...new Set([...this.plan.workspaces, ...this.plan.settings.pinned, ...this.source.ids])]
  }

  /** What must be monitored once all is well. */
  private get expected(): ReadonlySet<string> {
    return new Set([...this.source.ids, ...this.plan.settings.pinned])
  }

  private at(at: number, run: () => void): void {
    const happening = { at, order: this.order++, run }
    // Sorted by insertion: there are few.
    let index = this.happenings.length
    while (index > 0 && (this.happenings[index - 1]?.at ?? 0) > at) index--
    this.happenings.splice(index, 0, happening)
  }

  private later(ms: number, run: () => void): void {
    this.at(this.time.now + ms, run)
  }

  run(): void {
    this.boot()
    let stepsAtOnce = 0
    while (this.laws.violations.length === 0) {
      const due = this.happenings[0] !== undefined && this.happenings[0].at <= this.time.now
      const runnable = this.life?.scheduler.runnable ?? 0
      if (due && (runnable === 0 || this.random.chance(WORLD_FIRST))) {
        this.happenings.shift()?.run()
        continue
      }
      if (runnable > 0) {
        this.life?.scheduler.runOne()
        this.steps++
        this.trace.mix(runnable)
        this.checkStep()
        if (++stepsAtOnce > MAX_STEPS_AT_ONCE) {
          this.laws.violate(11, "the server is busy and time stands still")
        }
        continue
      }
      stepsAtOnce = 0
      this.checkIdle()
      const next = Math.min(this.happenings[0]?.at ?? Infinity, this.life?.clock.nextDue ?? Infinity)
      if (next > this.plan.endsAt) break
      this.time.now = Math.max(this.time.now, next)
      this.life?.clock.wakeDue()
    }
    this.life?.crash()
    this.disk.close()
  }

  private boot(): void {
    const number = ++this.lives
    const life = new Life({
      number,
      seed: `${this.plan.seed} ${number}`,
      interleaving: this.plan.interleaving,
      time: this.time,
      trace: this.trace,
      laws: this.laws,
      onEnd: (ended) => this.lifeEnded(ended)
    })
    this.life = life
    if (this.againAfter !== null) life.crashAfter(this.againAfter)
    this.againAfter = null
    life.start(
      serverLayer(
        this.plan.settings,
        this.disk.layer(life),
        this.source.layer(life, (told) => this.evidence.hear(told, this.time.now, this.time.wall)),
        this.stores.layer(life)
      )
    )
  }

  private lifeEnded(life: Life): void {
    this.effects += life.effects
    if (life.state === "ended") {
      const left = [...life.stores.claims.values()].filter(
        ({ closingSince, state }) => state !== "closing" || this.time.now - closingSince < GIVEN_UP_AFTER_MS
      )
      this.laws.check(
        8,
        left.length === 0,
        () => `left open at the end: ${left.map((claim) => `${claim.storeId} (${claim.state})`).join(", ")}`
      )
    }
    this.evidence.crash()
    this.judged.clear()
    this.freeSince.clear()
    if (this.life === life) this.life = undefined
    this.later(this.isHealed ? 0 : this.downMs, () => {
      if (this.life === undefined) this.boot()
    })
  }

  private count(kind: string): void {
    this.happened.set(kind, (this.happened.get(kind) ?? 0) + 1)
  }

  private apply(event: Event): void {
    const { life, time } = this
    this.trace.note(time.now, `world: ${JSON.stringify(event)}`)
    this.count(
      event.kind === "illness" ? event.sickness : event.kind === "store-fault" ? event.fault : event.kind
    )
    switch (event.kind) {
      case "create":
        if (this.source.create(event.id)) this.deliver([event.id], event.hooks)
        return
      case "delete":
        if (this.source.remove(event.id)) this.deliver([event.id], event.hooks)
        // What STORE_IDS names is no part of the set that could be emptied.
        if ([...this.source.ids].every((id) => this.plan.settings.pinned.includes(id))) {
          this.emptiedAt = time.now
        }
        return
      case "mass-delete":
        return this.deliver(
          event.ids.filter((id) => this.source.remove(id)),
          event.hooks
        )
      case "nudge":
        return this.nudge(event.id, `webhook-${++this.webhooks}`)
      case "illness":
        return this.source.fallIll({
          sickness: event.sickness,
          until: time.now + event.ms,
          rate: event.rate,
          hides: new Set(event.hides),
          retryAfterS: event.retryAfterS
        })
      case "crash":
        this.downMs = event.downMs
        this.againAfter = event.again
        life?.crashAfter(event.afterEffects)
        return
      case "stop":
        this.downMs = event.downMs
        return this.stop()
      case "store-fault":
        for (const id of event.ids) this.stores.setFault(id, event.fault, time.now + event.ms)
        return
      case "kill":
        if (life !== undefined) this.stores.kill(life, event.id)
        return
      case "cut":
        this.stores.cutOff(life, event.id, time.now + event.ms)
        return this.later(event.ms, () => this.stores.mend(this.life, event.id))
      case "set-clock":
        time.offset += event.byMs
        this.clockSetAt = time.now
        return this.evidence.clockSet(time.wall)
      case "disk-full":
        this.disk.isFull = true
        return this.later(event.ms, () => {
          this.disk.isFull = false
        })
      case "pause":
        return this.pause(event.id, event.ms)
      case "resume":
        return this.resume(event.id)
      case "reconcile":
        return life?.ask(
          ({ operations }) => operations.reconcile(operator),
          () => undefined
        )
      case "reconcile-one":
        return life?.ask(
          ({ administration }) => administration.reconcileOne(event.id, operator),
          () => undefined
        )
      case "approve":
        return this.approve(() => true)
      case "approve-wrongly":
        return life?.ask(
          ({ administration }) => administration.approve("0123456789abcdef", operator),
          (exit) => this.laws.check(7, Exit.isFailure(exit), () => "a wrong hash is approved")
        )
      case "reset-breaker":
        return life?.ask(
          ({ administration }) => administration.resetBreaker("auth-worker", operator),
          () => undefined
        )
      case "self-test":
        return this.selfTest()
      case "heal":
        return this.heal()
      case "expect-converged":
        return this.expectConverged()
      case "expect-quiet":
        return this.expectQuiet()
      case "expect-settled":
        return this.expectSettled(event.id)
    }
  }

  private deliver(ids: ReadonlyArray<string>, hooks: ReadonlyArray<number>): void {
    for (const id of ids) {
      const webhookId = `webhook-${++this.webhooks}`
      for (const delay of hooks) this.later(delay, () => this.nudge(id, webhookId))
    }
  }

  /** A webhook: whatever it says, it is answered in time. */
  private nudge(id: string, webhookId: string): void {
    const askedAt = this.time.now
    const { life } = this
    life?.ask(
      ({ operations }) => life.replays.once(webhookId, operations.nudge(id)),
      (exit) => {
        if (Exit.isInterrupted(exit)) return
        const tookMs = this.time.now - askedAt
        this.laws.check(
          3,
          Exit.isSuccess(exit) && tookMs <= WEBHOOK_WAIT_MS,
          () => `a webhook was answered after ${tookMs} ms`
        )
      }
    )
  }

  /** Whatever the driver does, whoever asked is told. */
  private selfTest(): void {
    const { life } = this
    let isAnswered = false
    life?.ask(
      ({ administration }) => administration.selfTest,
      () => {
        isAnswered = true
      }
    )
    if (life?.state !== "running") return
    this.later(SELF_TEST_MS, () =>
      this.laws.check(4, isAnswered || life.state !== "running", () => "a self-test was not answered")
    )
  }

  private stop(): void {
    const { life } = this
    if (life === undefined || life.state !== "running") return
    life.stop()
    this.later(SHUTDOWN_GRACE_MS, () => {
      if (life.state !== "stopping") return
      // What only a driver that hangs can hold up is cut by the process's deadline.
      const hangs = [...life.stores.claims.values()].some(({ state }) => state === "closing")
      this.laws.check(8, hangs, () => "the process does not stop within its grace")
      life.crash()
    })
  }

  private pause(id: string | null, ms: number | null): void {
    this.life?.ask(
      ({ administration }) => {
        this.paused.set(id ?? "", ms === null ? Infinity : this.time.wall + ms)
        return administration.pause({ storeId: id, reason: "simulated", expiresInMs: ms }, operator, {
          allowUnknown: true
        })
      },
      () => undefined
    )
  }

  private resume(id: string | null): void {
    this.life?.ask(
      ({ administration }) => administration.resume(id, operator),
      (exit) => {
        // What is neither paused nor known any more is not paused.
        const isUnknown =
          Exit.isFailure(exit) &&
          Chunk.some(Cause.failures(exit.cause), ({ _tag }) => _tag === "UnknownWorkspace")
        if (Exit.isSuccess(exit) || isUnknown) this.paused.delete(id ?? "")
      }
    )
  }

  /** An operator approves the held plan as it is shown, if it is right. */
  private approve(isRight: (id: string) => boolean): void {
    this.life?.ask(
      ({ administration }) =>
        Effect.flatMap(
          administration.plan,
          ({ guard }): Effect.Effect<void, PlanMismatch | StateWriteFailed> => {
            if (guard.planHash === null || !guard.storeIds.every(isRight)) return Effect.void
            // Known from the moment at which it may take effect.
            this.evidence.approve(guard.storeIds, this.time.wall + APPROVAL_MS)
            return Effect.tapError(Effect.asVoid(administration.approve(guard.planHash, operator)), () =>
              Effect.sync(() => this.evidence.revoke(guard.storeIds))
            )
          }
        ),
      () => undefined
    )
  }

  private heal(): void {
    this.isHealed = true
    this.source.heal()
    this.stores.heal()
    this.stores.mendAll(this.life)
    this.disk.isFull = false
    this.life?.calmDown()
    this.againAfter = null
    if (this.life === undefined) this.boot()
    const until = this.time.now + convergenceMs(this.plan.settings)
    const lookAfter = () => {
      if (!this.isHealed || this.time.now > until) return
      for (const id of this.paused.keys()) this.resume(id === "" ? null : id)
      // One that was lifted while the disk was full comes back with the next life: an operator sees it, and lifts it again.
      this.life?.ask(
        ({ administration }) =>
          Effect.flatMap(administration.plan, ({ paused }) =>
            Effect.forEach(paused, ({ storeId }) => administration.resume(storeId, operator), {
              discard: true
            })
          ),
        () => undefined
      )
      this.approve((id) => !this.source.ids.has(id))
      this.later(OPERATOR_LOOKS_MS, lookAfter)
    }
    lookAfter()
  }

  /** What the server has open and alive. */
  private get monitored(): ReadonlySet<string> {
    const claims = this.life?.stores.claims.values() ?? []
    return new Set(
      [...claims].filter(({ isDead, state }) => state === "open" && !isDead).map(({ storeId }) => storeId)
    )
  }

  private difference(): string {
    const { expected, monitored } = this
    const missing = [...expected].filter((id) => !monitored.has(id))
    const orphaned = [...monitored].filter((id) => !expected.has(id))
    return `missing: ${missing.join(" ") || "none"}; orphaned: ${orphaned.join(" ") || "none"}`
  }

  private expectConverged(): void {
    this.laws.check(11, this.life?.state === "running", () => "the server does not run")
    const { expected, monitored } = this
    const isSame = expected.size === monitored.size && [...expected].every((id) => monitored.has(id))
    this.laws.check(11, isSame, () => `not converged in time: ${this.difference()}`)
    const convergence = this.life?.parts?.controller.convergence()
    this.laws.check(10, convergence?.converged === true, () => "it is converged, and does not say so")
    this.operationsAtConvergence = this.stores.operations
  }

  private expectQuiet(): void {
    this.laws.check(
      11,
      this.stores.operations === this.operationsAtConvergence,
      () =>
        `not quiet: ${this.stores.operations - this.operationsAtConvergence} opens and closes after convergence`
    )
    this.laws.check(
      11,
      this.difference().endsWith("missing: none; orphaned: none"),
      () => `no longer converged: ${this.difference()}`
    )
    this.life?.ask(
      ({ operations }) => operations.health,
      (exit) =>
        this.laws.check(
          10,
          Exit.isSuccess(exit) && exit.value.status === "healthy",
          () => `all is well, and /health says ${Exit.isSuccess(exit) ? exit.value.status : "nothing"}`
        )
    )
    // From here on there is work without faults, and then there may be faults again.
    this.isHealed = false
  }

  private expectSettled(id: string): void {
    const { settings } = this.plan
    const isWanted = this.expected.has(id)
    const isMonitored = this.monitored.has(id)
    // A removal may have to wait for its grace or for a human.
    const isLast = this.time.now - this.emptiedAt < 2 * settings.intervalMs
    const mayWait = settings.graceMs > 0 || !this.evidence.hasRoom(this.time.wall) || isLast
    if (!isWanted && mayWait) return
    this.laws.check(
      3,
      isWanted === isMonitored,
      () => `${id} should ${isWanted ? "" : "not "}be monitored: its nudges had no effect`
    )
  }

  private storeCloses(life: Life, claim: Claim): void {
    const { connectivity, storeId } = claim
    if (life.state === "stopping" || claim.isDead || storeId === SELF_TEST_STORE_ID) return
    const deafForMs = this.time.wall - connectivity.since
    // Or since a time that is yet to come: the clock was set back.
    const isDeaf = !connectivity.isConnected && (deafForMs >= DISCONNECTED_LIMIT_MS || deafForMs < 0)
    if (isDeaf) return
    this.judge(storeId, "is closed")
    this.judged.add(storeId)
  }

  /** Stopped and about to be forgotten: judged already. */
  private readonly judged = new Set<string>()

  private judge(storeId: string, how: string): void {
    const objection = this.evidence.judge(storeId, this.time.wall)
    for (const law of [5, 6, 7]) this.laws.check(law, true, () => "")
    if (objection !== undefined) this.laws.violate(objection.law, `${storeId} ${how}: ${objection.what}`)
  }

  private forgotten(storeId: string): void {
    // What was told just before it was forgotten may be taken in just after, and is then forgotten once more.
    if (this.plan.settings.pinned.includes(storeId) || !this.evidence.knows(storeId)) return
    if (!this.judged.delete(storeId)) this.judge(storeId, "is forgotten")
    this.evidence.forget(storeId)
  }

  private isMonitoredBySaying(parts: Parts, id: string): boolean {
    return parts.orchestrator.isMonitored(id)
  }

  /** Law 9, after every step: monitored is what is open and alive. */
  private checkStep(): void {
    const { life } = this
    if (life?.parts === undefined || life.state !== "running") return
    for (const id of this.plan.workspaces) {
      if (!this.isMonitoredBySaying(life.parts, id)) continue
      const claim = life.stores.claims.get(id)
      this.laws.check(
        9,
        claim !== undefined && claim.state === "open" && !claim.isDead,
        () =>
          `${id} is said to be monitored; its store is ${claim?.isDead === true ? "dead" : (claim?.state ?? "closed")}`
      )
    }
  }

  /** What must hold whenever everything waits for time to pass. */
  private checkIdle(): void {
    const { evidence, life, time } = this
    if (life?.parts === undefined || life.state !== "running") return
    const { intervalMs } = this.plan.settings
    const { parts } = life
    const { converged } = parts.controller.convergence()
    const acceptedAt = evidence.acceptedAt
    // Of a clock that was set between two lives, the second cannot know.
    const isUnknowable = acceptedAt !== null && acceptedAt < this.clockSetAt && this.clockSetAt <= life.bornAt
    const isFresh = isUnknowable || (acceptedAt !== null && time.now - acceptedAt <= 2 * intervalMs)
    this.laws.check(
      10,
      !parts.controller.isFresh() || isFresh,
      () => "the snapshot is stale and said to be fresh"
    )
    if (converged) {
      const known = new Set([...evidence.present(), ...this.plan.settings.pinned])
      const { monitored } = this
      this.laws.check(
        10,
        [...known].every((id) => monitored.has(id)),
        () =>
          `said to be converged, and not monitored: ${[...known].filter((id) => !monitored.has(id)).join(" ")}`
      )
    }
    this.checkFree(life, parts)
  }

  /** Laws 4, 9 and 12: what is known to exist, and has nothing in its way for long enough, is monitored. */
  private checkFree(life: Life, parts: Parts): void {
    const { evidence, freeSince, stores, time } = this
    const { concurrency, intervalMs, openTimeoutMs, pinned } = this.plan.settings
    const ill = this.everybody.filter((id) => !stores.isHealthySince(id, time.now - 2 * intervalMs)).length
    const boundMs =
      1.1 * intervalMs + (2 + Math.ceil(ill / concurrency)) * (openTimeoutMs + GIVEN_UP_AFTER_MS) + 5_000
    const isPaused = (id: string) => (this.paused.get(id) ?? this.paused.get("") ?? 0) > time.wall
    const known = new Set([...evidence.present(), ...pinned])
    for (const id of freeSince.keys()) if (!known.has(id)) freeSince.delete(id)
    for (const id of known) {
      const since = freeSince.get(id) ?? time.now
      const isFree =
        !isPaused(id) && !isPaused("") && stores.isHealthySince(id, since) && this.clockSetAt < since
      freeSince.set(id, isFree ? since : time.now)
      if (time.now - since < boundMs || !isFree) continue
      this.laws.check(
        this.source.isHealthy ? 4 : 12,
        parts.orchestrator.isMonitored(id),
        () =>
          `nothing has been in the way of ${id} for ${time.now - since} ms, and it is not monitored (life ${life.number})`
      )
    }
  }

  get outcome(): Outcome {
    for (const [sickness, times] of this.source.given) this.happened.set(`answer: ${sickness}`, times)
    return {
      seed: this.plan.seed,
      hash: this.trace.hash,
      violations: this.laws.violations,
      checks: this.laws.checks,
      happened: this.happened,
      steps: this.steps,
      effects: this.effects,
      lives: this.lives,
      virtualMs: this.time.now,
      lines: this.trace.lines
    }
  }
}

/** Runs the plan; the same plan always has the same outcome. */
export const simulate = (plan: Plan, keepTrace = false): Outcome => {
  const world = new World(plan, keepTrace)
  withTurns(
    (task) => world.life?.scheduler.scheduleTask(task),
    () => world.run()
  )
  return world.outcome
}
