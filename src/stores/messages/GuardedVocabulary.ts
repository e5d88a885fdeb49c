/**
 * A team's vocabulary is foreign code: it may throw, return a promise or garbage, or an object whose getters throw. Behind
 * this guard it cannot: each call ends with a value of the right shape. What goes wrong is a fault of that one message,
 * which is retried, parked and shown like any other failure; the store lives, and so do its other messages.
 */
import * as Predicate from "effect/Predicate"
import type { StoreCommit, StoreEvent } from "../StoreDriver.ts"
import type { UserMessage } from "./Message.ts"
import type { Answer, Vocabulary } from "./Vocabulary.ts"

/** How much of a foreign error's text is kept, in characters. */
const MAX_FAULT_LENGTH = 300
/** An id is a key of the ledger: longer ones, in characters, are a mistake of the module. */
const MAX_ID_LENGTH = 1_000

const UNREADABLE = "unreadable-"

/** The id under which a message is kept whose own id cannot be read: its place in the history. */
export const unreadableIdOf = ({ cursor }: Pick<StoreEvent, "cursor">): string => `${UNREADABLE}${cursor}`
export const isUnreadableId = (messageId: string): boolean => messageId.startsWith(UNREADABLE)

/** The text of anything that was thrown. Never throws, whatever that is. */
export const textOfThrown = (thrown: unknown): string => {
  try {
    const text = thrown instanceof Error ? thrown.message : String(thrown)
    return (typeof text === "string" ? text : typeof text).slice(0, MAX_FAULT_LENGTH)
  } catch {
    // A message whose getter throws, or an object without a prototype.
    return "something that has no text"
  }
}

class Mismatch extends Error {}

const idOf = (value: unknown, field: string): string => {
  if (typeof value !== "string" || value === "" || value.length > MAX_ID_LENGTH) {
    throw new Mismatch(`${field} must be a text of 1 to ${MAX_ID_LENGTH} characters`)
  }
  return value
}

const messageOf = (value: unknown): UserMessage | undefined => {
  if (value === undefined || value === null) return undefined
  if (!Predicate.isRecord(value)) throw new Mismatch("it must return an object or undefined")
  if (Predicate.isPromiseLike(value)) throw new Mismatch("it must not return a promise")
  // Each field is read once: a getter may answer differently, or throw, the next time.
  const { args, content, conversationId, id, sentAt } = value
  if (typeof content !== "string") throw new Mismatch("content must be a text")
  const isTime = typeof sentAt === "number" && Number.isFinite(sentAt)
  return {
    id: idOf(id, "id"),
    conversationId: idOf(conversationId, "conversationId"),
    content,
    sentAt: isTime ? Math.round(sentAt) : null,
    args
  }
}

const answeredOf = (value: unknown): string | undefined =>
  value === undefined || value === null ? undefined : idOf(value, "the answered message's id")

const commitOf = (value: unknown): StoreCommit => {
  if (!Predicate.isRecord(value)) throw new Mismatch("it must return { name, args }")
  const { args, name } = value
  if (typeof name !== "string" || name === "") throw new Mismatch("name must be the name of an event")
  return { name, args }
}

/** The guarded vocabulary throws in one case only: `answer`, with an error whose text is safe to show. */
export const guard = (vocabulary: Vocabulary): Vocabulary => {
  const fault = (call: string, thrown: unknown): string => `messages.${call}: ${textOfThrown(thrown)}`
  return {
    userMessage: (event) => {
      try {
        return messageOf(vocabulary.userMessage(event))
      } catch (thrown) {
        const id = unreadableIdOf(event)
        // A conversation of its own: it holds up no other message.
        return {
          id,
          conversationId: id,
          content: "",
          sentAt: null,
          args: null,
          fault: fault("userMessage", thrown)
        }
      }
    },
    answeredMessage: (event) => {
      try {
        return answeredOf(vocabulary.answeredMessage(event))
      } catch {
        // It answers nothing that this module can name. A message that it should have named is handled once more at most:
        // the answer's own id is a function of the message, so that the commit changes nothing.
        return undefined
      }
    },
    answer: (answer: Answer) => {
      try {
        return commitOf(vocabulary.answer(answer))
      } catch (thrown) {
        throw new Error(fault("answer", thrown))
      }
    }
  }
}
