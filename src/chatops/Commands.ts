/**
 * The slash commands: what is registered with Discord, and what becomes of one that comes in.
 */
import * as Either from "effect/Either"
import type { CommandData } from "./Discord.ts"

/** The command that all others belong to. */
export const ROOT = "ws"

interface ArgumentSpec {
  readonly name: string
  readonly description: string
  readonly maxLength: number
  readonly takes: RegExp
}

interface Spec {
  readonly description: string
  /** Whether it changes something, so that it is for administrators only. */
  readonly writes: boolean
  readonly argument: ArgumentSpec | null
}

const read = (description: string, argument: ArgumentSpec | null = null): Spec => ({
  description,
  writes: false,
  argument
})
const write = (description: string, argument: ArgumentSpec | null = null): Spec => ({
  description,
  writes: true,
  argument
})

export const specs = {
  status: read("Whether the server is healthy and converged, and what is not as it should be"),
  diagnose: read("What would be done now, what is stuck, which circuits are open, which incidents stand"),
  stuck: read("The workspaces that have been out of place for long, the longest first"),
  explain: read("Why one workspace is as it is, and the next step", {
    name: "id",
    description: "the id of a workspace",
    maxLength: 64,
    takes: /^[a-zA-Z0-9][a-zA-Z0-9_-]{2,63}$/
  }),
  last: read("The last run of the loop, and the newest errors"),
  reconcile: write("Compare with the source of truth now"),
  pause: write("Pause the whole loop: what runs keeps running, nothing is opened or closed", {
    name: "reason",
    description: "why; it is shown wherever the pause is",
    maxLength: 200,
    takes: /\S/
  }),
  resume: write("Resume the whole loop, slowly at first"),
  approve: write("Let the removals of exactly this held plan pass the guard", {
    name: "hash",
    description: "the plan's hash, as diagnose shows it",
    maxLength: 64,
    takes: /^[0-9a-f]{8,64}$/
  })
} as const satisfies Record<string, Spec>

export type Verb = keyof typeof specs
export const verbs = Object.keys(specs).filter((name): name is Verb => name in specs)

/** A command of ours; `argument` is empty where it takes none. */
export interface Parsed {
  readonly verb: Verb
  readonly argument: string
}

/** What is wrong with a command, in words for who typed it, and without what was typed. */
export const parse = (
  data: CommandData
): Either.Either<Parsed, { readonly verb: Verb | null; readonly why: string }> => {
  const [sub] = data.options ?? []
  const verb = verbs.find((name) => data.name === ROOT && name === sub?.name)
  if (verb === undefined || sub === undefined) {
    return Either.left({ verb: null, why: `There is no such command; there are: ${verbs.join(", ")}.` })
  }
  const spec: Spec = specs[verb]
  if (spec.argument === null) return Either.right({ verb, argument: "" })
  const { description, maxLength, name, takes } = spec.argument
  const value = sub.options?.find((option) => option.name === name)?.value
  const text = typeof value === "string" ? value.trim() : ""
  return text.length <= maxLength && takes.test(text)
    ? Either.right({ verb, argument: text })
    : Either.left({ verb, why: `${verb} takes ${description}, of at most ${maxLength} characters.` })
}

/** Numbers of Discord's API. */
const CHAT_INPUT = 1
const SUBCOMMAND = 1
const TEXT = 3
/** In servers, where a channel can be allowed; not in private messages. */
const GUILD = 0

/** What `PUT /applications/<id>/commands` takes. */
export const registration = [
  {
    name: ROOT,
    type: CHAT_INPUT,
    description: "Look at the workspace orchestrator, and steer it",
    contexts: [GUILD],
    options: verbs.map((name) => {
      const { argument, description }: Spec = specs[name]
      return {
        type: SUBCOMMAND,
        name,
        description,
        ...(argument === null
          ? {}
          : {
              options: [
                {
                  type: TEXT,
                  name: argument.name,
                  description: argument.description,
                  required: true,
                  max_length: argument.maxLength
                }
              ]
            })
      }
    })
  }
]
