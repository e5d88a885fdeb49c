/** What operators may ask and do about user messages: which were given up, and what is to become of them. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { EventProcessor, type NotParked, type UnknownMessage } from "../stores/EventProcessor.ts"
import type { LedgerError, ParkedQuery } from "../stores/messages/MessageLedger.ts"
import { EventFeed } from "./EventFeed.ts"
import type { Actor } from "./Operations.ts"
import { StateStore } from "./StateStore.ts"

/** A message that was given up after too many failures. Its content is in its store only. Times are ISO 8601. */
export interface ParkedMessage {
  readonly storeId: string
  readonly messageId: string
  readonly conversationId: string
  readonly attempts: number
  readonly failures: number
  readonly lastError: string | null
  readonly parkedAt: string
}

/** `retry` handles it again as if it were new; `drop` gives it up for good. */
export type Decision = "retry" | "drop"

export class MessageAdministration extends Context.Tag(
  "workspace-orchestrator/orchestration/MessageAdministration"
)<
  MessageAdministration,
  {
    /** Parked messages, in the order of store and message ids. */
    readonly parked: (query: ParkedQuery) => Effect.Effect<ReadonlyArray<ParkedMessage>, LedgerError>
    /** Decides on a parked message. It is in the audit trail, refused or not. */
    readonly decide: (
      decision: Decision,
      storeId: string,
      messageId: string,
      actor: Actor
    ) => Effect.Effect<void, UnknownMessage | NotParked | LedgerError>
  }
>() {}

const actions = { retry: "message.retried", drop: "message.dropped" } as const

const make = Effect.gen(function* () {
  const processor = yield* EventProcessor
  const state = yield* StateStore
  const feed = yield* EventFeed

  return MessageAdministration.of({
    parked: (query) =>
      Effect.map(processor.parked(query), (rows) =>
        rows.map(({ at, attempts, conversationId, failures, lastError, messageId, storeId }) => ({
          storeId,
          messageId,
          conversationId,
          attempts,
          failures,
          lastError,
          parkedAt: new Date(at).toISOString()
        }))
      ),
    decide: (decision, storeId, messageId, actor) =>
      Effect.gen(function* () {
        const decided = yield* Effect.either(
          decision === "retry" ? processor.retry(storeId, messageId) : processor.drop(storeId, messageId)
        )
        const outcome =
          decided._tag === "Right" ? "succeeded" : decided.left._tag === "LedgerError" ? "failed" : "refused"
        const action = actions[decision]
        yield* state.audit.append({
          at: yield* Clock.currentTimeMillis,
          actor: actor.name,
          address: actor.address,
          action,
          subject: storeId,
          detail: messageId,
          outcome
        })
        yield* feed.publish({ type: action, storeId, message: `${actor.name}: ${messageId} (${outcome})` })
        yield* decided
      })
  })
})

export const layer: Layer.Layer<MessageAdministration, never, EventProcessor | StateStore | EventFeed> =
  Layer.effect(MessageAdministration, make)
