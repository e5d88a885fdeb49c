/**
 * What an expression of PromQL speaks of: metrics, the labels they are chosen by, and the labels they are grouped by. No
 * parser: whether an expression is one, `promtool` says.
 */

interface Matcher {
  readonly label: string
  readonly operator: string
  readonly value: string
}

interface Selector {
  readonly metric: string
  readonly matchers: ReadonlyArray<Matcher>
}

interface Mentioned {
  readonly selectors: ReadonlyArray<Selector>
  /** Of `by`, `on`, `group_left` and the like. */
  readonly groupedBy: ReadonlyArray<string>
}

const TEXT = /"((?:[^"\\]|\\.)*)"/g
const GROUPING = /\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)/g
/** A name that no parenthesis follows, which would make it a function. */
const SELECTOR = /([a-zA-Z_:][a-zA-Z0-9_:]*)\s*(\{[^}]*\})?(?!\s*\(|[a-zA-Z0-9_:]|\s*\{)/g
const MATCHER = /([a-zA-Z_][a-zA-Z0-9_]*)\s*(=~|!~|!=|=)\s*"(\d+)"/g
const DURATION = /\[[^\]]*\]|\b\d+(?:\.\d+)?(?:ms|[smhdwy])\b/g
const WORDS = new Set(["and", "or", "unless", "bool", "offset", "group_left", "group_right"])

export const mentionedIn = (expression: string): Mentioned => {
  const texts: Array<string> = []
  const groupedBy: Array<string> = []
  const rest = expression
    .replaceAll(TEXT, (_, text: string) => `"${texts.push(text) - 1}"`)
    .replaceAll(DURATION, " ")
    .replaceAll(GROUPING, (_, labels: string) => {
      groupedBy.push(...labels.split(",").flatMap((label) => (label.trim() === "" ? [] : [label.trim()])))
      return " "
    })
  const matchersOf = (text: string): ReadonlyArray<Matcher> =>
    [...text.matchAll(MATCHER)].map(([, label = "", operator = "", index]) => ({
      label,
      operator,
      value: texts[Number(index)] ?? ""
    }))
  const selectors = [...rest.matchAll(SELECTOR)].flatMap(([, metric = "", matchers = ""]) =>
    WORDS.has(metric) ? [] : [{ metric, matchers: matchersOf(matchers) }]
  )
  return { selectors, groupedBy }
}
