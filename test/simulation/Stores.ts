/**
 * A simulated driver: stores that open slowly, hang, fail, die, go deaf and close badly, and that watch who uses them.
 * Each life of the server has stores of its own; what is wrong with a store outlives them.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import {
  CommitError,
  type Connectivity,
  type OpenStore,
  StoreDied,
  StoreDriver,
  StoreOpenError,
  type StoreSignals
} from "../../src/stores/StoreDriver.ts"
import type { Laws } from "./Laws.ts"
import type { Life } from "./Life.ts"
import type { Seeded } from "./Seeded.ts"

export const storeFaults = [
  "hang",
  "fail",
  "defect",
  "slow",
  "stillborn",
  "short-lived",
  "slow-close",
  "hanging-close",
  "fail-and-hang",
  "close-defect",
  "slow-purge"
] as const
export type StoreFault = (typeof storeFaults)[number]

interface Fault {
  readonly fault: StoreFault
  readonly until: number
}

export interface Claim {
  readonly storeId: string
  state: "opening" | "open" | "closing"
  readonly claimedAt: number
  openedAt: number
  closingSince: number
  isDead: boolean
  connectivity: Connectivity
  signals: StoreSignals
}

export interface StoreEvents {
  /** A store that was open begins to close. */
  readonly onClose: (life: Life, claim: Claim) => void
  /** Runs later in the world, unless the life is over by then. */
  readonly later: (life: Life, ms: number, run: () => void) => void
}

export interface Latencies {
  readonly openMs: number
  readonly closeMs: number
}

/** How long the server waits for a store that does not close before it gives it up. */
const GIVEN_UP_AFTER_MS = 15_000
/** Longer than the server waits for a store to open. */
const SLOW_OPEN_MS = 15_000
const SHORT_LIFE_MS = 3_000
const SIMULATED = "simulated"

/** The stores of one life. */
export class LifeStores {
  readonly claims = new Map<string, Claim>()
  readonly purging = new Set<string>()
  opens = 0
  closes = 0
}

export class Stores {
  /** Opens and closes so far. */
  operations = 0
  private readonly faults = new Map<string, Fault>()
  private readonly cut = new Map<string, number>()
  /** When each died last. */
  private readonly deaths = new Map<string, number>()
  private readonly random: Seeded
  private readonly latencies: Latencies
  private readonly laws: Laws
  private readonly now: () => number
  private readonly wall: () => number
  private readonly events: StoreEvents

  constructor(options: {
    readonly random: Seeded
    readonly latencies: Latencies
    readonly laws: Laws
    readonly now: () => number
    readonly wall: () => number
    readonly events: StoreEvents
  }) {
    this.random = options.random
    this.latencies = options.latencies
    this.laws = options.laws
    this.now = options.now
    this.wall = options.wall
    this.events = options.events
  }

  setFault(storeId: string, fault: StoreFault, until: number): void {
    this.faults.set(storeId, { fault, until })
  }

  heal(): void {
    for (const [id, { fault, until }] of this.faults) {
      this.faults.set(id, { fault, until: Math.min(until, this.now()) })
    }
  }

  faultOf(storeId: string): StoreFault | undefined {
    const fault = this.faults.get(storeId)
    return fault !== undefined && fault.until > this.now() ? fault.fault : undefined
  }

  /** Whether nothing is wrong with the store, and has not been since `since`. */
  isHealthySince(storeId: string, since: number): boolean {
    const fault = this.faults.get(storeId)
    return (
      (fault === undefined || fault.until < since) &&
      (this.cut.get(storeId) ?? -1) < since &&
      (this.deaths.get(storeId) ?? -1) < since
    )
  }

  isCut(storeId: string): boolean {
    return (this.cut.get(storeId) ?? 0) > this.now()
  }

  /** Cuts the store off its backend. */
  cutOff(life: Life | undefined, storeId: string, until: number): void {
    this.cut.set(storeId, until)
    if (life !== undefined) this.connect(life, storeId, false)
  }

  mend(life: Life | undefined, storeId: string): void {
    if (life !== undefined && !this.isCut(storeId)) this.connect(life, storeId, true)
  }

  mendAll(life: Life | undefined): void {
    for (const [id, until] of this.cut) {
      this.cut.set(id, Math.min(until, this.now()))
      this.mend(life, id)
    }
  }

  private connect(life: Life, storeId: string, isConnected: boolean): void {
    const claim = life.stores.claims.get(storeId)
    if (claim === undefined || claim.state !== "open" || claim.isDead) return
    if (claim.connectivity.isConnected === isConnected) return
    claim.connectivity = { isConnected, since: this.wall() }
    claim.signals.onConnectivity(claim.connectivity)
  }

  /** The store dies by itself. */
  kill(life: Life, storeId: string): void {
    const claim = life.stores.claims.get(storeId)
    if (claim === undefined || claim.state !== "open" || claim.isDead) return
    claim.isDead = true
    this.deaths.set(storeId, this.now())
    life.note("store", `${storeId} died`)
    claim.signals.onDeath(
      new StoreDied({ storeId, reason: "sync-error", message: "killed by the simulation" })
    )
  }

  /** The driver as one life has it. */
  layer(life: Life): Layer.Layer<StoreDriver> {
    return Layer.succeed(
      StoreDriver,
      StoreDriver.of({
        name: "memory",
        open: (storeId, signals) => this.open(life, storeId, signals),
        purge: (storeId) => this.purge(life, storeId)
      })
    )
  }

  private open(
    life: Life,
    storeId: string,
    signals: StoreSignals
  ): Effect.Effect<OpenStore, StoreOpenError, Scope.Scope> {
    const failed = (reason: StoreOpenError["reason"], message: string) =>
      new StoreOpenError({ storeId, reason, message })
    const acquire = Effect.suspend(() => {
      const { claims, purging } = life.stores
      const held = claims.get(storeId)
      if (life.isAlive) {
        this.laws.check(
          2,
          held === undefined || this.isGivenUp(held),
          () => `${storeId} is opened while it is ${held?.state ?? ""}`
        )
        this.laws.check(
          2,
          !purging.has(storeId),
          () => `${storeId} is opened while its data is being deleted`
        )
      }
      if (held !== undefined) return Effect.fail(failed("busy", "the store is in use"))
      const claim: Claim = {
        storeId,
        state: "opening",
        claimedAt: this.now(),
        openedAt: 0,
        closingSince: 0,
        isDead: false,
        connectivity: { isConnected: false, since: this.wall() },
        signals
      }
      claims.set(storeId, claim)
      life.stores.opens++
      this.operations++
      life.touch("store", `open ${storeId}`)
      return Effect.succeed(claim)
    })
    return Effect.gen(this, function* () {
      const claim = yield* Effect.acquireRelease(acquire, (acquired) => this.close(life, acquired))
      yield* Effect.sleep(this.random.int(this.latencies.openMs + 1))
      const fault = this.faultOf(storeId)
      if (fault === "hang") return yield* Effect.async<never>(() => undefined)
      if (fault === "fail" || fault === "fail-and-hang") {
        return yield* failed(this.random.pick(["rejected", "corrupt", "driver"]), "made to fail")
      }
      if (fault === "defect") return yield* Effect.die(new Error(`${SIMULATED} defect of the driver`))
      if (fault === "slow") yield* Effect.sleep(this.random.int(SLOW_OPEN_MS))
      if (fault === "short-lived") {
        this.events.later(life, this.random.int(SHORT_LIFE_MS), () => this.kill(life, storeId))
      }
      return this.opened(life, claim)
    })
  }

  private opened(life: Life, claim: Claim): OpenStore {
    const { storeId } = claim
    claim.state = "open"
    claim.openedAt = this.now()
    claim.connectivity = { isConnected: !this.isCut(storeId), since: this.wall() }
    life.touch("store", `opened ${storeId}`)
    if (claim.connectivity.isConnected) claim.signals.onConnectivity(claim.connectivity)
    if (this.faultOf(storeId) === "stillborn") this.kill(life, storeId)
    const died = new StoreDied({ storeId, reason: "sync-error", message: "killed by the simulation" })
    return {
      storeId,
      read: () => Effect.suspend(() => (claim.isDead ? Effect.fail(died) : Effect.succeed([]))),
      commit: () =>
        Effect.fail(new CommitError({ storeId, reason: "timeout", message: "nothing is committed here" })),
      connectivity: () => claim.connectivity,
      syncStatus: () => ({ pendingCount: 0, localHead: "s0", upstreamHead: "s0" })
    }
  }

  private close(life: Life, claim: Claim): Effect.Effect<void> {
    return Effect.gen(this, function* () {
      const { storeId } = claim
      if (life.isAlive) {
        this.laws.check(8, claim.state !== "closing", () => `${storeId} is released twice`)
        if (claim.state === "open") this.events.onClose(life, claim)
      }
      claim.state = "closing"
      claim.closingSince = this.now()
      this.operations++
      life.touch("store", `close ${storeId}`)
      const fault = this.faultOf(storeId)
      yield* Effect.sleep(this.random.int(this.latencies.closeMs + 1))
      if (fault === "slow-close") yield* Effect.sleep(this.random.int(2 * GIVEN_UP_AFTER_MS))
      // Until somebody mends it: a close that never ends would keep its store from ever being opened again.
      while (this.hangsOnClose(storeId)) yield* Effect.sleep(1_000)
      life.stores.claims.delete(storeId)
      life.stores.closes++
      life.touch("store", `closed ${storeId}`)
      if (fault === "close-defect") yield* Effect.die(new Error(`${SIMULATED} defect of a close`))
    })
  }

  private hangsOnClose(storeId: string): boolean {
    const fault = this.faultOf(storeId)
    return fault === "hanging-close" || fault === "fail-and-hang"
  }

  /** The server has waited long enough for it to close. */
  private isGivenUp({ closingSince, state }: Claim): boolean {
    return state === "closing" && this.now() - closingSince >= GIVEN_UP_AFTER_MS
  }

  private purge(life: Life, storeId: string): Effect.Effect<void> {
    return Effect.gen(this, function* () {
      const { claims, purging } = life.stores
      const isUsed = () => {
        const claim = claims.get(storeId)
        return claim !== undefined && !this.isGivenUp(claim)
      }
      if (life.isAlive) {
        this.laws.check(2, !isUsed(), () => `the data of ${storeId} is deleted while it is in use`)
        this.laws.check(2, !purging.has(storeId), () => `the data of ${storeId} is deleted twice at once`)
      }
      purging.add(storeId)
      life.touch("store", `purge ${storeId}`)
      const isSlow = this.faultOf(storeId) === "slow-purge"
      yield* Effect.sleep(this.random.int(isSlow ? SLOW_OPEN_MS : this.latencies.closeMs + 1))
      if (life.isAlive) {
        this.laws.check(2, !isUsed(), () => `the data of ${storeId} is deleted under an open store`)
      }
      life.touch("store", `purged ${storeId}`)
      purging.delete(storeId)
    })
  }
}
