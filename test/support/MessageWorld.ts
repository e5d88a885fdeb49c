/** The event processor over the memory driver alone, with a handler that a test scripts. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as EventProcessor from "../../src/stores/EventProcessor.ts"
import { makeMemoryBackend, type MemoryBackend } from "../../src/stores/MemoryBackend.ts"
import * as MemoryDriver from "../../src/stores/MemoryDriver.ts"
import type { Reply } from "../../src/stores/messages/Message.ts"
import {
  type HandlerError,
  layerEffect,
  layerNone,
  type MessageRequest
} from "../../src/stores/messages/MessageHandler.ts"
import * as MessageLedger from "../../src/stores/messages/MessageLedger.ts"
import * as StoreManager from "../../src/stores/StoreManager.ts"
import { eventNames } from "../../src/stores/workspaceEvents.ts"
import { ledgerInMemory } from "./State.ts"

type Ledger = Context.Tag.Service<typeof MessageLedger.MessageLedger>

/** What outlives a life of the server: the backend's histories, and the ledger. */
export interface Durable {
  readonly backend: MemoryBackend
  readonly ledger: Ledger
}

/** The ledger's database is not closed: it ends with the test's process. */
export const makeDurable = Effect.map(
  Effect.flatMap(Scope.make(), (forever) => Layer.buildWithScope(Layer.fresh(ledgerInMemory), forever)),
  (context): Durable => ({
    backend: makeMemoryBackend(),
    ledger: Context.get(context, MessageLedger.MessageLedger)
  })
)

export type Handle = (request: MessageRequest) => Effect.Effect<Reply | null, HandlerError>

/** Answers with the message's content in capitals. */
export const shout: Handle = ({ message }) => Effect.succeed({ content: message.content.toUpperCase() })

export interface Life {
  readonly processor: Context.Tag.Service<typeof EventProcessor.EventProcessor>
  readonly manager: Context.Tag.Service<typeof StoreManager.StoreManager>
  /** Opens the store, or opens it afresh, and follows it. */
  readonly monitor: (storeId: string) => Effect.Effect<void>
  /** Ends this life as a shutdown would. */
  readonly end: Effect.Effect<void>
}

/** A life of the server on what is durable. `handle` null: messages are only counted. */
export const begin = (
  durable: Durable,
  handle: Handle | null,
  options: Partial<EventProcessor.Options> = {}
): Effect.Effect<Life, never, Scope.Scope> =>
  Effect.gen(function* () {
    const scope = yield* Effect.flatMap(Effect.scope, (parent) => Scope.fork(parent, { _tag: "Sequential" }))
    const context = yield* Layer.buildWithScope(
      EventProcessor.layer({ shutdownGraceMs: 0, ...options }).pipe(
        Layer.provideMerge(StoreManager.layer({ openTimeoutMs: 30_000 })),
        Layer.provide(MemoryDriver.layer({ openMs: 0, backend: durable.backend })),
        Layer.provide(Layer.succeed(MessageLedger.MessageLedger, durable.ledger)),
        Layer.provide(handle === null ? layerNone : layerEffect("test", handle))
      ),
      scope
    )
    const processor = Context.get(context, EventProcessor.EventProcessor)
    const manager = Context.get(context, StoreManager.StoreManager)
    return {
      processor,
      manager,
      monitor: (storeId) =>
        manager.addStore(storeId).pipe(Effect.orDie, Effect.zipRight(processor.startMonitoring(storeId))),
      end: Scope.close(scope, Exit.void)
    }
  })

export interface Said {
  readonly id: string
  readonly conversationId?: string
  readonly content?: string
}

/** A client says something. */
export const say = ({ backend }: Durable, storeId: string, ...messages: ReadonlyArray<Said>): void => {
  for (const { content, conversationId = "talk", id } of messages) {
    backend.write(storeId, {
      name: eventNames.userMessageSent,
      args: { id, conversationId, content: content ?? `say ${id}`, createdAt: new Date(0) }
    })
  }
}

/** Somebody else's answer. */
export const answer = ({ backend }: Durable, storeId: string, replyTo: string): void =>
  backend.write(storeId, {
    name: eventNames.assistantMessageSent,
    args: {
      id: `by-other-${replyTo}`,
      conversationId: "talk",
      replyTo,
      content: "other",
      createdAt: new Date(0)
    }
  })

export interface Answered {
  readonly id: string
  readonly replyTo: string
  readonly content: string
}

const isAnswered = (args: unknown): args is Answered =>
  typeof args === "object" && args !== null && "replyTo" in args

/** The answers in the store's confirmed history, in order. */
export const answers = ({ backend }: Durable, storeId: string): ReadonlyArray<Answered> =>
  backend.history(storeId).flatMap(({ args }) => (isAnswered(args) ? [args] : []))

/** The ids of the messages that were answered, in order. */
export const answered = (durable: Durable, storeId: string): ReadonlyArray<string> =>
  answers(durable, storeId).map(({ replyTo }) => replyTo)
