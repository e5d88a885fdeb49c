/**
 * Every transition as it happens, for people who watch: the newest are kept for whoever comes late, and the history of
 * each workspace survives restarts.
 */
import * as Chunk from "effect/Chunk"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as PubSub from "effect/PubSub"
import * as Stream from "effect/Stream"
import * as OrchestrationMetrics from "./OrchestrationMetrics.ts"
import { StateStore } from "./StateStore.ts"

export interface FeedEvent {
  /** Grows by one with each event of this process. */
  readonly id: number
  /** Milliseconds since the epoch. */
  readonly at: number
  /** Such as `monitoring_started`; the same word as in the log. */
  readonly type: string
  /** Null where it concerns no single workspace. */
  readonly storeId: string | null
  readonly message: string
}

/** Events kept for those who come late. */
const KEPT = 1_000
/** Events that a slow watcher may lag behind before it loses the oldest. */
const WATCHER_LAG = 1_000

export class EventFeed extends Context.Tag("workspace-orchestrator/orchestration/EventFeed")<
  EventFeed,
  {
    readonly publish: (event: {
      readonly type: string
      readonly storeId: string | null
      readonly message: string
    }) => Effect.Effect<void>
    /** The kept events with an id above `after`, oldest first. */
    readonly recent: (after: number) => ReadonlyArray<FeedEvent>
    /** The kept events with an id above `after`, then those to come, for ever. One beyond the newest: those to come only. */
    readonly since: (after: number) => Stream.Stream<FeedEvent>
  }
>() {}

export const make = Effect.gen(function* () {
  const store = yield* StateStore
  const clock = yield* Effect.clock
  const hub = yield* PubSub.sliding<FeedEvent>(WATCHER_LAG)
  const kept: Array<FeedEvent> = []
  let last = 0
  let watchers = 0

  const recent = (after: number): ReadonlyArray<FeedEvent> => kept.filter(({ id }) => id > after)

  return EventFeed.of({
    publish: ({ message, storeId, type }) =>
      Effect.suspend(() => {
        const at = clock.unsafeCurrentTimeMillis()
        const event: FeedEvent = { id: ++last, at, type, storeId, message }
        kept.push(event)
        OrchestrationMetrics.happened(type)
        if (kept.length > 2 * KEPT) kept.splice(0, kept.length - KEPT)
        const remembered =
          storeId === null ? Effect.void : store.transitions.append(storeId, { at, type, message })
        return watchers === 0 ? remembered : Effect.zipRight(PubSub.publish(hub, event), remembered)
      }),
    recent,
    since: (after) =>
      Stream.unwrapScoped(
        Effect.gen(function* () {
          yield* Effect.acquireRelease(
            Effect.sync(() => watchers++),
            () => Effect.sync(() => watchers--)
          )
          // Subscribed before the kept ones are read, so that nothing falls between the two.
          const live = yield* Stream.fromPubSub(hub, { scoped: true })
          const missed = recent(after)
          let seen = missed.at(-1)?.id ?? Math.min(after, last)
          /** Ids are dense, so a gap is what the watcher was too slow for. */
          const isNews = ({ id }: FeedEvent): boolean => {
            if (id <= seen) return false
            if (id > seen + 1) OrchestrationMetrics.missedByWatcher(id - seen - 1)
            seen = id
            return true
          }
          return Stream.concat(Stream.fromChunk(Chunk.fromIterable(missed)), Stream.filter(live, isNews))
        })
      )
  })
})

export const layer: Layer.Layer<EventFeed, never, StateStore> = Layer.effect(EventFeed, make)
