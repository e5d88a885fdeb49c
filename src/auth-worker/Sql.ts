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
    /** Asks for the object's alarm at a time (ms since the epoch), or for none. Takes part in a transaction. */
    readonly alarmAt: (time: Option.Option<number>) => Effect.Effect<void>
  }
>() {}

/** The service over a Durable Object's storage. */
export const make = (
  storage: DurableObjectStorage,
  waitUntil: (promise: Promise<unknown>) => void
): Context.Tag.Service<Sql> => ({
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
            if (!(cause instanceof Rollback)) return Effect.die(cause)
          }
          return exit ?? Effect.die(new Error("the transaction did not run"))
        })
      )
    ),
  alarmAt: (time) =>
    Effect.sync(() => {
      waitUntil(Option.isNone(time) ? storage.deleteAlarm() : storage.setAlarm(time.value))
    })
})

class Rollback extends Error {}
