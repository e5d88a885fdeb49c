/** The way out to other programs, and what is believed of the source of truth: each broken in one way. */

const unit = (file, ...names) => names.map((name) => ({ file: `test/unit/${file}.test.ts`, name }))
const redirects = [
  {
    file: "test/integration/transport/Redirects.test.ts",
    name: "a receiver that points to another host"
  }
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
    part: "transport",
    title: "a base URL may have a query",
    file: "src/transport/UrlText.ts",
    from: `if (isBase && text.includes("?")) return false`,
    to: ``,
    tests: unit("config", "the configuration")
  }
]
