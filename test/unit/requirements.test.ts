/** spec/requirements.md names a test for every requirement, and the test is there. */
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import ts from "typescript"
import { describe, expect, it } from "vitest"
import { anchorsOf, tableRowsOf } from "../support/Markdown.ts"
import { nodesOf, syntaxOf, textOfString } from "../support/SourceCode.ts"

const root = join(import.meta.dirname, "..", "..")
const read = (path: string): string => readFileSync(join(root, path), "utf8")

const text = read("spec/requirements.md")
const rows = tableRowsOf(text)

/** The ids that the document says there are: `R0-01`..`R0-30` and so on. */
const declared = [...text.matchAll(/`([A-Z]\d?)-(\d+)`\.\.`\1-(\d+)`/g)].flatMap(
  ([, prefix = "", first = "", last = ""]) =>
    Array.from(
      { length: Number(last) },
      // As many digits as the first: R0-01 and C-1.
      (_, index) => `${prefix}-${String(index + 1).padStart(first.length, "0")}`
    )
)

const testNames = new Map<string, ReadonlySet<string>>()

const rootOf = (expression: ts.Expression): string => {
  let node: ts.Node = expression
  while (ts.isCallExpression(node) || ts.isPropertyAccessExpression(node)) node = node.expression
  return node.getText()
}

/** The names of a file's tests as they are written. */
const testNamesOf = (path: string): ReadonlySet<string> => {
  const known = testNames.get(path)
  if (known !== undefined) return known
  const names = new Set<string>()
  for (const node of nodesOf(syntaxOf(path))) {
    if (!ts.isCallExpression(node) || rootOf(node.expression) !== "it") continue
    const name = textOfString(node.arguments[0])
    if (name !== undefined) names.add(name)
  }
  testNames.set(path, names)
  return names
}

const inDocument = (path: string, anchor: string | undefined): ReadonlyArray<string> => {
  if (!existsSync(join(root, path))) return [`${path} does not exist`]
  if (anchor === undefined) return []
  return anchorsOf(read(path)).has(anchor) ? [] : [`${path} has no #${anchor}`]
}

/** What is wrong with one reference. */
const complaints = (shown: string): ReadonlyArray<string> => {
  const test = /^`(test\/[^`]+\.test\.ts)`: (.+)$/.exec(shown)
  if (test !== null) {
    const [, path = "", name = ""] = test
    if (!existsSync(join(root, path))) return [`${path} does not exist`]
    return testNamesOf(path).has(name) ? [] : [`${path} has no test "${name}"`]
  }
  const document = /^(?:`npm run docs:runbook:check`: )?\[([^\]#]+)(?:#([^\]]+))?\]\(([^)]+)\)$/.exec(shown)
  if (document !== null) {
    const [, path = "", anchor, link] = document
    const expected = `../${path}${anchor === undefined ? "" : `#${anchor}`}`
    return [...inDocument(path, anchor), ...(link === expected ? [] : [`${shown} leads to ${link ?? ""}`])]
  }
  return /^not shown here: ./.test(shown) ? [] : [`"${shown}" is no test, document or reason`]
}

describe("the requirements", () => {
  it("are all there, once each", () => {
    expect(declared).toHaveLength(171)
    expect(rows.map(([id]) => id).sort()).toEqual([...declared].sort())
  })

  it("are each shown by something that exists", () => {
    const wrong = rows.flatMap(([id = "", , , shown = ""]) =>
      shown.split("<br>").flatMap((one) => complaints(one).map((complaint) => `${id}: ${complaint}`))
    )
    expect(wrong).toEqual([])
  })

  it("are none of them only excused", () => {
    const excused = rows.filter(([, , , shown = ""]) =>
      shown.split("<br>").every((one) => one.startsWith("not shown here"))
    )
    expect(excused.map(([id]) => id)).toEqual([])
  })
})
