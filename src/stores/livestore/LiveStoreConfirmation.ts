/**
 * Knowing when everything that was written here has been confirmed by the backend.
 *
 * `store.syncStatus().isSynced` only speaks of session and leader. An event is the backend's once neither holds it as
 * pending: the leader lets go of it when the backend's echo has come back.
 */
import { type Store, StoreInternalsSymbol, type SyncState } from "@livestore/livestore"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"

export interface Confirmation {
  /** Completes once nothing that was written before is unconfirmed. */
  readonly untilConfirmed: Effect.Effect<void>
}

/** Watches the store's sync state in the caller's scope; `onLeader` hears each of the leader's states. */
export const makeConfirmation = (
  store: Store,
  onLeader: (state: SyncState.SyncState) => void
): Effect.Effect<Confirmation, never, Scope.Scope> =>
  Effect.gen(function* () {
    const { clientSession, syncProcessor } = store[StoreInternalsSymbol]
    const session = syncProcessor.syncState
    const leader = clientSession.leaderThread.syncState
    const waiting = new Set<Deferred.Deferred<void>>()

    // Session first: the leader holds an event before the session lets go of it. And both read at this moment: what
    // the streams below have brought so far may be older.
    const isConfirmed = Effect.gen(function* () {
      if ((yield* session.get).pending.length > 0) return false
      return (yield* leader.get).pending.length === 0
    })
    const recheck = Effect.suspend(() => {
      if (waiting.size === 0) return Effect.void
      return Effect.map(isConfirmed, (confirmed) => {
        if (!confirmed) return
        for (const deferred of waiting) Deferred.unsafeDone(deferred, Exit.void)
        waiting.clear()
      })
    })

    // The session's changes are a queue without a bound that LiveStore fills for every event: somebody must empty it.
    yield* session.changes.pipe(
      Stream.runForEach(() => recheck),
      Effect.interruptible,
      Effect.forkScoped
    )
    yield* leader.changes.pipe(
      Stream.runForEach((state) =>
        Effect.zipRight(
          Effect.sync(() => onLeader(state)),
          recheck
        )
      ),
      Effect.interruptible,
      Effect.forkScoped
    )

    return {
      untilConfirmed: Effect.suspend(() => {
        const deferred = Deferred.unsafeMake<void>(FiberId.none)
        waiting.add(deferred)
        return Effect.zipRight(recheck, Deferred.await(deferred)).pipe(
          Effect.ensuring(Effect.sync(() => waiting.delete(deferred)))
        )
      })
    }
  })
