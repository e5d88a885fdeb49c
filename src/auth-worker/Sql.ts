import type { DurableObjectStorage, SqlStorageValue } from "@cloudflare/workers-types"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Runtime from "effect/Runtime"

/** A row as SQLite gives it. */
export type Row = Record<string, SqlStorageValue>

/**
 * The Durable Object's SQLite. Statements are synchronous and cannot fail but by a defect of ours, so they have no
 * error channel.
 */
export class Sql extends Context.Tag("auth-worker/Sql")<
  Sql,
  {
    /** All rows of a query. */
    readonly all: <A extends Row>(
      query: string,
      ...bindings: ReadonlyArray<SqlStorageValue>
    ) => Effect.Effect<ReadonlyArray<A>>
    /** The first row of a query, if there is one. */
    readonly first: <A extends Row>(
      query: string,
      ...bindings: ReadonlyArray<SqlStorageValue>
    ) => Effect.Effect<Option.Option<A>>
    /** Runs a statement for what it does. */
    readonly run: (statement: string, ...bindings: ReadonlyArray<SqlStorageValue>) => Effect.Effect<void>
    /**
     * Runs an effect, which must not wait, in one transaction: any failure or defect rolls back everything it wrote.
     */
    readonly transaction: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
    /**
     * Makes sure that the object's alarm goes off no later than a time (ms since the epoch). Takes part in a transaction. One
     * that is set for earlier stays: it finds nothing to do and sets the next, which is cheaper than moving it at every write.
     */
    readonly alarmBy: (time: number) => Effect.Effect<void>
    /** Says that the alarm has gone off: none is set any more. */
    readonly alarmWentOff: Effect.Effect<void>
  }
>() {}

/** The service over a Durable Object's storage. */
export const make = (
  storage: DurableObjectStorage,
  waitUntil: (promise: Promise<unknown>) => void
): Context.Tag.Service<Sql> => {
  // What the alarm is set to, as far as this process knows; it knows nothing at first, after a rollback, and when it went off.
  let alarm = Infinity
  return {
    all: (query, ...bindings) => Effect.sync(() => storage.sql.exec<never>(query, ...bindings).toArray()),
    first: (query, ...bindings) =>
      Effect.sync(() => {
        const next = storage.sql.exec<never>(query, ...bindings).next()
        return next.done === true ? Option.none() : Option.some(next.value)
      }),
    run: (statement, ...bindings) =>
      Effect.sync(() => {
        storage.sql.exec(statement, ...bindings)
      }),
    transaction: <A, E, R>(effect: Effect.Effect<A, E, R>) =>
      Effect.runtime<R>().pipe(
        Effect.flatMap((runtime) =>
          Effect.suspend(() => {
            // transactionSync rolls back when its closure throws: the exit is carried out beside the exception.
            let exit: Exit.Exit<A, E> | undefined
            try {
              storage.transactionSync(() => {
                exit = Runtime.runSyncExit(runtime, effect)
                if (Exit.isFailure(exit)) throw new Rollback()
              })
            } catch (cause) {
              alarm = Infinity
              if (!(cause instanceof Rollback)) return Effect.die(cause)
            }
            return exit ?? Effect.die(new Error("the transaction did not run"))
          })
        )
      ),
    alarmBy: (time) =>
      Effect.sync(() => {
        if (alarm <= time) return
        alarm = time
        waitUntil(storage.setAlarm(time))
      }),
    alarmWentOff: Effect.sync(() => {
      alarm = Infinity
    })
  }
}

class Rollback extends Error {}
