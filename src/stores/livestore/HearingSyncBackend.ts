/**
 * A wrapper that keeps LiveStore's WebSocket backend from going deaf.
 *
 * makeWsSync reopens its socket after a ping timeout, but never issues the live pull or a push in flight again
 * (livestorejs/livestore#1365): it says `isConnected` and hears nothing, for ever. Here both fail with
 * `IsOfflineError` when the connection drops, upon which LiveStore's own loops pull from the cursor and push again.
 */
import * as KeyValueStore from "@effect/platform/KeyValueStore"
import { IsOfflineError, type SyncBackend } from "@livestore/common"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"

/** What the wrapper overhears. Called synchronously. */
export interface Overheard {
  /** The backend's identity, as soon as it is known and whenever it changes. */
  readonly onBackendId: (backendId: string) => void
  /** Every report of the connection's state, repetitions included. */
  readonly onConnected: (isConnected: boolean) => void
}

const makeDrop = () => Deferred.unsafeMake<never, IsOfflineError>(FiberId.none)

/** The key under which LiveStore's backends remember which backend they speak with. */
const backendIdKey = "backendId"

/** Wraps a backend's constructor; everything that is not about hearing passes through. */
export const hearing =
  <M>(
    make: SyncBackend.SyncBackendConstructor<M>,
    overheard: Overheard
  ): SyncBackend.SyncBackendConstructor<M> =>
  (args) =>
    Effect.gen(function* () {
      const kv = yield* KeyValueStore.KeyValueStore
      const backend = yield* make(args)

      let backendIdKnown = false
      const noteBackendId = Effect.suspend(() => {
        if (backendIdKnown) return Effect.void
        return Effect.match(kv.get(backendIdKey), {
          // Unreadable is unknown: the next pull asks again.
          onFailure: () => undefined,
          onSuccess: Option.match({
            onNone: () => undefined,
            onSome: (backendId) => {
              backendIdKnown = true
              overheard.onBackendId(backendId)
            }
          })
        })
      })
      yield* noteBackendId

      let drop = makeDrop()
      const report = (isConnected: boolean, isFirst: boolean) => {
        // The first report is the state before anything was asked. Every later `false` is a connection lost or not
        // gained, even when the state was `false` already: a request may have been sent in between.
        if (!isConnected && !isFirst) {
          const lost = drop
          drop = makeDrop()
          Deferred.unsafeDone(lost, Exit.fail(new IsOfflineError({ cause: new Error("connection dropped") })))
        }
        overheard.onConnected(isConnected)
      }
      yield* backend.isConnected.changes.pipe(
        Stream.zipWithIndex,
        Stream.runForEach(([isConnected, index]) => Effect.sync(() => report(isConnected, index === 0))),
        Effect.interruptible,
        Effect.forkScoped
      )
      const dropped = Effect.suspend(() => Deferred.await(drop))

      return {
        ...backend,
        pull: (cursor, options) =>
          backend.pull(cursor, options).pipe(
            Stream.tap(() => noteBackendId),
            Stream.interruptWhen(dropped)
          ),
        push: (batch) => Effect.raceFirst(backend.push(batch), dropped)
      }
    })
