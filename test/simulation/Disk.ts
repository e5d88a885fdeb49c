/**
 * The disk of the simulated machine: a real SQLite, in memory, that outlives each life of the server. The server's own
 * repositories run on it. A crash falls between two statements: a transaction that it cuts is rolled back.
 */
import Database from "libsql"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { StateDatabase, type Value } from "../../src/persistence/StateDatabase.ts"
import { migrations } from "../../src/persistence/migrations.ts"
import type { Life } from "./Life.ts"

export interface DiskEvents {
  /** The row of a workspace is gone for good. */
  readonly onForgotten: (life: Life, storeId: string) => void
  /** A removal counts for the guard, and is noted. */
  readonly onRemoval: (life: Life, removal: { readonly at: number; readonly explicit: boolean }) => void
  /** A snapshot has been saved whole. */
  readonly onSnapshotSaved: (life: Life) => void
}

const decodeIds = Schema.decodeUnknownSync(Schema.Array(Schema.Struct({ store_id: Schema.String })))

const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause))

/** What the trace calls a statement: its verb and its table. */
const nameOf = (sql: string): string =>
  /^\s*(INSERT|DELETE|UPDATE|SELECT)\b[\s\S]*?\b(?:INTO|FROM|UPDATE)\s+(\w+)/
    .exec(sql)
    ?.slice(1, 3)
    .join(" ") ?? "sql"

export class Disk {
  /** Every write fails while it is full. */
  isFull = false
  writes = 0
  private readonly database = new Database(":memory:")
  private readonly statements = new Map<string, Database.Statement>()
  private readonly events: DiskEvents
  /** The workspaces of which it has a row. */
  private workspaces: ReadonlySet<string> = new Set()

  constructor(events: DiskEvents) {
    this.events = events
    for (const migration of migrations) this.database.exec(migration)
  }

  close(): void {
    this.database.close()
  }

  /** For the laws: what the disk says, without a life. */
  all(sql: string, ...values: ReadonlyArray<Value>): ReadonlyArray<unknown> {
    return this.prepared(sql).all(...values)
  }

  /** The disk as one life of the server has it. */
  layer(life: Life): Layer.Layer<StateDatabase> {
    /** What is to be told once the transaction has been committed. */
    let untold: Array<() => void> | undefined
    let lastError: string | null = null

    const written = (sql: string, values: ReadonlyArray<Value>): void => {
      const [first] = values
      const tell = () => {
        if (typeof first === "number" && /^\s*INSERT INTO removal/.test(sql))
          this.events.onRemoval(life, { at: first, explicit: values[1] === 1 })
        if (/^\s*INSERT INTO snapshot/.test(sql)) this.events.onSnapshotSaved(life)
        if (/^\s*\w+ (FROM|INTO) workspace\b/.test(sql)) this.lookAtWorkspaces(life)
      }
      if (untold === undefined) tell()
      else untold.push(tell)
    }

    const checkWritable = (): void => {
      life.assertAlive()
      if (this.isFull) throw new Error("database or disk is full")
    }

    const run = (sql: string, ...values: ReadonlyArray<Value>): void => {
      checkWritable()
      this.prepared(sql).run(...values)
      this.writes++
      written(sql, values)
      life.touch("disk", `${nameOf(sql)} ${values.slice(0, 4).join(",")}`)
      life.assertAlive()
    }

    const transaction = <A>(body: () => A): A => {
      checkWritable()
      this.database.exec("BEGIN")
      untold = []
      try {
        const result = body()
        this.database.exec("COMMIT")
        const committed = untold
        untold = undefined
        for (const tell of committed) tell()
        life.touch("disk", "COMMIT")
        life.assertAlive()
        return result
      } catch (cause) {
        untold = undefined
        if (this.database.inTransaction) this.database.exec("ROLLBACK")
        throw cause
      }
    }

    return Layer.succeed(
      StateDatabase,
      StateDatabase.of({
        path: "simulated",
        all: (sql, ...values) => {
          life.assertAlive()
          return this.prepared(sql).all(...values)
        },
        run,
        transaction,
        attempt: (name, write) =>
          Effect.try({ try: write, catch: messageOf }).pipe(
            Effect.matchEffect({
              onSuccess: () =>
                Effect.sync(() => {
                  lastError = null
                }),
              onFailure: (message) => {
                lastError = message
                return Effect.logError("state.write_failed").pipe(
                  Effect.annotateLogs({ write: name, error: message })
                )
              }
            })
          ),
        lastError: () => lastError
      })
    )
  }

  /** However it is written, a row that is gone is forgotten. */
  private lookAtWorkspaces(life: Life): void {
    const before = this.workspaces
    this.workspaces = new Set(
      decodeIds(this.all("SELECT store_id FROM workspace")).map((row) => row.store_id)
    )
    for (const id of before) if (!this.workspaces.has(id)) this.events.onForgotten(life, id)
  }

  private prepared(sql: string): Database.Statement {
    const known = this.statements.get(sql)
    if (known !== undefined) return known
    const statement = this.database.prepare(sql)
    this.statements.set(sql, statement)
    return statement
  }
}
