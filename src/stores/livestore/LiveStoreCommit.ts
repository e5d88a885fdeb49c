/**
 * Commits that count only once the backend has confirmed them, one at a time: concurrent writers kill LiveStore stores,
 * and a closing store loses what is pending.
 */
import type { LiveStoreSchema, Store } from "@livestore/livestore"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { eventBytes, MAX_EVENT_BYTES } from "../EventSize.ts"
import { CommitError, type StoreCommit, type StoreDied } from "../StoreDriver.ts"
import type { Confirmation } from "./LiveStoreConfirmation.ts"

interface CommitterOptions {
  readonly store: Store
  readonly schema: LiveStoreSchema
  readonly confirmation: Confirmation
  readonly died: Deferred.Deferred<StoreDied>
  readonly timeoutMs: number
}

/** Makes the store's `commit`. */
export const makeCommitter = (options: CommitterOptions) =>
  Effect.gen(function* () {
    const { store, schema, died } = options
    const { untilConfirmed } = options.confirmation
    const failed = (reason: CommitError["reason"], message: string) =>
      new CommitError({ storeId: store.storeId, reason, message })
    const oneAtATime = yield* Effect.makeSemaphore(1)

    const checked = (event: StoreCommit) =>
      Effect.suspend(() => {
        const definition = schema.eventsDefsMap.get(event.name)
        if (definition === undefined) return Effect.fail(failed("invalid", `unknown event ${event.name}`))
        return Schema.validate(Schema.typeSchema(definition.schema))(event.args).pipe(
          // Says which field, never its value: what users write does not belong into logs.
          Effect.flatMap(() => Schema.encodeUnknown(definition.schema)(event.args)),
          Effect.mapError(() => failed("invalid", `arguments of ${event.name} do not match its schema`)),
          Effect.flatMap((args) => {
            const bytes = eventBytes({ name: event.name, args })
            return bytes > MAX_EVENT_BYTES
              ? Effect.fail(
                  failed(
                    "invalid",
                    `${event.name} is ${bytes} bytes long, and can be sent with at most ${MAX_EVENT_BYTES}`
                  )
                )
              : Effect.void
          })
        )
      })

    const write = (event: StoreCommit) =>
      Effect.try({
        try: () => store.commit({ name: event.name, args: event.args }),
        catch: () => failed("died", "the store has shut down")
      })

    const dead = Deferred.await(died).pipe(
      Effect.flatMap((death) => Effect.fail(failed("died", death.message)))
    )

    return (event: StoreCommit): Effect.Effect<void, CommitError> =>
      checked(event).pipe(
        Effect.zipRight(
          // An earlier commit may have timed out and still be pending: it goes first.
          untilConfirmed.pipe(
            Effect.zipRight(write(event)),
            Effect.zipRight(untilConfirmed),
            oneAtATime.withPermits(1),
            Effect.raceFirst(dead),
            Effect.timeoutFail({
              duration: options.timeoutMs,
              onTimeout: () => failed("timeout", `not confirmed within ${options.timeoutMs} ms`)
            })
          )
        )
      )
  })
