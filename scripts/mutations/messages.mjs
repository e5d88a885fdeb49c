/** User messages, and the foreign code that handles them: each broken in one way. */

const foreignCode = [
  { file: "test/unit/stores/messages/ForeignCode.test.ts", name: "a module that throws" },
  { file: "test/unit/stores/messages/ForeignCode.test.ts", name: "a module's handler" }
]

const columns = [
  { file: "test/unit/persistence/Column.test.ts", name: "a value in a column is read as it was written" }
]

export const messages = [
  {
    part: "messages",
    title: "a fraction is bound as it is",
    file: "src/persistence/Column.ts",
    from: `const rounded = Math.round(value)`,
    to: `const rounded = value`,
    tests: columns
  },
  {
    part: "messages",
    title: "a text ends at its first NUL",
    file: "src/persistence/Column.ts",
    from: `/[\\0\\ue000\\ud800-\\udfff]/gu`,
    to: `/[\\ue000\\ud800-\\udfff]/gu`,
    tests: columns
  },
  {
    part: "messages",
    title: "a backoff is a fraction of a millisecond",
    file: "src/controller/Backoff.ts",
    from: `return Math.ceil(ceiling * (1 - policy.jitter * random))`,
    to: `return ceiling * (1 - policy.jitter * random)`,
    tests: [{ file: "test/unit/controller/Backoff.test.ts", name: "Backoff stays within the jitter" }]
  },
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
