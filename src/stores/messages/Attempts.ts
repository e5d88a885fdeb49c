/**
 * One attempt to handle the oldest message of a conversation. It is claimed in the ledger first and settled there after:
 * a crash in between repeats it with the same idempotency key.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import { monotonicMs } from "../../controller/Elapsed.ts"
import type { Spans } from "../../telemetry/Tracing.ts"
import type { OpenStore } from "../StoreDriver.ts"
import type { Failures } from "./Failures.ts"
import { type Figures, type Followed, type Recorder, untilStopped } from "./FollowedStore.ts"
import { isUnreadableId } from "./GuardedVocabulary.ts"
import { idempotencyKeyOf, type Reply, type UserMessage } from "./Message.ts"
import { HandlerError, type MessageRequest } from "./MessageHandler.ts"
import type { LedgerRow, MessageLedger } from "./MessageLedger.ts"
import * as MessageMetrics from "./MessageMetrics.ts"
import type { Vocabulary } from "./Vocabulary.ts"

export interface AttemptsOptions {
  readonly record: Recorder
  readonly find: (typeof MessageLedger)["Service"]["find"]
  readonly figures: Figures
  readonly failures: Failures
  readonly vocabulary: Vocabulary
  readonly handle: (request: MessageRequest) => Effect.Effect<Reply | null, HandlerError>
  readonly spans: Spans
  readonly timeoutMs: number
}

/** What an attempt came to, in the handler's own words or ours. */
type Outcome =
  | { readonly _tag: "Replied"; readonly reply: Reply | null }
  | { readonly _tag: "Failed"; readonly error: HandlerError }
  | { readonly _tag: "Stopped" }

/** How long a store waits when the breaker does not say. */
const REFUSED_RETRY_MS = 1_000

export const makeAttempts = (options: AttemptsOptions) => {
  const { failures, figures, find, handle, record, spans, timeoutMs, vocabulary } = options

  /** The message as the history has it; undefined when it is no longer there. */
  const read = (row: LedgerRow, store: OpenStore) =>
    Effect.map(store.read(Option.fromNullable(row.since), 1), ([event]) => {
      const message = event === undefined ? undefined : vocabulary.userMessage(event)
      const isIt = message?.id === row.messageId || isUnreadableId(row.messageId)
      return isIt ? message : undefined
    })

  /** The module could not say what this message is. It is asked again at each attempt: a mended module may. */
  const unreadable = (one: Followed, row: LedgerRow, message: string, now: number) => {
    figures.noteAttempt(true)
    return Effect.as(
      failures.note(one, { ...row, attempts: row.attempts + 1, at: now }, { reason: "failed", message }),
      false
    )
  }

  /** A message that could not be read when it was taken in goes on under its own id. It has been counted already. */
  const readAtLast = (one: Followed, row: LedgerRow, message: UserMessage, now: number) =>
    Effect.gen(function* () {
      const { conversationId, id: messageId } = message
      // A client may have repeated its event, which then was handled meanwhile.
      const isKnown = (yield* find(one.storeId, [messageId])).has(messageId)
      const renamed: LedgerRow = {
        ...row,
        messageId,
        conversationId,
        state: "pending",
        nextAttemptAt: null,
        at: now
      }
      yield* record(one, {
        ...(isKnown ? { userMessages: -1 } : {}),
        rows: [{ ...row, state: "done", since: null, at: now }, ...(isKnown ? [] : [renamed])]
      })
      return false
    })

  const run = (one: Followed, row: LedgerRow, message: UserMessage): Effect.Effect<Outcome> => {
    const request: MessageRequest = {
      storeId: one.storeId,
      message,
      idempotencyKey: idempotencyKeyOf(one.storeId, row.messageId),
      attempt: row.attempts
    }
    const handled = spans.within(
      Effect.suspend(() => handle(request)),
      "message.handle",
      {
        root: true,
        kind: "consumer",
        attributes: {
          "workspace.id": one.storeId,
          "message.id": row.messageId,
          "message.attempt": row.attempts
        }
      }
    )
    const answered = handled.pipe(
      Effect.timeoutFail({
        duration: timeoutMs,
        onTimeout: () => new HandlerError({ reason: "timeout", message: `no answer within ${timeoutMs} ms` })
      }),
      Effect.map((reply): Outcome => ({ _tag: "Replied", reply })),
      Effect.catchAllCause((cause) => {
        if (Cause.isInterruptedOnly(cause)) return Effect.interrupt
        const error = Option.getOrElse(
          Cause.failureOption(cause),
          () => new HandlerError({ reason: "failed", message: "the handler has died of a defect" })
        )
        const outcome = Effect.succeed<Outcome>({ _tag: "Failed", error })
        return Cause.isDie(cause)
          ? Effect.zipRight(
              Effect.logError("message.handler_died", cause).pipe(
                Effect.annotateLogs({ storeId: one.storeId, messageId: row.messageId })
              ),
              outcome
            )
          : outcome
      })
    )
    return Effect.raceFirst(answered, Effect.as(untilStopped(one), { _tag: "Stopped" } as const))
  }

  const counted = <A, E, R>(one: Followed, effect: Effect.Effect<A, E, R>) =>
    Effect.acquireUseRelease(
      Effect.sync(() => {
        one.activeHandlers += 1
        figures.activeHandlers += 1
      }),
      () => effect,
      () =>
        Effect.sync(() => {
          one.activeHandlers -= 1
          figures.activeHandlers -= 1
        })
    )

  const measure = (outcome: Outcome, durationMs: number): void => {
    if (outcome._tag === "Stopped") return
    if (outcome._tag === "Replied") {
      MessageMetrics.attempted(outcome.reply === null ? "dismissed" : "answered", durationMs)
    } else {
      const { reason, refused } = outcome.error
      MessageMetrics.attempted(refused === true ? "refused" : reason, durationMs)
    }
  }

  /** Answers whether the conversation stays taken, until its answer is committed. */
  const settle = (one: Followed, claimed: LedgerRow, outcome: Outcome) =>
    Effect.gen(function* () {
      const row = one.backlog?.get(claimed.messageId)
      const now = yield* Clock.currentTimeMillis
      measure(outcome, now - claimed.at)
      // Answered by somebody else meanwhile, or the store is not followed any more.
      if (row === undefined || outcome._tag === "Stopped") return false
      if (outcome._tag === "Failed") {
        const { error } = outcome
        if (error.refused === true) {
          one.heldUntil = (yield* monotonicMs) + (error.retryAfterMs ?? REFUSED_RETRY_MS)
          yield* record(one, { rows: [{ ...row, state: "pending", attempts: row.attempts - 1 }] })
          return false
        }
        figures.noteAttempt(true)
        yield* failures.note(one, row, error)
        return false
      }
      figures.noteAttempt(false)
      if (outcome.reply === null) {
        yield* record(one, { processed: 1, rows: [{ ...row, state: "done", since: null, at: now }] })
        return false
      }
      yield* record(one, {
        rows: [{ ...row, state: "handled", reply: outcome.reply, lastError: null, at: now }]
      })
      return true
    })

  const attempt = (one: Followed, row: LedgerRow, store: OpenStore) =>
    Effect.gen(function* () {
      const message = yield* read(row, store)
      const now = yield* Clock.currentTimeMillis
      if (message === undefined) {
        yield* record(one, {
          processed: 1,
          rows: [{ ...row, state: "done", lastError: "no longer in the history", at: now }]
        })
        yield* Effect.logWarning("message.vanished").pipe(
          Effect.annotateLogs({ storeId: one.storeId, messageId: row.messageId })
        )
        return false
      }
      if (message.fault !== undefined) return yield* unreadable(one, row, message.fault, now)
      if (message.id !== row.messageId) return yield* readAtLast(one, row, message, now)
      const claimed: LedgerRow = { ...row, state: "handling", attempts: row.attempts + 1, at: now }
      yield* record(one, { rows: [claimed] })
      return yield* settle(one, claimed, yield* counted(one, run(one, claimed, message)))
    })

  return {
    /** Handles the conversation's oldest message. Whatever happens, the conversation is free again or has an answer. */
    handleOldest: (one: Followed, conversationId: string, store: OpenStore | undefined) =>
      Effect.suspend(() => {
        const row = one.backlog?.head(conversationId)
        return row === undefined || store === undefined ? Effect.succeed(false) : attempt(one, row, store)
      }).pipe(
        Effect.onExit((exit) =>
          Effect.sync(() => {
            if (!Exit.isSuccess(exit) || !exit.value) one.backlog?.release(conversationId)
          })
        )
      )
  }
}
