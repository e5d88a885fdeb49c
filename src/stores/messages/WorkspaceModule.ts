/**
 * A team's own schema and handler: an ES module that `WORKSPACE_MODULE` names. What it exports is checked when it is
 * loaded, so that a mistake stops the start and not the first message.
 */
import type { LiveStoreSchema } from "@livestore/livestore"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import { resolve } from "node:path"
import { pathToFileURL } from "node:url"
import { eventNames } from "../workspaceEvents.ts"
import { textOfThrown } from "./GuardedVocabulary.ts"
import { Reply } from "./Message.ts"
import { HandlerError, type MessageRequest } from "./MessageHandler.ts"
import { type Vocabulary, workspaceVocabulary } from "./Vocabulary.ts"

/**
 * What a module's handler may be: an Effect or a promise, or the value at once, of an answer (`{ content }`, or just the
 * text), or of null or undefined where none is due.
 */
export type ModuleHandler = (request: MessageRequest) => unknown

export interface WorkspaceModule {
  readonly schema: LiveStoreSchema
  readonly vocabulary: Vocabulary
  /** None: messages are handled by what the configuration names, or only counted. */
  readonly handle: Option.Option<(request: MessageRequest) => Effect.Effect<Reply | null, HandlerError>>
}

/** The module cannot be used. */
export class WorkspaceModuleError extends Schema.TaggedError<WorkspaceModuleError>()("WorkspaceModuleError", {
  path: Schema.String,
  /** What is wrong with it, in words that complete "it …". */
  problem: Schema.String
}) {
  override get message(): string {
    return `${this.path} ${this.problem}`
  }
}

const isFunction = (value: unknown): value is (...args: ReadonlyArray<unknown>) => unknown =>
  typeof value === "function"
/** The duck's feet: a schema made by another copy of LiveStore is one too. */
const isSchema = (value: unknown): value is LiveStoreSchema =>
  Predicate.hasProperty(value, "eventsDefsMap") &&
  value.eventsDefsMap instanceof Map &&
  Predicate.hasProperty(value, "state")
const isVocabulary = (value: unknown): value is Vocabulary =>
  Predicate.isRecord(value) &&
  isFunction(value["userMessage"]) &&
  isFunction(value["answeredMessage"]) &&
  isFunction(value["answer"])

const Answered = Schema.NullishOr(Schema.Union(Schema.String, Reply))
const decodeAnswered = Schema.decodeUnknown(Answered)

const failed = (message: string) => new HandlerError({ reason: "failed", message })

/** Makes an Effect of whatever a team has written; its failures are the handler's, never ours. */
export const adapt =
  (handler: ModuleHandler) =>
  (request: MessageRequest): Effect.Effect<Reply | null, HandlerError> => {
    const settled = Effect.flatMap(
      Effect.suspend(() => Effect.succeed(handler(request))),
      (value): Effect.Effect<unknown, unknown> =>
        isEffect(value)
          ? value
          : Predicate.isPromiseLike(value)
            ? Effect.tryPromise({ try: () => value, catch: (cause) => cause })
            : Effect.succeed(value)
    )
    const answered = Effect.flatMap(settled, (value) =>
      decodeAnswered(value).pipe(
        Effect.mapError(() => new Error("the handler's answer is neither a text nor { content } nor null")),
        Effect.map((answer) => (typeof answer === "string" ? { content: answer } : (answer ?? null)))
      )
    )
    // Whatever it throws, and wherever: in the handler, in its Effect, in a getter of what it returned.
    return Effect.catchAllCause(answered, (cause) =>
      Cause.isInterruptedOnly(cause)
        ? Effect.interrupt
        : Effect.fail(failed(textOfThrown(Cause.squash(cause))))
    )
  }

/** An Effect that needs nothing: what a module provides itself, it has provided. */
const isEffect = (value: unknown): value is Effect.Effect<unknown, unknown> => Effect.isEffect(value)

/** Loads the module at `path`, which is relative to the working directory. */
export const load = (path: string): Effect.Effect<WorkspaceModule, WorkspaceModuleError> =>
  Effect.gen(function* () {
    const wrong = (problem: string) => new WorkspaceModuleError({ path, problem })
    const loaded: unknown = yield* Effect.tryPromise({
      try: () => import(pathToFileURL(resolve(path)).href),
      catch: (cause) => wrong(`cannot be loaded: ${textOfThrown(cause)}`)
    })
    if (!Predicate.isRecord(loaded)) return yield* wrong("is not an ES module")
    const { handler, messages, schema } = loaded
    if (!isSchema(schema)) return yield* wrong("does not export a LiveStore schema as `schema`")
    if (handler !== undefined && !isFunction(handler)) {
      return yield* wrong("exports a `handler` that is not a function")
    }
    if (messages !== undefined && !isVocabulary(messages)) {
      return yield* wrong(
        "exports `messages` without one of the functions userMessage, answeredMessage and answer"
      )
    }
    const needed = [eventNames.userMessageSent, eventNames.assistantMessageSent]
    const missing = needed.filter((name) => !schema.eventsDefsMap.has(name))
    if (messages === undefined && missing.length > 0) {
      return yield* wrong(
        `has a schema without ${missing.join(" and ")}: export \`messages\` to say what its user messages are`
      )
    }
    return {
      schema,
      vocabulary: messages ?? workspaceVocabulary,
      handle: Option.map(Option.fromNullable(handler), adapt)
    }
  })
