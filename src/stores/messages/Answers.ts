/**
 * Commits answers, one after the other, each confirmed by the backend before it counts. Called by who has the store in
 * hand (law 2), right after its history has been read to the end: what is answered there already is not committed again.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { StoreDied, type OpenStore } from "../StoreDriver.ts"
import { type Followed, type Recorder } from "./FollowedStore.ts"
import { textOfThrown } from "./GuardedVocabulary.ts"
import { answerIdOf, type Reply } from "./Message.ts"
import type { LedgerRow } from "./MessageLedger.ts"
import type { Failures } from "./Failures.ts"
import type { Vocabulary } from "./Vocabulary.ts"

export interface AnswersOptions {
  readonly record: Recorder
  readonly vocabulary: Vocabulary
  readonly failures: Failures
}

/** Commits of one store before the next store has its turn. */
const COMMITS_PER_TURN = 10
/** A commit that is unconfirmed for so long, with a connection, will never be: only a new store helps. */
const UNCONFIRMED_LIMIT_MS = 60_000

export const makeAnswers = ({ failures, record, vocabulary }: AnswersOptions) => {
  const commit = (one: Followed, store: OpenStore, row: LedgerRow, reply: Reply) =>
    Effect.gen(function* () {
      const committed = yield* Effect.try({
        try: () =>
          vocabulary.answer({
            id: answerIdOf(row.messageId),
            replyTo: row.messageId,
            conversationId: row.conversationId,
            reply,
            createdAt: new Date(row.at)
          }),
        catch: (thrown) => ({ reason: "invalid" as const, message: textOfThrown(thrown) })
      }).pipe(
        Effect.flatMap((event) => store.commit(event)),
        // What the module's schema throws when it encodes, or its materializer when it writes.
        Effect.catchAllDefect((defect) =>
          Effect.fail({ reason: "invalid" as const, message: textOfThrown(defect) })
        ),
        Effect.either
      )
      if (Either.isRight(committed)) {
        yield* record(one, {
          processed: 1,
          rows: [{ ...row, state: "done", reply: null, since: null, at: yield* Clock.currentTimeMillis }]
        })
        return true
      }
      const { message, reason } = committed.left
      if (reason === "invalid") {
        // The answer does not fit the schema: the handler has to give another one.
        yield* failures.note(one, { ...row, reply: null }, { reason: "failed", message })
        one.backlog?.release(row.conversationId)
        return true
      }
      // It may still arrive. Only the history tells, once nothing is unconfirmed any more.
      one.isCaughtUp = false
      return false
    })

  return {
    /** False when an answer waits for the confirmation of an earlier commit. */
    commitSome: (one: Followed, store: OpenStore) =>
      Effect.gen(function* () {
        for (const row of (one.backlog?.handled() ?? []).slice(0, COMMITS_PER_TURN)) {
          if (row.reply !== null && !(yield* commit(one, store, row, row.reply))) return false
        }
        return true
      }),
    /** Whether a commit of ours still waits for the backend; `StoreDied` when it has waited for too long. */
    isUnconfirmed: (one: Followed, store: OpenStore) =>
      Effect.gen(function* () {
        if (store.syncStatus().pendingCount === 0 || !store.connectivity().isConnected) {
          one.unconfirmedSince = null
          return store.syncStatus().pendingCount > 0
        }
        const now = yield* Clock.currentTimeMillis
        one.unconfirmedSince ??= now
        if (now - one.unconfirmedSince < UNCONFIRMED_LIMIT_MS) return true
        one.unconfirmedSince = null
        return yield* new StoreDied({
          storeId: one.storeId,
          reason: "processor",
          message: `A commit has not been confirmed for ${UNCONFIRMED_LIMIT_MS} ms`
        })
      })
  }
}
