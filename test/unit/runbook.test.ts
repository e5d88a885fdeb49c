/** docs/runbook.md has a row for whatever a program can show an operator: no code leads nowhere. */
import { readFileSync } from "node:fs"
import ts from "typescript"
import { describe, expect, it } from "vitest"
import { blocksOf } from "../../scripts/runbook/Document.ts"
import { statusOf } from "../../src/auth-worker/ApiError.ts"
import { exitCodes } from "../../src/cli/ExitCode.ts"
import { tableRowsOf } from "../support/Markdown.ts"
import { nodesOf, sourceFiles, syntaxOf, textOfString } from "../support/SourceCode.ts"

const text = readFileSync(new URL("../../docs/runbook.md", import.meta.url), "utf8")

/** A chapter of the runbook, up to the next one. */
const chapter = (title: string): string => {
  const [, rest = ""] = text.split(`\n## ${title}\n`)
  return rest.split(/\n## /, 1)[0] ?? ""
}

/** What stands in backquotes in the first cells of a chapter's tables. */
const explained = new Set(
  tableRowsOf(chapter("Every error")).flatMap(([first = ""]) =>
    [...first.matchAll(/`([^`]+)`/g)].map(([, code = ""]) => code)
  )
)

const of = (...folders: ReadonlyArray<string>) =>
  folders.flatMap(sourceFiles).flatMap((path) => [...nodesOf(syntaxOf(path))])

const server = of("src").filter((node) => !/\/(auth|sync)-worker\//.test(node.getSourceFile().fileName))

const SCREAMING = /^[A-Z]+(_[A-Z]+)*$/

/** Where a property of this name has a string, or one of several. */
const stringsOf = (nodes: ReadonlyArray<ts.Node>, property: RegExp): ReadonlyArray<string> =>
  nodes.flatMap((node) => {
    if (!ts.isPropertyAssignment(node) || !property.test(node.name.getText())) return []
    return [...nodesOf(node.initializer)].flatMap((inner) => textOfString(inner) ?? [])
  })

/** Codes that are written without a property: bytes that are no request, and a server that stops. */
const edgeCodes = server
  .filter((node) => node.getSourceFile().fileName.endsWith("http/HttpServer.ts"))
  .flatMap((node) => textOfString(node) ?? [])
  .filter(
    (code) =>
      code.includes("_") && SCREAMING.test(code) && !code.startsWith("HPE_") && !code.startsWith("ERR_")
  )

const apiCodes = new Set([
  ...stringsOf(server, /^code$/).filter((code) => SCREAMING.test(code)),
  ...edgeCodes
])
const syncCodes = new Set(stringsOf(of("src/sync-worker"), /^code$/).filter((code) => SCREAMING.test(code)))

/** Errors that end where they are caught, and are never shown by their name. */
const internal = new Set([
  "Refusal",
  "AnswerIsNo",
  "AnswerIsBad",
  "Corrupt",
  "PlanChanged",
  "ConfigProblem",
  "SecretFileUnusable",
  "MembershipUnknown"
])

const tags = new Set(
  server.flatMap((node) => {
    const tag =
      ts.isCallExpression(node) && /^Schema\.TaggedError/.test(node.expression.getText())
        ? textOfString(node.arguments[0])
        : undefined
    return tag === undefined || internal.has(tag) ? [] : [tag]
  })
)

const files = (pattern: RegExp) => server.filter((node) => pattern.test(node.getSourceFile().fileName))

const blockers = new Set(
  stringsOf(files(/orchestration\/(Explain|decide|WorkspaceReconciler)\.ts$/), /^reason$/).filter((reason) =>
    /^[a-z-]+$/.test(reason)
  )
)

const conditionReasons = new Set(
  stringsOf(files(/orchestration\/WorkspaceStatus\.ts$/), /^reason$/).filter(
    (reason) => /^[A-Z][a-zA-Z]+$/.test(reason) && !["Present", "Absent"].includes(reason)
  )
)

describe("the runbook explains every", () => {
  it.each([
    ["code of the server's API", apiCodes],
    ["code of the Sync Worker", syncCodes],
    ["code of the Auth Worker", new Set(Object.keys(statusOf))],
    ["error by its name", tags],
    ["reason that blocks a workspace", blockers],
    ["reason of a condition", conditionReasons],
    ["exit code", new Set(Object.values(exitCodes).map(({ code }) => String(code)))]
  ])("%s", (_, codes) => {
    expect(codes.size).toBeGreaterThan(3)
    expect([...codes].filter((code) => !explained.has(code)).sort()).toEqual([])
  })
})

describe("the runbook's commands", () => {
  it("all say how they are run, or why they are not", () => {
    expect(blocksOf("docs/runbook.md", text).length).toBeGreaterThan(30)
  })

  it("are there for every alert", () => {
    for (const alert of chapter("Alerts").split("\n### ").slice(1)) {
      expect([alert.split("\n", 1)[0], blocksOf("an alert", alert).length]).not.toContain(0)
    }
  })
})
