/**
 * What happens to the world and when, decided by a seed before it begins: the users' work, the faults, and the moments at
 * which the laws about the whole are checked. A schedule is plain data, so that a failing one can be made smaller.
 */
import { SELF_TEST_STORE_ID } from "../../src/orchestration/SelfTest.ts"
import { Seeded } from "./Seeded.ts"
import type { Interleaving } from "./SeededScheduler.ts"
import type { Settings } from "./ServerGraph.ts"
import { sicknesses, type Profile, type Sickness } from "./Source.ts"
import { storeFaults, type Latencies, type StoreFault } from "./Stores.ts"

export type Event =
  /** Webhooks follow after so many milliseconds each: none is lost, two are doubled, and later ones overtake. */
  | { readonly kind: "create" | "delete"; readonly id: string; readonly hooks: ReadonlyArray<number> }
  | {
      readonly kind: "mass-delete"
      readonly ids: ReadonlyArray<string>
      readonly hooks: ReadonlyArray<number>
    }
  | { readonly kind: "nudge"; readonly id: string }
  | {
      readonly kind: "illness"
      readonly sickness: Sickness
      readonly ms: number
      readonly rate: number
      readonly hides: ReadonlyArray<string>
      readonly retryAfterS: number
    }
  /** Behind the so-manieth effect on the world from now; the life after it crashes again after `again` effects. */
  | {
      readonly kind: "crash"
      readonly afterEffects: number
      readonly downMs: number
      readonly again: number | null
    }
  | { readonly kind: "stop"; readonly downMs: number }
  | {
      readonly kind: "store-fault"
      readonly ids: ReadonlyArray<string>
      readonly fault: StoreFault
      readonly ms: number
    }
  | { readonly kind: "kill"; readonly id: string }
  | { readonly kind: "cut"; readonly id: string; readonly ms: number }
  | { readonly kind: "set-clock"; readonly byMs: number }
  | { readonly kind: "disk-full"; readonly ms: number }
  | { readonly kind: "pause"; readonly id: string | null; readonly ms: number | null }
  | { readonly kind: "resume"; readonly id: string | null }
  | { readonly kind: "reconcile" }
  | { readonly kind: "reconcile-one"; readonly id: string }
  | { readonly kind: "approve" }
  | { readonly kind: "approve-wrongly" }
  | { readonly kind: "reset-breaker" }
  | { readonly kind: "self-test" }
  /** All faults end, and an operator looks after held plans. */
  | { readonly kind: "heal" }
  | { readonly kind: "expect-converged" }
  | { readonly kind: "expect-quiet" }
  /** The nudges about the workspace have been answered, and it is as the source has it. */
  | { readonly kind: "expect-settled"; readonly id: string }

/** The markers are what is checked; without them, a schedule would be smaller and prove nothing. */
export const isMarker = ({ kind }: Event): boolean => kind === "heal" || kind.startsWith("expect-")

export interface Step {
  readonly at: number
  readonly event: Event
}

export interface Plan {
  readonly seed: string
  readonly settings: Settings
  readonly profile: Profile
  readonly latencies: Latencies
  readonly interleaving: Interleaving
  readonly workspaces: ReadonlyArray<string>
  readonly initial: ReadonlyArray<string>
  readonly steps: ReadonlyArray<Step>
  readonly endsAt: number
}

const workKinds = ["create", "create", "create", "delete", "delete", "nudge", "mass-delete"] as const

/** What may go wrong, the commonest most often. */
const faultKinds = [
  "illness",
  "illness",
  "illness",
  "illness",
  "crash",
  "crash",
  "store-fault",
  "store-fault",
  "store-fault",
  "kill",
  "cut",
  "stop",
  "set-clock",
  "disk-full",
  "pause",
  "resume",
  "reconcile",
  "reconcile-one",
  "approve",
  "approve-wrongly",
  "reset-breaker",
  "self-test"
] as const

const INTERVALS = [20_000, 60_000, 300_000] as const
/** The jitter of the interval, and the time that the last answer may still take. */
const JITTER = 1.1
const SETTLE_MS = 60_000
/** A nudge that nothing is in the way of has had its effect by then. */
const NUDGE_MS = 15_000

/** How long after the end of all faults the set must have converged (law 11): two resync intervals, or as many as lists are asked for. */
export const convergenceMs = ({ confirmations, graceMs, intervalMs, openTimeoutMs }: Settings): number =>
  Math.max(2, confirmations) * JITTER * intervalMs + graceMs + openTimeoutMs + SETTLE_MS

const pickProfile = (random: Seeded): Profile => {
  const revision = random.chance(0.75)
  const pageSize = revision && random.chance(0.5) ? random.between(2, 6) : null
  return {
    revision,
    environment: random.chance(0.6),
    pageSize,
    changes: revision && random.chance(0.6),
    get: random.chance(0.5),
    total: random.chance(0.6),
    latencyMs: random.pick([0, 5, 50])
  }
}

const pickSettings = (random: Seeded, workspaces: ReadonlyArray<string>): Settings => ({
  intervalMs: random.pick(INTERVALS),
  openTimeoutMs: random.pick([10_000, 30_000]),
  concurrency: random.pick([1, 2, 4, 32]),
  confirmations: random.pick([1, 2, 2, 2, 3]),
  graceMs: random.pick([0, 0, 0, 45_000]),
  guardWindowMs: random.pick([60_000, 600_000]),
  retentionMs: random.pick([1_000, 30_000, 86_400_000]),
  pinned: random.chance(0.3) ? ["pin-0", ...workspaces.slice(0, random.int(2))] : []
})

class Planner {
  readonly steps: Array<Step> = []
  private readonly random: Seeded
  private readonly workspaces: readonly [string, ...ReadonlyArray<string>]
  private readonly settings: Settings

  constructor(random: Seeded, workspaces: readonly [string, ...ReadonlyArray<string>], settings: Settings) {
    this.random = random
    this.workspaces = workspaces
    this.settings = settings
  }

  add(at: number, event: Event): void {
    this.steps.push({ at: Math.floor(at), event })
  }

  private one(): string {
    return this.random.pick(this.workspaces)
  }

  private some(most: number): ReadonlyArray<string> {
    const count = 1 + this.random.int(most)
    return [...new Set(Array.from({ length: count }, () => this.one()))]
  }

  private hooks(): ReadonlyArray<number> {
    const { random } = this
    const delay = () => random.pick([0, random.int(300), random.int(5_000), random.int(60_000)])
    return Array.from({ length: random.pick([0, 1, 1, 1, 2]) }, delay)
  }

  /** Short as an answer, or as long as some intervals. */
  private duration(): number {
    return this.random.pick([
      1 + this.random.int(2_000),
      this.random.int(this.settings.intervalMs),
      this.random.int(4 * this.settings.intervalMs)
    ])
  }

  private work(): Event {
    const { random } = this
    const kind = random.pick(workKinds)
    switch (kind) {
      case "nudge":
        return { kind, id: this.one() }
      case "mass-delete":
        return { kind, ids: this.some(8), hooks: this.hooks() }
      case "create":
      case "delete":
        return { kind, id: this.one(), hooks: this.hooks() }
    }
  }

  private fault(): Event {
    const { random } = this
    const kind = random.pick(faultKinds)
    switch (kind) {
      case "illness":
        return {
          kind,
          sickness: random.pick(sicknesses),
          ms: this.duration(),
          rate: random.pick([1, 1, 0.5, 0.2]),
          hides: this.some(5),
          retryAfterS: random.pick([0, 1, 10, Math.ceil(this.settings.intervalMs / 1_000)])
        }
      case "crash":
        return {
          kind,
          afterEffects: random.pick([1, random.between(1, 10), random.between(1, 60)]),
          downMs: random.pick([0, random.int(2_000), this.duration()]),
          again: random.chance(0.4) ? random.between(1, 30) : null
        }
      case "stop":
        return { kind, downMs: random.pick([0, random.int(2_000), this.duration()]) }
      case "store-fault":
        return {
          kind,
          ids: random.chance(0.15) ? [SELF_TEST_STORE_ID] : this.some(6),
          fault: random.pick(storeFaults),
          ms: this.duration()
        }
      case "kill":
        return { kind, id: this.one() }
      case "cut":
        return { kind, id: this.one(), ms: this.duration() }
      case "set-clock":
        return { kind, byMs: random.pick([-1, 1]) * random.pick([random.int(2_000), random.int(3_600_000)]) }
      case "disk-full":
        return { kind, ms: this.duration() }
      case "pause":
        return {
          kind,
          id: random.chance(0.3) ? null : this.one(),
          ms: random.chance(0.5) ? this.duration() + 1_000 : null
        }
      case "resume":
        return { kind, id: random.chance(0.3) ? null : this.one() }
      case "reconcile-one":
        return { kind, id: this.one() }
      case "reconcile":
      case "approve":
      case "approve-wrongly":
      case "reset-breaker":
      case "self-test":
        return { kind }
    }
  }

  /** Work and faults, in bursts: what happens together is more often wrong than what happens alone. */
  chaos(from: number, to: number): void {
    const { random } = this
    const bursts = random.between(2, 8)
    for (let burst = 0; burst < bursts; burst++) {
      const at = from + random.next() * (to - from)
      const width = random.pick([0, 500, 10_000])
      const events = random.between(1, 5)
      for (let index = 0; index < events; index++) {
        this.add(
          Math.min(to - 1, at + random.next() * width),
          random.chance(0.5) ? this.work() : this.fault()
        )
      }
    }
  }

  /** Work without a fault, each with its webhook: nudges are fast. */
  calm(from: number): number {
    const { random } = this
    let at = from
    for (const id of this.some(3)) {
      const changes = random.between(1, 4)
      for (let index = 0; index < changes; index++) {
        this.add(at, { kind: random.pick(["create", "delete"]), id, hooks: [0] })
        at += random.pick([0, random.int(100), random.int(3_000)])
      }
      this.add(at + NUDGE_MS, { kind: "expect-settled", id })
      at += random.pick([0, NUDGE_MS + 1])
    }
    return at + NUDGE_MS + 1
  }
}

/** The plan of a seed. */
export const planOf = (seed: string): Plan => {
  const random = new Seeded(`${seed} plan`)
  const count = random.pick([2, 5, 8, 12, 20])
  const first = "ws-00"
  const workspaces: readonly [string, ...ReadonlyArray<string>] = [
    first,
    ...Array.from({ length: count - 1 }, (_, index) => `ws-${String(index + 1).padStart(2, "0")}`)
  ]
  const settings = pickSettings(random, workspaces)
  const profile = pickProfile(random)
  const planner = new Planner(random, workspaces, settings)
  const rounds = random.between(1, 3)
  let at = 0
  for (let round = 0; round < rounds; round++) {
    const chaosEnds = at + settings.intervalMs * random.between(2, 8)
    planner.chaos(at, chaosEnds)
    planner.add(chaosEnds, { kind: "heal" })
    const converged = chaosEnds + convergenceMs(settings)
    planner.add(converged, { kind: "expect-converged" })
    const quiet = converged + 2 * JITTER * settings.intervalMs
    planner.add(quiet, { kind: "expect-quiet" })
    at = planner.calm(quiet + 1)
  }
  return {
    seed,
    settings,
    profile,
    latencies: { openMs: random.pick([0, 10, 2_000]), closeMs: random.pick([0, 10, 500]) },
    interleaving: { shuffle: random.pick([0, 0.1, 1]), preempt: random.pick([0, 0.001, 0.02]) },
    workspaces,
    initial: workspaces.filter(() => random.chance(0.7)),
    // Stable: what was planned first happens first.
    steps: planner.steps.toSorted((one, other) => one.at - other.at),
    endsAt: at
  }
}
