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
    part: "transport",
    title: "a base URL may have a query",
    file: "src/transport/UrlText.ts",
    from: `if (isBase && text.includes("?")) return false`,
    to: ``,
    tests: unit("config", "the configuration")
  }
]
