/** Reading a store's confirmed history, and knowing when there is more of it. */
import { type LiveStoreSchema, type Store, StoreInternalsSymbol } from "@livestore/livestore"
import * as Chunk from "effect/Chunk"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { EventSequenceNumber } from "@livestore/common/schema"
import { type Cursor, StoreDied, type StoreEvent } from "../StoreDriver.ts"
import { eventsBehind, makeCursor } from "./LiveStoreCursor.ts"

/** LiveStore refuses larger batches. */
const maxBatch = 1_000

interface ReadOptions {
  readonly store: Store
  readonly schema: LiveStoreSchema
  readonly backendId: string
  /** The number of confirmed events there are. */
  readonly head: number
  readonly since: Option.Option<Cursor>
  readonly limit: number
}

const decode = (options: ReadOptions, name: string, args: unknown): Effect.Effect<unknown, StoreDied> => {
  const definition = options.schema.eventsDefsMap.get(name)
  // Written by a newer client: it passes as it is, so that the cursor moves on (LiveStore does the same).
  if (definition === undefined) return Effect.succeed(args)
  return Either.match(Schema.decodeUnknownEither(definition.schema)(args), {
    onLeft: () =>
      Effect.fail(
        new StoreDied({
          storeId: options.store.storeId,
          reason: "sync-error",
          message: `a confirmed ${name} does not match its schema`
        })
      ),
    onRight: (decoded) => Effect.succeed(decoded)
  })
}

/** The local copy lacks confirmed events: whoever read on would skip them for ever. */
export class HistoryHole extends Data.TaggedError("HistoryHole")<{ readonly missing: number }> {}

/** At most `limit` confirmed events behind `since`, oldest first; empty when there are none. */
export const readHistory = (
  options: ReadOptions
): Effect.Effect<ReadonlyArray<StoreEvent>, StoreDied | HistoryHole> => {
  const { events } = options.store[StoreInternalsSymbol].clientSession.leaderThread
  const position = (global: number) =>
    EventSequenceNumber.Client.fromGlobal(EventSequenceNumber.Global.make(global))

  const window = (behind: number): Effect.Effect<ReadonlyArray<StoreEvent>, StoreDied | HistoryHole> => {
    if (options.limit < 1 || behind >= options.head) return Effect.succeed([])
    const until = Math.min(options.head, behind + options.limit)
    return events
      .stream({
        since: position(behind),
        until: position(until),
        batchSize: Math.min(until - behind, maxBatch)
      })
      .pipe(
        // The backend numbers its events without a gap.
        Stream.mapAccumEffect(behind, (last, event) =>
          event.seqNum.global === last + 1
            ? Effect.succeed([last + 1, event] as const)
            : Effect.fail(new HistoryHole({ missing: last + 1 }))
        ),
        Stream.mapEffect((event) =>
          Effect.map(decode(options, event.name, event.args), (args): StoreEvent => ({
            cursor: makeCursor({ global: event.seqNum.global, backendId: options.backendId }),
            name: event.name,
            args
          }))
        ),
        Stream.runCollect,
        Effect.flatMap((chunk) =>
          Chunk.isEmpty(chunk)
            ? Effect.fail(new HistoryHole({ missing: behind + 1 }))
            : Effect.succeed(Chunk.toReadonlyArray(chunk))
        )
      )
  }
  return Effect.suspend(() => window(eventsBehind(options.since, options.backendId)))
}
