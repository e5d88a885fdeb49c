/**
 * LiveStore's WebSocket backend, made anew for every connection.
 *
 * makeWsSync reconnects by itself, with two faults: after a ping timeout it never issues the live pull or a push in
 * flight again (livestorejs/livestore#1365: it says `isConnected` and hears nothing, for ever); and its backoff never
 * resets, so that the sixth loss in a store's life takes half a minute to mend (measured: 0.4, 1.5, 3, 9, 15, 27 s).
 * Here a lost connection ends its backend: whatever waited for it fails with `IsOfflineError`, upon which LiveStore's
 * own loops pull from the cursor and push again, through the next one.
 */
import * as KeyValueStore from "@effect/platform/KeyValueStore"
import { IsOfflineError, type SyncBackend } from "@livestore/common"
import type * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as ExecutionStrategy from "effect/ExecutionStrategy"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import { contiguousPull } from "./ContiguousPull.ts"

/** What the owner of the store hears of its connection. Called synchronously. */
export interface ConnectionSignals {
  /** The identity of the backend, once it is known. */
  readonly onBackendId: (backendId: string) => void
  /** The connection has come or gone. Never called twice in a row with the same value. */
  readonly onConnected: (isConnected: boolean) => void
}

/** The key under which LiveStore's backends remember which backend they speak with. */
const backendIdKey = "backendId"
/** The pause after a connection was lost, and after the first attempt that failed. */
const firstPauseMs = 250
/** The longest pause: with it a store hears again well within ten seconds of its backend's return. */
const maxPauseMs = 5_000

/** One connection's backend. Closing its scope ends every request that waits for it. */
interface Session<M> {
  readonly backend: SyncBackend.SyncBackend<M>
  readonly scope: Scope.CloseableScope
  isLost: boolean
}

/** Exponential, with full jitter in its upper half: a thousand stores do not return in the same instant. */
const pauseAfter = (failures: number) =>
  Effect.flatMap(Random.nextRange(0.5, 1), (jitter) =>
    Effect.sleep(jitter * Math.min(maxPauseMs, firstPauseMs * 2 ** failures))
  )

/** Makes a constructor of backends that reconnect by being replaced. */
export const reconnecting =
  <M>(
    make: SyncBackend.SyncBackendConstructor<M>,
    signals: ConnectionSignals
  ): SyncBackend.SyncBackendConstructor<M> =>
  (args) =>
    Effect.gen(function* () {
      const kv = yield* KeyValueStore.KeyValueStore
      const parent = yield* Effect.scope
      const isConnected = yield* SubscriptionRef.make(false)

      const begin = Effect.gen(function* () {
        const scope = yield* Scope.fork(parent, ExecutionStrategy.sequential)
        const backend = yield* make(args).pipe(
          Scope.extend(scope),
          Effect.onError((cause) => Scope.close(scope, Exit.failCause(cause)))
        )
        return { backend, scope, isLost: false } satisfies Session<M>
      })

      const setConnected = (next: boolean) =>
        Effect.gen(function* () {
          if ((yield* SubscriptionRef.get(isConnected)) === next) return
          yield* SubscriptionRef.set(isConnected, next)
          signals.onConnected(next)
        })

      /**
       * Returns, once the connection is lost or could not be made, whether it had been there. LiveStore reports after
       * every frame, so that this is the one thing an idle store pays for: it is kept to a single step.
       */
      const untilLost = (session: Session<M>): Effect.Effect<boolean> =>
        Effect.suspend(() => {
          let wasConnected = false
          let isFirst = true
          return Stream.runForEachWhile(session.backend.isConnected.changes, (connected) => {
            // The first report is the state before anything was asked. Every later `false` is a loss, even without a
            // `true` before it: a request may have been sent that nobody will answer.
            const isLost = !connected && !isFirst
            isFirst = false
            if (!connected || wasConnected) return Effect.succeed(!isLost)
            wasConnected = true
            return Effect.as(setConnected(true), true)
          }).pipe(Effect.map(() => wasConnected))
        })

      const first = yield* begin
      let current = yield* Deferred.make<Session<M>>()
      yield* Deferred.succeed(current, first)

      /** The next session, however often it takes to make one. */
      const beginAgain = (
        failures: number
      ): Effect.Effect<Session<M>, never, Effect.Effect.Context<typeof begin>> =>
        pauseAfter(failures).pipe(
          Effect.zipRight(begin),
          Effect.catchAll(() => beginAgain(failures + 1))
        )

      yield* Effect.gen(function* () {
        let session: Session<M> = first
        let failures = 0
        for (;;) {
          const wasConnected = yield* untilLost(session)
          current = yield* Deferred.make<Session<M>>()
          yield* setConnected(false)
          session.isLost = true
          yield* Scope.close(session.scope, Exit.void)
          failures = wasConnected ? 0 : failures + 1
          session = yield* beginAgain(failures)
          yield* Deferred.succeed(current, session)
        }
      }).pipe(Effect.interruptible, Effect.forkScoped)

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
              signals.onBackendId(backendId)
            }
          })
        })
      })
      yield* noteBackendId

      const session = Effect.suspend(() => Deferred.await(current))
      /** However a lost session's requests end (interrupted, a protocol error): they were offline. */
      const causeOf = <E>(
        mine: Session<M>,
        cause: Cause.Cause<E>
      ): Effect.Effect<never, E | IsOfflineError> =>
        mine.isLost
          ? Effect.fail(new IsOfflineError({ cause: new Error("connection lost") }))
          : Effect.failCause(cause)

      return {
        isConnected,
        // The session connects by itself.
        connect: Effect.void,
        ping: Effect.flatMap(session, (mine) =>
          Effect.catchAllCause(mine.backend.ping, (cause) => causeOf(mine, cause))
        ),
        pull: (cursor, options) =>
          Stream.unwrap(
            Effect.map(session, (mine) =>
              contiguousPull((from) => mine.backend.pull(from, options), cursor).pipe(
                Stream.tap(() => noteBackendId),
                Stream.catchAllCause((cause) => Stream.fromEffect(causeOf(mine, cause)))
              )
            )
          ),
        push: (batch) =>
          Effect.flatMap(session, (mine) =>
            Effect.catchAllCause(mine.backend.push(batch), (cause) => causeOf(mine, cause))
          ),
        metadata: first.backend.metadata,
        supports: first.backend.supports
      }
    })
