/** An open store of the memory driver: one object without closures of its own, for a hundred thousand must stay cheap. */
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { MemoryBackend, MemoryListener } from "./MemoryBackend.ts"
import {
  CommitError,
  type Connectivity,
  type OpenStore,
  StoreDied,
  type StoreCommit,
  type StoreEvent,
  type StoreSignals,
  type SyncStatus
} from "./StoreDriver.ts"

/** What all stores of a driver have in common. */
export interface Shared {
  readonly backend: MemoryBackend
  /** The schema of each event that may be committed, by name. */
  readonly schemas: ReadonlyMap<string, Schema.Schema.AnyNoContext>
}

const cursorOf = (count: number) => `m${count}`

/** How many events are behind a cursor. One that no memory store made is none: the history from its beginning. */
const eventsBehind = (since: Option.Option<string>): number => {
  const match = /^m(\d{1,15})$/.exec(Option.getOrElse(since, () => ""))
  return match?.[1] === undefined ? 0 : Number(match[1])
}

export class MemoryStore implements OpenStore, MemoryListener {
  readonly storeId: string
  readonly #shared: Shared
  readonly #signals: StoreSignals
  readonly #clock: Clock.Clock
  #connectivity: Connectivity
  #death: StoreDied | undefined = undefined
  /** What a disconnected store knows does not grow. */
  #known: number

  private constructor(shared: Shared, storeId: string, signals: StoreSignals, clock: Clock.Clock) {
    this.storeId = storeId
    this.#shared = shared
    this.#signals = signals
    this.#clock = clock
    this.#connectivity = {
      isConnected: shared.backend.isConnected(storeId),
      since: clock.unsafeCurrentTimeMillis()
    }
    this.#known = shared.backend.history(storeId).length
  }

  /** Connects the store to its backend: synchronous, so that nothing can come between claim and release. */
  static connect(shared: Shared, storeId: string, signals: StoreSignals, clock: Clock.Clock): MemoryStore {
    const store = new MemoryStore(shared, storeId, signals, clock)
    shared.backend.attach(storeId, store)
    if (store.#connectivity.isConnected) {
      signals.onConnectivity(store.#connectivity)
      if (store.#known > 0) signals.onNews(cursorOf(store.#known))
    }
    return store
  }

  onEvents(count: number): void {
    if (this.#death === undefined && this.#connectivity.isConnected) this.#signals.onNews(cursorOf(count))
  }

  onConnected(isConnected: boolean): void {
    if (this.#death !== undefined || this.#connectivity.isConnected === isConnected) return
    this.#connectivity = { isConnected, since: this.#clock.unsafeCurrentTimeMillis() }
    this.#signals.onConnectivity(this.#connectivity)
    const count = this.#heard()
    if (isConnected && count > 0) this.#signals.onNews(cursorOf(count))
  }

  onDeath(reason: StoreDied["reason"]): void {
    if (this.#death !== undefined) return
    this.#death = new StoreDied({ storeId: this.storeId, reason, message: "killed by its backend" })
    this.#signals.onDeath(this.#death)
  }

  read(since: Option.Option<string>, limit: number): Effect.Effect<ReadonlyArray<StoreEvent>, StoreDied> {
    return Effect.suspend(() => {
      if (this.#death !== undefined) return Effect.fail(this.#death)
      const start = eventsBehind(since)
      const history = this.#shared.backend.history(this.storeId)
      const events = history.slice(start, Math.min(start + limit, this.#heard()))
      return Effect.succeed(events.map((event, index) => ({ ...event, cursor: cursorOf(start + index + 1) })))
    })
  }

  commit(event: StoreCommit): Effect.Effect<void, CommitError> {
    return Effect.suspend(() => {
      const schema = this.#shared.schemas.get(event.name)
      if (schema === undefined) return this.#refused("invalid", `unknown event ${event.name}`)
      if (!Schema.is(schema)(event.args)) {
        return this.#refused("invalid", `arguments of ${event.name} do not match its schema`)
      }
      if (this.#death !== undefined) return this.#refused("died", this.#death.message)
      if (!this.#connectivity.isConnected || this.#shared.backend.dropsCommits(this.storeId)) {
        return this.#refused("timeout", "not confirmed by the backend")
      }
      this.#shared.backend.write(this.storeId, event)
      return Effect.void
    })
  }

  connectivity(): Connectivity {
    return this.#connectivity
  }

  syncStatus(): SyncStatus {
    const head = cursorOf(this.#heard())
    return { pendingCount: 0, localHead: head, upstreamHead: head }
  }

  #heard(): number {
    if (this.#connectivity.isConnected) this.#known = this.#shared.backend.history(this.storeId).length
    return this.#known
  }

  #refused(reason: CommitError["reason"], message: string): Effect.Effect<never, CommitError> {
    return Effect.fail(new CommitError({ storeId: this.storeId, reason, message }))
  }
}
