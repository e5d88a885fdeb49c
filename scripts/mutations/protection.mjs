/**
 * What protects operators and the state from slips and from failures, each broken in one way. As in `mechanisms.mjs`.
 */

const test = (file, ...names) => names.map((name) => ({ file: `test/${file}.test.ts`, name }))

const input = test("integration/http/strictInput", "an input that the server does not take")

export const protection = [
  {
    part: "input",
    title: "a field that is not known is ignored",
    file: "src/http/RequestBody.ts",
    from: `return describeUnknown(Object.keys(value), { subject: SUBJECT, part: "field", known })`,
    to: `return undefined`,
    tests: input
  },
  {
    part: "input",
    title: "a parameter that is not known is ignored",
    file: "src/http/api/Query.ts",
    from: `call === "changes" || closest`,
    to: `closest`,
    tests: input
  },
  {
    part: "input",
    title: "the last of two equal fields counts",
    file: "src/http/JsonFields.ts",
    from: `if (seen.has(name)) return true`,
    to: ``,
    tests: test("unit/http/Suggestion", "a field that a JSON object has twice")
  },
  {
    part: "input",
    title: "a pause takes an id that is not known",
    file: "src/orchestration/AdministrationLayer.ts",
    from: `allowUnknown || known ?`,
    to: `allowUnknown || storeId !== "" ?`,
    tests: test("unit/orchestration/Operators", "a workspace that is not known")
  },
  {
    part: "configuration",
    title: "an empty secret file is as unset",
    file: "src/config.ts",
    from: `const [problems, read] = yield* Effect.partition(names, (name) => fileTextOf(env, name))`,
    to: `const [, read] = yield* Effect.partition(names, (name) => fileTextOf(env, name))
  const problems: ReadonlyArray<ConfigProblem> = []`,
    tests: test("unit/config", "the configuration the file of a secret")
  },
  {
    part: "configuration",
    title: "a misspelt variable is passed over in silence",
    file: "src/StrayVariables.ts",
    from: `!all.has(name) && name.length >= MIN_LENGTH`,
    to: `false`,
    tests: test("unit/config", "the configuration what is probably not meant")
  },
  {
    part: "guard",
    title: "what is held goes when the window has passed",
    file: "src/orchestration/DueRemovals.ts",
    from: `if (heldDue === 0 && verdict.reason === null) return verdict`,
    to: `if (verdict.reason === null) return verdict`,
    tests: test("unit/orchestration/Operators", "what the guard holds stays held")
  },
  {
    part: "guard",
    title: "an approval takes the hold away",
    file: "src/orchestration/DueRemovals.ts",
    from: `        put(id, stateOf(id))
      }
    },
    reject`,
    to: `        put(id, stateOf(id))
        release(id)
      }
    },
    reject`,
    tests: test("unit/orchestration/Operators", "what the guard holds is held again")
  },
  {
    part: "guard",
    title: "a rejection is about any evidence to come",
    file: "src/orchestration/DueRemovals.ts",
    from: `if (rejected.delete(id)) changed.add(id)`,
    to: ``,
    also: {
      file: "src/orchestration/DueRemovals.ts",
      from: `what.absence.kind === found.kind && what.absence.since <= found.rejectedAt`,
      to: `found.rejectedAt >= 0`
    },
    tests: test("unit/orchestration/Operators", "what the guard holds is judged afresh")
  },
  {
    part: "guard",
    title: "absences have the allowance of deletions",
    file: "src/orchestration/RemovalGuard.ts",
    from: `due.unexplained + recent.unexplained > limit`,
    to: `due.unexplained + recent.unexplained > deleteLimit`,
    tests: test("unit/orchestration/RemovalGuard", "the two allowances")
  },
  {
    part: "state",
    title: "a lockdown stands though it could not be written",
    file: "src/persistence/SqliteStateStore.ts",
    from: `isWritten ? Effect.void`,
    to: `true ? Effect.void`,
    tests: test("integration/persistence/StateStore", "the state in SQLite, on a full disk")
  },
  {
    part: "state",
    title: "an audit record that cannot be written is dropped",
    file: "src/persistence/SqliteStateStore.ts",
    from: `unrecorded = unrecorded.slice(done)`,
    to: `unrecorded = []`,
    tests: test("integration/persistence/StateStore", "the state in SQLite, on a full disk")
  }
]
