/** The way out to other programs, and what is believed of the source of truth: each broken in one way. */

const unit = (file, ...names) => names.map((name) => ({ file: `test/unit/${file}.test.ts`, name }))
const redirects = [
  {
    file: "test/integration/transport/Redirects.test.ts",
    name: "a receiver that points to another host"
  }
]
const directory = [
  { file: "test/integration/workspaces/AuthWorkerDirectory.test.ts", name: "AuthWorkerDirectory" }
]
const consult = unit(
  "workspaces/Consult",
  "a validator is believed for a while, and not by everybody",
  "evidence that nudges bring",
  "one small read",
  "the source's budget"
)

export const source = [
  {
    part: "transport",
    title: "redirects are followed",
    file: "src/transport/Outgoing.ts",
    from: `redirect: "manual"`,
    to: `redirect: "follow"`,
    tests: redirects
  },
  {
    part: "transport",
    title: "the directory follows redirects",
    file: "src/transport/HttpClients.ts",
    from: `redirect: "manual"`,
    to: `redirect: "follow"`,
    tests: redirects
  },
  {
    part: "transport",
    title: "a redirect's target shows its query",
    file: "src/transport/Redirect.ts",
    from: "const shown = `${protocol}//${host}${path}`",
    to: "const shown = url.href",
    tests: redirects
  },
  {
    part: "transport",
    title: "the cause of a failed request is not looked for",
    file: "src/transport/Failure.ts",
    from: `codesOf(error.cause, depth + 1)`,
    to: `[]`,
    tests: unit("transport/transport", "the cause of a request without an answer")
  },
  {
    part: "listing",
    title: "an id that cannot be opened fails its list",
    file: "src/workspaces/Rows.ts",
    from: `else apart.push(unsupported(id, reason))`,
    to: `else return yield* withoutId(index, row)`,
    tests: [...directory, ...unit("orchestration/Unsupported", "a workspace whose id cannot be opened")]
  },
  {
    part: "listing",
    title: "a row without an id is passed over",
    file: "src/workspaces/Rows.ts",
    from: `return yield* withoutId(index, row)`,
    to: `continue`,
    tests: directory
  },
  {
    part: "listing",
    title: "nothing bounds the rows of a listing",
    file: "src/workspaces/AuthWorkerDirectory.ts",
    from: `if (rows + body.workspaces.length > maxRows)`,
    to: `if (rows + body.workspaces.length > Infinity)`,
    tests: directory
  },
  {
    part: "listing",
    title: "pages without rows never end",
    file: "src/workspaces/AuthWorkerDirectory.ts",
    from: `emptyPages === MAX_EMPTY_PAGES`,
    to: `emptyPages === Infinity`,
    tests: directory
  },
  {
    part: "lineage",
    title: "a run by hand believes a 304",
    file: "src/workspaces/DesiredState.ts",
    from: `unconditional: kind === "whole" || kind === "manual",`,
    to: `unconditional: false,`,
    tests: consult
  },
  {
    part: "lineage",
    title: "a nudge that contradicts what is believed changes nothing",
    file: "src/workspaces/DesiredState.ts",
    from: `if (isPresent === (news.claim === "created")) return`,
    to: `return`,
    tests: consult
  },
  {
    part: "lineage",
    title: "the feed is asked without the lineage",
    file: "src/workspaces/DesiredState.ts",
    from: `directory.changes(since, lineage)`,
    to: `directory.changes(since)`,
    tests: consult
  },
  {
    part: "evidence of nudges",
    title: "a webhook that says deleted is evidence by itself",
    file: "src/workspaces/DesiredState.ts",
    from: `monotonicMs() - claimedAt <= CLAIM_VALID_MS`,
    to: `true`,
    tests: consult
  },
  {
    part: "evidence of nudges",
    title: "nudges about others confirm an absence each time",
    file: "src/workspaces/DesiredState.ts",
    from: `isSoon && !flight.about.has(id)`,
    to: `false`,
    tests: consult
  },
  {
    part: "budget",
    title: "look-ups share the breaker of the list",
    file: "src/workspaces/DesiredState.ts",
    from: `options.lookups ?? options.breaker`,
    to: `options.breaker`,
    tests: consult
  },
  {
    part: "budget",
    title: "the budget of a plain list is spent at once",
    file: "src/workspaces/Budget.ts",
    from: `const FREE_SHARE = 0.5`,
    to: `const FREE_SHARE = 1`,
    tests: consult
  },
  {
    part: "transport",
    title: "a base URL may have a query",
    file: "src/transport/UrlText.ts",
    from: `if (isBase && text.includes("?")) return false`,
    to: ``,
    tests: unit("config", "the configuration")
  }
]
