/**
 * Discord's interactions as far as we take part: what it sends, and what it takes for an answer.
 */
import * as Schema from "effect/Schema"

/** The id of a user, a channel, an application: up to 64 bits, in decimal. */
const Snowflake = Schema.String.pipe(Schema.pattern(/^\d{1,20}$/)).annotations({
  description: "an id of Discord: up to 20 digits"
})

const PING = 1
const APPLICATION_COMMAND = 2
const PONG = 1
const CHANNEL_MESSAGE = 4
/** Only who asked sees the answer. */
const EPHEMERAL = 64

const shortText = (maxLength: number) =>
  Schema.String.pipe(Schema.maxLength(maxLength)).annotations({
    description: `a text of at most ${maxLength} characters`
  })

/** Discord's own limits are 32 for a name and 6,000 for a text. */
const Name = shortText(64)
const MAX_VALUE_LENGTH = 6_000

/** A value that is no text is one of a command that is not ours. */
const Argument = Schema.Struct({
  name: Name,
  value: Schema.optional(Schema.Union(shortText(MAX_VALUE_LENGTH), Schema.Number, Schema.Boolean))
})

const Subcommand = Schema.Struct({ ...Argument.fields, options: Schema.optional(Schema.Array(Argument)) })

export const CommandData = Schema.Struct({ name: Name, options: Schema.optional(Schema.Array(Subcommand)) })
export type CommandData = typeof CommandData.Type

const User = Schema.Struct({ id: Snowflake })

/** How an answer may follow later; `token` opens nothing else, and is kept out of every log. */
const followUp = {
  application_id: Snowflake,
  // Never a dot in front: it becomes a segment of a path.
  token: Schema.String.pipe(Schema.pattern(/^[\w=-][\w.=-]{0,1999}$/)).annotations({
    description: "the interaction's token"
  })
}

const Command = Schema.Struct({
  type: Schema.Literal(APPLICATION_COMMAND),
  ...followUp,
  channel_id: Schema.optional(Snowflake),
  /** In a server of Discord's; elsewhere it is `user`. */
  member: Schema.optional(Schema.Struct({ user: User })),
  user: Schema.optional(User),
  data: CommandData
}).annotations({ identifier: "DiscordCommand", description: "an application command" })
export type Command = typeof Command.Type

const Ping = Schema.Struct({ type: Schema.Literal(PING) }).annotations({
  identifier: "DiscordPing",
  description: "a ping"
})

export const Interaction = Schema.Union(Ping, Command).annotations({
  identifier: "DiscordInteraction",
  description: "a ping or an application command of Discord"
})

export const isPing = (interaction: typeof Interaction.Type): interaction is typeof Ping.Type =>
  interaction.type === PING

const Pong = Schema.Struct({ type: Schema.Literal(PONG) }).annotations({ identifier: "DiscordPong" })
const Message = Schema.Struct({
  type: Schema.Literal(CHANNEL_MESSAGE),
  data: Schema.Struct({
    content: Schema.String,
    flags: Schema.Int,
    allowed_mentions: Schema.Struct({ parse: Schema.Array(Schema.String) })
  })
}).annotations({ identifier: "DiscordMessage" })
export const Answer = Schema.Union(Pong, Message)

export const pong: typeof Pong.Type = { type: PONG }

/** A message that only its reader sees and that mentions nobody. */
export const messageData = (content: string): (typeof Message.Type)["data"] => ({
  content,
  flags: EPHEMERAL,
  allowed_mentions: { parse: [] }
})

export const message = (content: string): typeof Message.Type => ({
  type: CHANNEL_MESSAGE,
  data: messageData(content)
})
