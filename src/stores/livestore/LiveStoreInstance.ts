/**
 * One open LiveStore store, with everything that LiveStore 0.4.0 leaves to its supervisor. This module loads
 * LiveStore: import it dynamically, once the WebSocket is in place.
 */
import { makeAdapter } from "@livestore/adapter-node"
import { type IntentionalShutdownCause, provideOtel } from "@livestore/common"
import {
  createStore,
  type LiveStoreSchema,
  makeShutdownDeferred,
  type Store,
  type SyncState
} from "@livestore/livestore"
import { makeWsSync } from "@livestore/sync-cf/client"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberHandle from "effect/FiberHandle"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import {
  type Connectivity,
  type OpenStore,
  StoreDied,
  StoreOpenError,
  type StoreSignals,
  type SyncStatus
} from "../StoreDriver.ts"
import { makeCommitter } from "./LiveStoreCommit.ts"
import { makeConfirmation } from "./LiveStoreConfirmation.ts"
import { makeCursor } from "./LiveStoreCursor.ts"
import { readHistory } from "./LiveStoreHistory.ts"
import type { ResolvedLiveStoreOptions } from "./LiveStoreOptions.ts"
import { punctual } from "./PunctualClock.ts"
import { reconnecting } from "./ReconnectingSyncBackend.ts"
import { deleteStoreFolder, storesFolder } from "./StoreFolder.ts"
import { probe, serverPayload, withoutSecret } from "./SyncProbe.ts"

/**
 * How often the backend is pinged: LiveStore's own default, since pings are all that an idle store costs. A frozen
 * backend is noticed within two intervals, a closed connection at once.
 */
const pingIntervalMs = 10_000
/** The longest pause between two questions whether the backend rejects us. */
const maxProbeIntervalMs = 60_000
/** A store that dies of its sync within this time of its opening may be poisoned by its own cache. */
const youngMs = 10_000
/** How much of an error's text is kept. */
const maxMessageLength = 300

interface InstanceOptions {
  readonly options: ResolvedLiveStoreOptions
  readonly schema: LiveStoreSchema
  readonly storeId: string
  readonly signals: StoreSignals
}

/**
 * Opens the store in the caller's scope. Fails with `corrupt` when LiveStore could not boot from the store's folder,
 * which is then worth deleting; with `rejected` when the backend refuses our credentials.
 */
export const openInstance = (
  instance: InstanceOptions
): Effect.Effect<OpenStore, StoreOpenError, Scope.Scope> =>
  Effect.gen(function* () {
    const { options, schema, storeId, signals } = instance
    const clock = yield* Effect.clock
    const openError = (reason: StoreOpenError["reason"], message: string) =>
      new StoreOpenError({ storeId, reason, message })
    const target = { syncUrl: options.syncUrl, storeId, bypassToken: options.bypassToken }
    const describe = (cause: Cause.Cause<unknown>) =>
      withoutSecret(Cause.pretty(cause), options.bypassToken).slice(0, maxMessageLength)

    // Last of all: what proved unusable goes, once LiveStore has let go of it.
    let condemned = false
    yield* Effect.addFinalizer(() =>
      condemned && options.storage === "filesystem"
        ? deleteStoreFolder(options.dataPath, storeId)
        : Effect.void
    )

    // What the store is known to be. Written by the callbacks below, read synchronously by the owner.
    let isLive = false
    let backendId: string | undefined
    let connectivity: Connectivity = { isConnected: false, since: clock.unsafeCurrentTimeMillis() }
    let leader: SyncState.SyncState | undefined
    let announcedHead = 0
    let death: StoreDied | undefined
    const died = yield* Deferred.make<StoreDied>()

    const die = (reason: StoreDied["reason"], message: string) => {
      if (death !== undefined || !isLive) return
      death = new StoreDied({ storeId, reason, message })
      Deferred.unsafeDone(died, Exit.succeed(death))
      signals.onDeath(death)
    }
    const announceNews = () => {
      const head = leader?.upstreamHead.global ?? 0
      if (!isLive || backendId === undefined || head <= announcedHead) return
      announcedHead = head
      signals.onNews(makeCursor({ global: head, backendId }))
    }

    const probing = yield* FiberHandle.make()
    const startProbing = yield* FiberHandle.runtime(probing)()
    // A rejected connection looks offline to LiveStore: ask outside of it, for as long as it stays disconnected.
    const askWhetherRejected = probe(target).pipe(
      Effect.map((result) => {
        if (result._tag === "Rejected") die("rejected", `${result.status}: ${result.reason}`)
      }),
      Effect.repeat(
        Schedule.exponential(options.probeIntervalMs).pipe(
          Schedule.either(Schedule.spaced(maxProbeIntervalMs)),
          Schedule.jittered
        )
      ),
      Effect.delay(options.probeIntervalMs)
    )
    const watchConnection = () => startProbing(connectivity.isConnected ? Effect.void : askWhetherRejected)

    const noteConnected = (isConnected: boolean) => {
      connectivity = { isConnected, since: clock.unsafeCurrentTimeMillis() }
      if (!isLive) return
      signals.onConnectivity(connectivity)
      watchConnection()
    }

    const adapter = makeAdapter({
      storage:
        options.storage === "filesystem"
          ? { type: "fs", baseDirectory: storesFolder(options.dataPath) }
          : { type: "in-memory" },
      clientId: options.clientId,
      sync: {
        backend: reconnecting(
          makeWsSync({ url: options.syncUrl, ping: { requestInterval: pingIntervalMs } }),
          {
            onBackendId: (id) => {
              backendId = id
              announceNews()
            },
            onConnected: noteConnected
          }
        ),
        initialSyncOptions: { _tag: "Blocking", timeout: options.initialSyncTimeoutMs },
        // The default, `ignore`, leaves a store that silently does nothing any more.
        onSyncError: "shutdown",
        onBackendIdMismatch: "reset"
      }
    })

    const shutdown = yield* makeShutdownDeferred
    const openedAt = clock.unsafeCurrentTimeMillis()
    const bootFailed = (cause: Cause.Cause<unknown>) =>
      openError(options.storage === "filesystem" ? "corrupt" : "driver", describe(cause))

    // LiveStore can shut itself down while it boots, and would then wait for ever.
    const store: Store = yield* createStore({
      schema,
      adapter,
      storeId,
      shutdownDeferred: shutdown,
      disableDevtools: true,
      confirmUnsavedChanges: false,
      syncPayload: serverPayload(target)
    }).pipe(
      provideOtel({}),
      Effect.withClock(punctual(clock)),
      Effect.raceFirst(Deferred.await(shutdown).pipe(Effect.flatMap((cause) => Effect.die(cause)))),
      Effect.catchAllCause((cause) =>
        Cause.isInterruptedOnly(cause) ? Effect.interrupt : Effect.fail(bootFailed(cause))
      ),
      Effect.timeoutFail({
        duration: options.openTimeoutMs,
        onTimeout: () => openError("timeout", `not open within ${options.openTimeoutMs} ms`)
      })
    )

    const confirmation = yield* makeConfirmation(store, (state) => {
      leader = state
      announceNews()
    })

    // Runs before createStore's own finalizer, which drops whatever is pending. Finalizers are uninterruptible: without
    // `interruptible` the timeout would wait for ever. Offline there is nobody to send to.
    yield* Effect.addFinalizer(() =>
      death === undefined && connectivity.isConnected
        ? confirmation.untilConfirmed.pipe(Effect.interruptible, Effect.timeoutOption(options.flushTimeoutMs))
        : Effect.void
    )

    if (!connectivity.isConnected) {
      const result = yield* probe(target)
      if (result._tag === "Rejected") {
        return yield* openError("rejected", `the sync backend answers ${result.status}: ${result.reason}`)
      }
    }

    // From here on the store is its owner's: its signals are heard until its scope closes, and not after. Whoever
    // still waits for it then (a commit for its confirmation) waits in vain.
    const end = Effect.sync(() => {
      isLive = false
      Deferred.unsafeDone(
        died,
        Exit.succeed(new StoreDied({ storeId, reason: "shutdown", message: "the store was closed" }))
      )
    })
    yield* Effect.addFinalizer(() => end)
    isLive = true
    if (connectivity.isConnected) signals.onConnectivity(connectivity)
    announceNews()
    watchConnection()

    yield* Deferred.await(shutdown).pipe(
      Effect.exit,
      Effect.map((exit) => {
        const isYoung = clock.unsafeCurrentTimeMillis() - openedAt < youngMs
        condemned ||= isOfAnotherBackend(exit) || (Exit.isFailure(exit) && isYoung)
        if (Exit.isSuccess(exit)) die("shutdown", `LiveStore shut itself down: ${exit.value.reason}`)
        else die("sync-error", describe(exit.cause))
      }),
      Effect.forkScoped
    )

    const commit = yield* makeCommitter({
      store,
      schema,
      confirmation,
      died,
      timeoutMs: options.commitTimeoutMs
    })

    return {
      storeId,
      commit,
      read: (since, limit) =>
        Effect.suspend(() => {
          if (death !== undefined) return Effect.fail(death)
          if (backendId === undefined || leader === undefined) return Effect.succeed([])
          const head = leader.upstreamHead.global
          return readHistory({ store, schema, backendId, head, since, limit }).pipe(
            Effect.catchTag("HistoryHole", ({ missing }) => {
              // The folder is a cache with a hole: only a fresh one has everything.
              condemned = true
              const message = `the local history lacks event ${missing}`
              die("sync-error", message)
              return Effect.fail(new StoreDied({ storeId, reason: "sync-error", message }))
            }),
            Effect.raceFirst(Effect.flatMap(Deferred.await(died), (cause) => Effect.fail(cause)))
          )
        }),
      connectivity: () => connectivity,
      syncStatus: (): SyncStatus => ({
        // What the session has not handed to the leader yet is as unconfirmed as what the leader still holds.
        pendingCount: Math.max(
          leader?.pending.length ?? 0,
          death === undefined && isLive ? store.syncStatus().pendingCount : 0
        ),
        localHead: `e${leader?.localHead.global ?? 0}`,
        upstreamHead: `e${leader?.upstreamHead.global ?? 0}`
      })
    }
  })

const isOfAnotherBackend = (exit: Exit.Exit<IntentionalShutdownCause, unknown>) =>
  Exit.isSuccess(exit) && exit.value.reason === "backend-id-mismatch"
