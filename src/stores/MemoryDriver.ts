/**
 * Stores in this process's memory: for load tests, development and tests of everything above the driver. Costs no
 * fiber and about a kilobyte per open store.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import { type MemoryBackend, makeMemoryBackend } from "./MemoryBackend.ts"
import { MemoryStore } from "./MemoryStore.ts"
import { type OpenStore, StoreDriver, StoreOpenError, type StoreSignals } from "./StoreDriver.ts"
import { eventSchemas } from "./workspaceEvents.ts"

export interface MemoryDriverOptions {
  /** Provisioning time of one store, in milliseconds (`MEMORY_DRIVER_OPEN_MS`). */
  readonly openMs: number
  /** What stands for the sync backend. Defaults to one of the layer's own; tests keep hold of theirs. */
  readonly backend?: MemoryBackend
  /** The schema of each event that may be committed, by name. Defaults to the built-in vocabulary. */
  readonly schemas?: ReadonlyMap<string, Schema.Schema.AnyNoContext>
}

const make = (options: MemoryDriverOptions) => {
  const backend = options.backend ?? makeMemoryBackend()
  const shared = { backend, schemas: options.schemas ?? eventSchemas }

  const openError = (storeId: string, reason: StoreOpenError["reason"], message: string) =>
    new StoreOpenError({ storeId, reason, message })

  const provision = (storeId: string) =>
    Effect.suspend(() => {
      const fault = backend.openFault(storeId)
      if (fault === "hang") return Effect.never
      if (fault !== undefined) return Effect.fail(openError(storeId, fault, "made to fail by its backend"))
      return Effect.void
    })

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
      Effect.clockWith((clock) => Effect.sync(() => MemoryStore.connect(shared, storeId, signals, clock)))
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
