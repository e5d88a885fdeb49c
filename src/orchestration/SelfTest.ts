/**
 * Whether this process can open a store at all: opens one of its own, reads it, closes it and deletes it. No workspace is
 * touched, and nothing is written, so that it may be asked of a server in production.
 */
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import { stopwatch } from "../controller/Elapsed.ts"
import * as SingleFlight from "../controller/SingleFlight.ts"
import { StoreDriver, type StoreSignals } from "../stores/StoreDriver.ts"
import { StoreManager } from "../stores/StoreManager.ts"
import { DesiredState } from "../workspaces/DesiredState.ts"
import type { Probe } from "./Administration.ts"

/** The store of the test. No workspace may have this id, and if one has it, it is left alone. */
export const SELF_TEST_STORE_ID = "wso-selftest"

/** The longest that opening the store, and reading it, may take. */
const OPEN_TIMEOUT_MS = 30_000
/** Offline is no failure of the store: for so long the test waits to see it connect. */
const CONNECT_WAIT_MS = 3_000
/** The longest that closing and deleting the store may take; it goes on behind. */
const CLOSE_TIMEOUT_MS = 15_000
/** Events read at the most: there should be none. */
const READ_LIMIT = 10

const failure = (cause: Cause.Cause<{ readonly message: string }>): string => {
  const error = Option.getOrUndefined(Cause.failureOption(cause))
  return error?.message ?? "The store's driver has failed unexpectedly; the log has the cause"
}

/**
 * The self-test as an effect that may be run as often as one likes: calls while one runs share it. Never fails: what goes
 * wrong is in the answer. An operator who goes away ends nothing (law 8).
 */
export const make = Effect.gen(function* () {
  const driver = yield* StoreDriver
  const manager = yield* StoreManager
  const desired = yield* DesiredState

  const isTaken = (): boolean =>
    desired.get(SELF_TEST_STORE_ID)._tag !== "Unknown" ||
    manager.observe(SELF_TEST_STORE_ID)._tag !== "Closed"

  const answer = (healthy: boolean, detail: Probe["detail"]): Probe => ({
    healthy,
    detail: { driver: driver.name, ...detail }
  })

  /** Opens the store in the scope and reads it. */
  const tryStore = (scope: Scope.Scope) =>
    Effect.gen(function* () {
      const connected = yield* Deferred.make<void>()
      const signals: StoreSignals = {
        onNews: () => undefined,
        onConnectivity: ({ isConnected }) => {
          if (isConnected) Deferred.unsafeDone(connected, Effect.void)
        },
        onDeath: () => undefined
      }
      const [opening, store] = yield* Effect.timed(
        Scope.extend(driver.open(SELF_TEST_STORE_ID, signals), scope)
      )
      if (store.connectivity().isConnected) yield* Deferred.succeed(connected, undefined)
      const isConnected = yield* Effect.timeoutOption(Deferred.await(connected), CONNECT_WAIT_MS)
      const events = yield* store.read(Option.none(), READ_LIMIT)
      return {
        openMs: Math.round(Duration.toMillis(opening)),
        connected: Option.isSome(isConnected),
        events: events.length
      }
    }).pipe(
      Effect.timeoutFail({
        duration: OPEN_TIMEOUT_MS,
        onTimeout: () => ({ message: `The store did not open within ${OPEN_TIMEOUT_MS} ms` })
      })
    )

  /**
   * Goes on behind when it takes too long; says whether it has ended. Whoever cleans must not be interrupted, so the waiting
   * happens in a fiber that can be: else the timeout would wait for what it is to end.
   */
  const clean = (scope: Scope.CloseableScope) =>
    Scope.close(scope, Exit.void).pipe(
      Effect.zipRight(driver.purge(SELF_TEST_STORE_ID)),
      Effect.forkDaemon,
      Effect.flatMap((cleaning) =>
        Fiber.join(cleaning).pipe(
          Effect.timeoutOption(CLOSE_TIMEOUT_MS),
          Effect.interruptible,
          Effect.forkDaemon
        )
      ),
      Effect.flatMap(Fiber.join),
      Effect.map(Option.isSome)
    )

  const openReadClose = Effect.uninterruptibleMask((restore) =>
    Effect.gen(function* () {
      const elapsedMs = yield* stopwatch
      // What a test that was cut off has left behind would be no fresh store.
      yield* driver.purge(SELF_TEST_STORE_ID)
      const scope = yield* Scope.make()
      const exit = yield* Effect.exit(restore(tryStore(scope)))
      const closed = yield* clean(scope)
      const durationMs = Math.round(yield* elapsedMs)
      if (Exit.isFailure(exit)) {
        yield* Effect.logWarning("workspace_orchestration.self_test_failed", exit.cause).pipe(
          Effect.annotateLogs({ category: "workspace_orchestration", operation: "self_test", durationMs })
        )
        return answer(false, { closed, durationMs, error: failure(exit.cause) })
      }
      const error = closed ? null : `The store did not close within ${CLOSE_TIMEOUT_MS} ms`
      return answer(closed, { ...exit.value, closed, durationMs, error })
    })
  )

  const test = Effect.suspend(() =>
    isTaken()
      ? Effect.succeed(
          answer(false, { error: `A workspace has the id ${SELF_TEST_STORE_ID}, which the test needs` })
        )
      : openReadClose
  )

  return yield* SingleFlight.make(test)
})
