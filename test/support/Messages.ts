/** Messages of other live clients, and what the histories of the stores say became of them. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { OpenStore, StoreEvent } from "../../src/stores/StoreDriver.ts"
import { workspaceVocabulary } from "../../src/stores/messages/Vocabulary.ts"
import { eventNames } from "../../src/stores/workspaceEvents.ts"
import type { Client, Opened } from "../integration/stores/LiveStoreHarness.ts"

/** A live client that writes, as a browser does that is never told to give up. */
export interface Writer {
  /** Writes the messages one after the other, each until it is confirmed. */
  readonly write: (
    messages: ReadonlyArray<Message>,
    pauseMs?: () => number,
    onWritten?: () => void
  ) => Promise<void>
  /** How often its store had to be opened afresh. */
  readonly reopened: () => number
  readonly close: () => Promise<void>
}

export interface Message {
  readonly id: string
  readonly conversationId: string
}

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
/** Between two attempts of a client. */
const RETRY_MS = 100

export const makeWriter = (client: Client, storeId: string): Writer => {
  let opened: Opened | undefined
  let opens = 0
  const store = async (): Promise<Opened> => {
    if (opened !== undefined && opened.deaths.length === 0) return opened
    await opened?.close()
    opened = await client.open(storeId)
    opens += 1
    return opened
  }
  const isWritten = async ({ conversationId, id }: Message): Promise<boolean> => {
    const current = await store().catch(() => undefined)
    if (current === undefined) return false
    const exit = await Effect.runPromiseExit(
      current.store.commit({
        name: eventNames.userMessageSent,
        args: { id, conversationId, content: `say ${id}`, createdAt: new Date() }
      })
    )
    if (exit._tag === "Success") return true
    // Two writers of one store can kill it (field notes); what was not confirmed is written again with the same id.
    await current.close()
    opened = undefined
    return false
  }
  return {
    write: async (messages, pauseMs = () => 0, onWritten = () => {}) => {
      for (const message of messages) {
        while (!(await isWritten(message))) await sleep(RETRY_MS)
        onWritten()
        await sleep(pauseMs())
      }
    },
    reopened: () => opens - 1,
    close: async () => opened?.close()
  }
}

/** What one store's history says. */
export interface Tally {
  /** Distinct user messages. */
  readonly messages: ReadonlySet<string>
  /** The distinct answers to each message. */
  readonly answers: ReadonlyMap<string, ReadonlySet<string>>
  /** Events that only repeat an answer that is there already: they change nothing. */
  readonly repeatedEvents: number
  /** The messages of each conversation in the order in which they were first written, and were first answered. */
  readonly order: ReadonlyMap<string, { readonly sent: Array<string>; readonly answered: Array<string> }>
}

const idOf = (args: unknown): string =>
  typeof args === "object" && args !== null && "id" in args ? String(args.id) : ""

const PAGE = 1_000

const wholeHistory = async (store: OpenStore): Promise<ReadonlyArray<StoreEvent>> => {
  const all: Array<StoreEvent> = []
  for (;;) {
    const since = Option.fromNullable(all.at(-1)?.cursor)
    const page = await Effect.runPromise(store.read(since, PAGE))
    if (page.length === 0) return all
    all.push(...page)
  }
}

const tally = async (store: OpenStore): Promise<Tally> => {
  const messages = new Map<string, string>()
  const answers = new Map<string, Set<string>>()
  const order = new Map<string, { readonly sent: Array<string>; readonly answered: Array<string> }>()
  let repeatedEvents = 0
  for (const event of await wholeHistory(store)) {
    const message = workspaceVocabulary.userMessage(event)
    if (message !== undefined && !messages.has(message.id)) {
      messages.set(message.id, message.conversationId)
      const conversation = order.get(message.conversationId) ?? { sent: [], answered: [] }
      order.set(message.conversationId, conversation)
      conversation.sent.push(message.id)
    }
    const replyTo = workspaceVocabulary.answeredMessage(event)
    if (replyTo === undefined) continue
    const known = answers.get(replyTo)
    if (known === undefined) {
      answers.set(replyTo, new Set([idOf(event.args)]))
      order.get(messages.get(replyTo) ?? "")?.answered.push(replyTo)
    } else if (known.has(idOf(event.args))) repeatedEvents += 1
    else known.add(idOf(event.args))
  }
  return { messages: new Set(messages.keys()), answers, repeatedEvents, order }
}

/**
 * What the history of a store says once it says what `isWhole` wants, or after `withinMs`. The observing store may die as
 * any other does, and is then opened afresh.
 */
export const observe = async (
  client: Client,
  storeId: string,
  isWhole: (seen: Tally) => boolean,
  withinMs: number
): Promise<Tally> => {
  const deadline = performance.now() + withinMs
  let opened = await client.open(storeId)
  try {
    for (;;) {
      const seen = await tally(opened.store).catch(() => undefined)
      if (seen !== undefined && (isWhole(seen) || performance.now() > deadline)) return seen
      if (opened.deaths.length > 0) {
        await opened.close()
        opened = await client.open(storeId)
      }
      await sleep(RETRY_MS)
    }
  } finally {
    await opened.close()
  }
}

/** Whether every conversation was answered in the order in which it was written. */
export const isInOrder = ({ order }: Tally): boolean =>
  [...order.values()].every(({ answered, sent }) => answered.join() === sent.join())
