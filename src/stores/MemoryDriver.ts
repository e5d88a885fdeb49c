/**
 * Stores in this process's memory: for load tests, development and tests of everything above the driver. Costs no
 * fiber and about a kilobyte per open store.
 */
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import { type MemoryBackend, makeMemoryBackend } from "./MemoryBackend.ts"
import {
  CommitError,
  type Connectivity,
  type OpenStore,
  StoreDied,
  StoreDriver,
  StoreOpenError,
  type StoreSignals
} from "./StoreDriver.ts"
import { eventSchemas } from "./workspaceEvents.ts"

export interface MemoryDriverOptions {
  /** Provisioning time of one store, in milliseconds (`MEMORY_DRIVER_OPEN_MS`). */
  readonly openMs: number
  /** What stands for the sync backend. Defaults to one of the layer's own; tests keep hold of theirs. */
  readonly backend?: MemoryBackend
  /** The schema of each event that may be committed, by name. Defaults to the built-in vocabulary. */
  readonly schemas?: ReadonlyMap<string, Schema.Schema.AnyNoContext>
}

const cursorOf = (count: number) => `m${count}`

/** How many events are behind a cursor. One that no memory store made is none: the history from its beginning. */
const eventsBehind = (since: Option.Option<string>): number => {
  const match = /^m(\d{1,15})$/.exec(Option.getOrElse(since, () => ""))
  return match?.[1] === undefined ? 0 : Number(match[1])
}

const make = (options: MemoryDriverOptions) => {
  const backend = options.backend ?? makeMemoryBackend()
  const schemas = options.schemas ?? eventSchemas

  const openError = (storeId: string, reason: StoreOpenError["reason"], message: string) =>
    new StoreOpenError({ storeId, reason, message })

  const provision = (storeId: string) =>
    Effect.suspend(() => {
      const fault = backend.openFault(storeId)
      if (fault === "hang") return Effect.never
      if (fault !== undefined) return Effect.fail(openError(storeId, fault, "made to fail by its backend"))
      return Effect.void
    })

  const validate = (storeId: string, name: string, args: unknown) => {
    const schema = schemas.get(name)
    const invalid = new CommitError({
      storeId,
      reason: "invalid",
      message: schema === undefined ? `unknown event ${name}` : `arguments of ${name} do not match its schema`
    })
    return schema === undefined || !Schema.is(schema)(args) ? Effect.fail(invalid) : Effect.void
  }

  /** Connects the store to its backend: synchronous, so that nothing can come between claim and release. */
  const connect = (storeId: string, signals: StoreSignals, clock: Clock.Clock): OpenStore => {
    const now = () => clock.unsafeCurrentTimeMillis()
    let connectivity: Connectivity = { isConnected: backend.isConnected(storeId), since: now() }
    let death: StoreDied | undefined

    backend.attach(storeId, {
      onEvents: (count) => {
        if (death === undefined && connectivity.isConnected) signals.onNews(cursorOf(count))
      },
      onConnected: (isConnected) => {
        if (death !== undefined || connectivity.isConnected === isConnected) return
        connectivity = { isConnected, since: now() }
        signals.onConnectivity(connectivity)
        const count = heard()
        if (isConnected && count > 0) signals.onNews(cursorOf(count))
      },
      onDeath: (reason) => {
        if (death !== undefined) return
        death = new StoreDied({ storeId, reason, message: "killed by its backend" })
        signals.onDeath(death)
      }
    })

    // What a disconnected store knows does not grow.
    let known = backend.history(storeId).length
    const heard = () => {
      if (connectivity.isConnected) known = backend.history(storeId).length
      return known
    }
    if (connectivity.isConnected) {
      signals.onConnectivity(connectivity)
      if (known > 0) signals.onNews(cursorOf(known))
    }

    return {
      storeId,
      read: (since, limit) =>
        Effect.suspend(() => {
          if (death !== undefined) return Effect.fail(death)
          const start = eventsBehind(since)
          const events = backend.history(storeId).slice(start, Math.min(start + limit, heard()))
          return Effect.succeed(
            events.map((event, index) => ({ ...event, cursor: cursorOf(start + index + 1) }))
          )
        }),
      commit: (event) =>
        validate(storeId, event.name, event.args).pipe(
          Effect.zipRight(
            Effect.suspend(() => {
              if (death !== undefined) {
                return Effect.fail(new CommitError({ storeId, reason: "died", message: death.message }))
              }
              if (!connectivity.isConnected || backend.dropsCommits(storeId)) {
                return Effect.fail(
                  new CommitError({ storeId, reason: "timeout", message: "not confirmed by the backend" })
                )
              }
              backend.write(storeId, event)
              return Effect.void
            })
          )
        ),
      connectivity: () => connectivity,
      syncStatus: () => ({ pendingCount: 0, localHead: cursorOf(heard()), upstreamHead: cursorOf(heard()) })
    }
  }

  /** Marks the store as in use until the scope closes: both or neither. */
  const claim = (storeId: string): Effect.Effect<void, StoreOpenError, Scope.Scope> =>
    Effect.uninterruptible(
      Effect.flatMap(Effect.scope, (scope) =>
        backend.claim(storeId)
          ? // Not `acquireRelease`, which keeps the fiber's whole context for as long as the store is open.
            Scope.addFinalizer(
              scope,
              Effect.sync(() => backend.release(storeId))
            )
          : Effect.fail(openError(storeId, "busy", "the store is open in this process"))
      )
    )

  const open = (
    storeId: string,
    signals: StoreSignals
  ): Effect.Effect<OpenStore, StoreOpenError, Scope.Scope> => {
    const provisioned = Effect.flatMap(claim(storeId), () =>
      options.openMs > 0 ? Effect.delay(provision(storeId), options.openMs) : provision(storeId)
    )
    return Effect.flatMap(provisioned, () =>
      Effect.clockWith((clock) => Effect.sync(() => connect(storeId, signals, clock)))
    )
  }

  return StoreDriver.of({
    name: "memory",
    open,
    // Nothing is kept locally: the history is the backend's.
    purge: () => Effect.void
  })
}

/** The driver over `options.backend`. */
export const layer = (options: MemoryDriverOptions): Layer.Layer<StoreDriver> =>
  Layer.sync(StoreDriver, () => make(options))
