/**
 * What keeps strangers out, and lets the right ones in, each broken in one way. As in `mechanisms.mjs`, `from` must be in the
 * file exactly once; `tests` names what must notice.
 */

const test = (file, name) => [{ file: `test/${file}.test.ts`, name }]
const httpSecurity = (name) => test("integration/http/security", name)

export const security = [
  {
    part: "proofs",
    title: "wrong tokens from an address refuse the right one",
    file: "src/http/Administrators.ts",
    from: `if (Option.isSome(place)) {`,
    to: `if (Option.isSome(place) && (yield* limits.take(FAILURES, address)) === 0) {`,
    tests: httpSecurity("a rate limit answers wrong tokens with 429")
  },
  {
    part: "proofs",
    title: "strangers use up the allowance of administrators",
    file: "src/http/Gate.ts",
    from: `limits.takeProven(limiter, address)`,
    to: `limits.take(limiter, address)`,
    tests: httpSecurity("a rate limit keeps no administrator out")
  },
  {
    part: "proofs",
    title: "strangers use up the allowance of the sender of webhooks",
    file: "src/http/handlers/Webhooks.ts",
    from: `limits.takeProven("webhook-source", address)`,
    to: `limits.take("webhook-source", address)`,
    tests: httpSecurity("a rate limit refuses a flood of unproven webhooks")
  },
  {
    part: "knocks",
    title: "a refused address is told of nowhere",
    file: "src/http/Gate.ts",
    from: `yield* knocks.knocked({ door: "address", reason, address, path })`,
    to: ``,
    tests: httpSecurity("who is refused at the door")
  },
  {
    part: "knocks",
    title: "every refusal has a line of its own",
    file: "src/http/Knocks.ts",
    from: `now - source.toldAt < KNOCK_INTERVAL_MS) return`,
    to: `now - source.toldAt < 0) return`,
    tests: test("unit/http/Knocks", "who knocked is told at once")
  },
  {
    part: "knocks",
    title: "many addresses fill the audit trail",
    file: "src/http/Knocks.ts",
    from: `const isCrowded = sources.size >= MAX_SOURCES || !hasRoom`,
    to: `const isCrowded = false`,
    tests: test("unit/http/Knocks", "who knocked cannot fill the trail")
  },
  {
    part: "secrets",
    title: "a new secret of the table is forgotten",
    file: "src/config.ts",
    from: `return [...secretValues, ...inSecrets, ...inUrls]`,
    to: `return [...config.serverTokens, ...config.webhookSecrets, ...config.messageHandlerSecrets]`,
    tests: test("unit/config", "the configuration hides every secret")
  },
  {
    part: "secrets",
    title: "a secret in base64 is not known",
    file: "src/telemetry/Scrubber.ts",
    from: `          ...base64Cores(secret)`,
    to: ``,
    tests: test("unit/telemetry/Scrubber", "the scrubber")
  }
]
