/** User messages, and the foreign code that handles them: each broken in one way. */

const foreignCode = [
  { file: "test/unit/stores/messages/ForeignCode.test.ts", name: "a module that throws" },
  { file: "test/unit/stores/messages/ForeignCode.test.ts", name: "a module's handler" }
]

export const messages = [
  {
    part: "messages",
    title: "a team's module is called without a guard",
    file: "src/stores/EventProcessor.ts",
    from: `guard(options.vocabulary ?? workspaceVocabulary)`,
    to: `options.vocabulary ?? workspaceVocabulary`,
    tests: foreignCode
  },
  {
    part: "messages",
    title: "an error without a text ends the attempt with a defect",
    file: "src/stores/messages/GuardedVocabulary.ts",
    from: `    return "something that has no text"`,
    to: `    throw thrown`,
    tests: foreignCode
  },
  {
    part: "messages",
    title: "a message that could be read at last keeps its place as its id",
    file: "src/stores/messages/Attempts.ts",
    from: `if (message.id !== row.messageId) return`,
    to: `if (message.id === "") return`,
    tests: foreignCode
  }
]
