/**
 * Stores as full LiveStore 0.4 instances in this process.
 *
 * Set `NODE_ENV=production` for the process: otherwise LiveStore hashes every materializer's result and starts its
 * development helpers.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as ExecutionStrategy from "effect/ExecutionStrategy"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { type LiveStoreOptions, resolveOptions } from "./livestore/LiveStoreOptions.ts"
import { deleteStoreFolder, isStoreId } from "./livestore/StoreFolder.ts"
import { type OpenStore, StoreDriver, StoreOpenError, type StoreSignals } from "./StoreDriver.ts"

export type { LiveStoreOptions } from "./livestore/LiveStoreOptions.ts"

/** See `LiveStoreOptions.bootConcurrency`. */
const defaultBootConcurrency = 6

/**
 * LiveStore's sync client takes `globalThis.WebSocket`, which Node 20 has not; without it every store would stay
 * offline, silently. It must be there before LiveStore is loaded.
 */
const provideWebSocket = Effect.promise(async () => {
  if ("WebSocket" in globalThis) return
  const { WebSocket } = await import("ws")
  Object.defineProperty(globalThis, "WebSocket", { value: WebSocket, configurable: true, writable: true })
})

const make = (options: LiveStoreOptions) =>
  Effect.gen(function* () {
    yield* provideWebSocket
    // Loaded here and not at the top of the file, so that STORE_DRIVER=memory never pays for it.
    const { openInstance } = yield* Effect.promise(() => import("./livestore/LiveStoreInstance.ts"))
    const loadSchema =
      options.loadSchema ?? (() => import("./workspaceSchema.ts").then((module) => module.schema))
    const schema = yield* Effect.promise(loadSchema)
    const resolved = resolveOptions(options)

    // The controller keeps the callers below its own limit, so that few fibers ever wait on this semaphore.
    const boots = yield* Effect.makeSemaphore(options.bootConcurrency ?? defaultBootConcurrency)
    const inUse = new Set<string>()

    /** One attempt in a scope of its own, so that a failed one leaves nothing behind before the next begins. */
    const attempt = (storeId: string, signals: StoreSignals) =>
      Effect.gen(function* () {
        const scope = yield* Effect.flatMap(Effect.scope, (parent) =>
          Scope.fork(parent, ExecutionStrategy.sequential)
        )
        return yield* openInstance({ options: resolved, schema, storeId, signals }).pipe(
          Scope.extend(scope),
          Effect.onError((cause) => Scope.close(scope, Exit.failCause(cause)))
        )
      })

    /** The folder is a cache (field notes): what cannot be opened from it is opened afresh, once. */
    const openWithFreshFolder = (storeId: string, signals: StoreSignals) =>
      attempt(storeId, signals).pipe(
        Effect.catchIf(
          (error) => error.reason === "corrupt",
          (error) =>
            Effect.logWarning("store.folder_reset").pipe(
              Effect.annotateLogs({ storeId, reason: error.message }),
              Effect.zipRight(deleteStoreFolder(resolved.dataPath, storeId)),
              Effect.zipRight(attempt(storeId, signals)),
              Effect.mapError((again) =>
                again.reason === "corrupt"
                  ? new StoreOpenError({ storeId, reason: "driver", message: again.message })
                  : again
              )
            )
        )
      )

    /** The same id open twice would share LiveStore's shutdown channel: the one's end would be the other's. */
    const claim = (storeId: string) =>
      Effect.acquireRelease(
        Effect.suspend(() => {
          if (inUse.has(storeId)) {
            return Effect.fail(
              new StoreOpenError({ storeId, reason: "busy", message: "the store is open in this process" })
            )
          }
          inUse.add(storeId)
          return Effect.void
        }),
        () => Effect.sync(() => inUse.delete(storeId))
      )

    return StoreDriver.of({
      name: "livestore",
      open: (storeId, signals): Effect.Effect<OpenStore, StoreOpenError, Scope.Scope> => {
        if (!isStoreId(storeId)) {
          return Effect.fail(
            new StoreOpenError({ storeId, reason: "driver", message: "not a well-formed store id" })
          )
        }
        return claim(storeId).pipe(
          Effect.zipRight(boots.withPermits(1)(openWithFreshFolder(storeId, signals)))
        )
      },
      // Claimed like an open one, so that nobody opens it while its folder is being deleted.
      purge: (storeId) =>
        isStoreId(storeId)
          ? claim(storeId).pipe(
              Effect.zipRight(deleteStoreFolder(resolved.dataPath, storeId)),
              Effect.scoped,
              Effect.catchTag("StoreOpenError", () => Effect.void)
            )
          : Effect.void
    })
  })

/** The driver, with LiveStore loaded when the layer is built. */
export const layer = (options: LiveStoreOptions): Layer.Layer<StoreDriver> =>
  Layer.effect(StoreDriver, make(options))
