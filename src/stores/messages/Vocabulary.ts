/** How a schema writes down user messages and answers: the one thing that handling has to know of it. */
import * as Schema from "effect/Schema"
import type { StoreCommit, StoreEvent } from "../StoreDriver.ts"
import { AssistantMessageSent, eventNames, UserMessageSent } from "../workspaceEvents.ts"
import type { Reply, UserMessage } from "./Message.ts"

/** An answer that is to be written. */
export interface Answer {
  /** A function of `replyTo`: the schema's materializers must let the first of two win. */
  readonly id: string
  /** The id of the user message. */
  readonly replyTo: string
  readonly conversationId: string
  readonly reply: Reply
  /** When the handler answered; the same when the commit is repeated. */
  readonly createdAt: Date
}

export interface Vocabulary {
  /** The user message that the event is; undefined when it is something else. */
  readonly userMessage: (event: StoreEvent) => UserMessage | undefined
  /** The id of the user message that the event answers; undefined when it answers none. */
  readonly answeredMessage: (event: StoreEvent) => string | undefined
  /** The event that writes the answer. */
  readonly answer: (answer: Answer) => StoreCommit
}

const isUserMessage = Schema.is(UserMessageSent)
const isAssistantMessage = Schema.is(AssistantMessageSent)

/** The vocabulary of the built-in schema, and of every schema that has its events. */
export const workspaceVocabulary: Vocabulary = {
  userMessage: ({ args, name }) =>
    name === eventNames.userMessageSent && isUserMessage(args)
      ? {
          id: args.id,
          conversationId: args.conversationId,
          content: args.content,
          sentAt: args.createdAt.getTime(),
          args
        }
      : undefined,
  answeredMessage: ({ args, name }) =>
    name === eventNames.assistantMessageSent && isAssistantMessage(args) ? args.replyTo : undefined,
  answer: ({ conversationId, createdAt, id, reply, replyTo }) => ({
    name: eventNames.assistantMessageSent,
    args: { id, conversationId, replyTo, content: reply.content, createdAt }
  })
}
