import { DurableObject } from "cloudflare:workers"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { type ApiError } from "./ApiError.ts"
import { AuthConfig, decodeConfig } from "./AuthConfig.ts"
import { makeDeliveries } from "./Deliveries.ts"
import { compactWhenDue } from "./Compaction.ts"
import type { Env } from "./Env.ts"
import { logger } from "./logger.ts"
import { migrate } from "./migrations.ts"
import {
  type OperationName,
  type RegistryRequest,
  type RegistryStub,
  type Reply,
  replyOf,
  runOperation
} from "./RegistryProtocol.ts"
import { armAlarm } from "./Alarm.ts"
import { make as makeSql, Sql } from "./Sql.ts"
import { parseTraceparent, TraceContext } from "./TraceContext.ts"

/** How soon an alarm that could not do its work is tried again, in milliseconds. */
const alarmRetryMs = 60_000

/**
 * The source of truth: users, workspaces, memberships, the log of their changes and the webhooks owed for them, in one
 * SQLite database, so that a change, its record and its webhook are one transaction.
 */
export class WorkspaceRegistry extends DurableObject<Env> implements RegistryStub {
  readonly #sql: Context.Tag.Service<Sql>
  readonly #config: Either.Either<Context.Tag.Service<AuthConfig>, ApiError>
  readonly #deliver = makeDeliveries()

  constructor(state: DurableObjectState, env: Env) {
    super(state, env)
    this.#sql = makeSql(state.storage, (promise) => state.waitUntil(promise))
    this.#config = decodeConfig(env)
    Effect.runSync(
      migrate.pipe(
        Effect.zipRight(
          Either.isRight(this.#config) ? this.#provide(armAlarm, this.#config.right) : Effect.void
        ),
        Effect.provideService(Sql, this.#sql)
      )
    )
  }

  /**
   * The Worker's one way in: runs an operation and answers its outcome, and starts what it made due. An operation never waits,
   * so that no other one comes between what it reads and what it writes.
   */
  call<Name extends OperationName>(
    request: RegistryRequest<Name>,
    traceparent: string | null
  ): Promise<Reply<Name>> {
    const outcome = Effect.gen(this, function* () {
      const config = yield* this.#config
      const value = yield* this.#provide(runOperation(request), config)
      // Not awaited: the user's answer never waits for the server (the alarm stands behind it).
      this.ctx.waitUntil(Effect.runPromise(this.#deliverDue(config)))
      return value
    })
    const reply = Effect.runSync(
      replyOf(outcome).pipe(
        Effect.provideService(TraceContext, parseTraceparent(traceparent)),
        Effect.provide(logger)
      )
    )
    return Promise.resolve(reply)
  }

  /**
   * Starts what is due, forgets what is old, and sets the next alarm; it does not wait for answers, as no second alarm goes off
   * while one runs. Never throws: the runtime would give up after six tries, and what is owed would be forgotten.
   */
  override alarm(): Promise<void> {
    return Effect.runPromise(
      Effect.gen(this, function* () {
        yield* this.#sql.alarmWentOff
        const config = yield* this.#config
        this.ctx.waitUntil(Effect.runPromise(this.#deliverDue(config)))
        yield* this.#provide(Effect.zipRight(compactWhenDue, armAlarm), config)
      }).pipe(
        Effect.catchAllCause((cause) =>
          Effect.logError("the alarm failed", Cause.pretty(cause)).pipe(
            Effect.zipRight(Effect.clockWith((clock) => clock.currentTimeMillis)),
            Effect.flatMap((now) => this.#sql.alarmBy(now + alarmRetryMs))
          )
        ),
        Effect.provide(logger)
      )
    )
  }

  #deliverDue(config: Context.Tag.Service<AuthConfig>): Effect.Effect<void> {
    return this.#provide(this.#deliver, config).pipe(
      Effect.catchAllCause((cause) => Effect.logError("delivering webhooks failed", Cause.pretty(cause))),
      Effect.provide(logger)
    )
  }

  #provide<A, E>(effect: Effect.Effect<A, E, Sql | AuthConfig>, config: Context.Tag.Service<AuthConfig>) {
    return Effect.provide(effect, Context.make(Sql, this.#sql).pipe(Context.add(AuthConfig, config)))
  }
}
