/** The server dies at random moments, over and over, and sometimes its state with it. */
import * as Effect from "effect/Effect"
import * as TestClock from "effect/TestClock"
import * as TestContext from "effect/TestContext"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { HandlerError } from "../../../../src/stores/messages/MessageHandler.ts"
import {
  answered,
  begin,
  type Durable,
  type Handle,
  makeDurable,
  say
} from "../../../support/MessageWorld.ts"

const STORES = ["ws-a", "ws-b"]
const CONVERSATIONS = 3
/** Between what a life does to what is durable: where it may die. */
const STEP = "3 millis"

/** A life's own view of what is durable: from its death on nothing that it does has an effect. */
const mortal = (durable: Durable): { readonly seen: Durable; readonly die: () => void } => {
  let isDead = false
  const step = <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, E> =>
    Effect.sleep(STEP).pipe(
      Effect.zipRight(Effect.suspend(() => (isDead ? Effect.never : effect))),
      Effect.zipLeft(Effect.sleep(STEP))
    )
  const { backend, ledger } = durable
  return {
    seen: {
      backend,
      ledger: {
        ...ledger,
        write: (storeId, change) => step(ledger.write(storeId, change)),
        prune: (storeId, keep) => step(ledger.prune(storeId, keep))
      }
    },
    die: () => {
      isDead = true
    }
  }
}

/** Numbers from 0 to 99 that a seed replays. */
const percentiles = (seed: number) => {
  let state = seed
  return (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return (state >>> 16) % 100
  }
}

const life = fc.record({
  /** Messages that clients write before it begins. */
  written: fc.integer({ min: 0, max: 12 }),
  livesMs: fc.integer({ min: 1, max: 120 }),
  losesState: fc.boolean()
})

describe("every user message", () => {
  it("is answered once and in order, whenever the server dies", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(life, { minLength: 1, maxLength: 5 }), fc.nat(), async (lives, seed) => {
        const roll = percentiles(seed)
        const program = Effect.gen(function* () {
          let durable = yield* makeDurable
          const sent = new Map<string, Array<string>>()
          const keys = new Map<string, Set<string>>()
          let count = 0
          const write = () => {
            const storeId = STORES[roll() % STORES.length] ?? ""
            const conversationId = `talk-${roll() % CONVERSATIONS}`
            const id = `m${count++}`
            say(durable, storeId, { id, conversationId })
            sent.set(`${storeId} ${conversationId}`, [
              ...(sent.get(`${storeId} ${conversationId}`) ?? []),
              id
            ])
          }
          const handle: Handle = ({ idempotencyKey, message, storeId }) =>
            Effect.suspend(() => {
              const name = `${storeId} ${message.id}`
              keys.set(name, (keys.get(name) ?? new Set()).add(idempotencyKey))
              return roll() < 10
                ? Effect.fail(new HandlerError({ reason: "failed", message: "now and then" }))
                : Effect.delay(Effect.succeed({ content: "yes" }), roll() % 10)
            })
          const run = (seen: Durable) =>
            Effect.tap(
              begin(seen, handle, {
                maxOpen: 5,
                maxAttempts: 100,
                backoff: { baseMs: 5, maxMs: 20, jitter: 0 }
              }),
              ({ monitor }) => Effect.forEach(STORES, monitor, { discard: true })
            )

          for (const { livesMs, losesState, written } of lives) {
            for (let index = 0; index < written; index++) write()
            const { die, seen } = mortal(durable)
            const { end } = yield* run(seen)
            yield* TestClock.adjust(livesMs)
            die()
            yield* end
            if (losesState) durable = { backend: durable.backend, ledger: (yield* makeDurable).ledger }
          }
          const last = yield* run(durable)
          yield* TestClock.adjust(3_000)

          for (const storeId of STORES) {
            const replies = answered(durable, storeId)
            expect(new Set(replies).size).toBe(replies.length)
            for (const [name, ids] of sent) {
              if (!name.startsWith(`${storeId} `)) continue
              expect(replies.filter((id) => ids.includes(id))).toEqual(ids)
            }
          }
          for (const said of keys.values()) expect(said.size).toBe(1)
          expect(last.processor.totals()).toMatchObject({
            userMessages: count,
            processedUserMessages: count,
            pendingUserMessages: 0,
            parkedUserMessages: 0
          })
        })
        await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(TestContext.TestContext)))
      }),
      { numRuns: 12 }
    )
  }, 60_000)
})
