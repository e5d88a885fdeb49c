/** spec/schemas knows every line that the source can write, and every action that it can record. */
import ts from "typescript"
import { describe, expect, it } from "vitest"
import auditRecord from "../../../spec/schemas/audit-record.json" with { type: "json" }
import logLine from "../../../spec/schemas/log-line.json" with { type: "json" }
import { LINES_DROPPED } from "../../../src/telemetry/Logger.ts"
import { complaintsBy } from "../../support/Schemas.ts"
import { nodesOf, sourceFiles, syntaxOf, textOfString } from "../../support/SourceCode.ts"

/** The Workers run in workerd: what they print comes as the field `line` of worker.log. */
const files = sourceFiles("src").filter((path) => !/^src\/(auth|sync)-worker\//.test(path))

const isLog = (call: ts.CallExpression): boolean =>
  /\blog(Trace|Debug|Info|Warning|Error|Fatal)?\b/.test(call.expression.getText())

/** The message of a call: a string, a constant of the file, or what a function of the file was called with. */
const messagesOf = (file: ts.SourceFile, argument: ts.Expression | undefined): ReadonlyArray<string> => {
  const own = textOfString(argument)
  if (own !== undefined) return [own]
  if (argument === undefined || !ts.isIdentifier(argument)) return []
  const all = [...nodesOf(file)]
  const constant = all.find(
    (node) =>
      ts.isVariableDeclaration(node) &&
      node.name.getText() === argument.text &&
      textOfString(node.initializer) !== undefined
  )
  if (constant !== undefined && ts.isVariableDeclaration(constant))
    return [textOfString(constant.initializer) ?? ""]
  const isParameterOf = (node: ts.Node): node is ts.ArrowFunction =>
    ts.isArrowFunction(node) && node.parameters.some(({ name }) => name.getText() === argument.text)
  for (let node: ts.Node = argument; node !== file; node = node.parent) {
    if (!isParameterOf(node) || !ts.isVariableDeclaration(node.parent)) continue
    const name = node.parent.name.getText()
    return all.flatMap((call) =>
      ts.isCallExpression(call) && call.expression.getText() === name
        ? messagesOf(file, call.arguments[0])
        : []
    )
  }
  return []
}

const messages = new Set(
  files.flatMap((path) => {
    const file = syntaxOf(path)
    return [...nodesOf(file)].flatMap((node) =>
      ts.isCallExpression(node) && isLog(node) && node.expression.getText().includes("Effect.")
        ? messagesOf(file, node.arguments[0])
        : []
    )
  })
)

// The log's own line, which is written past Effect's logger.
messages.add(LINES_DROPPED)

const isNamedAction = (node: ts.Node): boolean =>
  (ts.isPropertyAssignment(node) || ts.isVariableDeclaration(node)) && /^actions?$/.test(node.name.getText())

const actions = new Set(
  files.flatMap((path) =>
    [...nodesOf(syntaxOf(path))].flatMap((node) => {
      const text = textOfString(node)
      const isAction = text !== undefined && /^[a-z]+\.[a-z_]+$/.test(text)
      return isAction && ts.findAncestor(node, isNamedAction) !== undefined ? [text] : []
    })
  )
)

describe("the schema of a log line", () => {
  it("knows every message of the source, and no other", () => {
    expect([...messages].sort()).toEqual([...logLine.properties.msg.enum].sort())
  })

  it("says for every message which fields it has", () => {
    const described = logLine.allOf.flatMap((rule) =>
      rule.if.properties === undefined ? [] : [rule.if.properties.msg.const]
    )
    expect(described.sort()).toEqual([...logLine.properties.msg.enum].sort())
  })

  it("refuses another message, a field that the message does not have, and a missing one", () => {
    const complaints = complaintsBy("log-line")
    const line = { level: "info", time: "2025-02-10T20:15:00.000Z", msg: "server.stopped", openStores: 0 }
    expect(complaints(line)).toEqual([])
    expect(complaints({ ...line, msg: "server.vanished" })).not.toEqual([])
    expect(complaints({ ...line, token: "secret" })).not.toEqual([])
    expect(complaints({ ...line, openStores: undefined })).not.toEqual([])
    expect(complaints({ ...line, level: "error" })).not.toEqual([])
    expect(complaints({ ...line, time: "yesterday" })).not.toEqual([])
    expect(complaints({ ...line, category: "workspace_orchestration" })).not.toEqual([])
  })

  it("names each message alike: what it is about, then what has happened", () => {
    for (const message of messages) expect(message).toMatch(/^[a-z_]+\.[a-z_]+$/)
  })
})

describe("the schema of an audit record", () => {
  it("knows every action of the source, and no other", () => {
    expect([...actions].sort()).toEqual([...auditRecord.properties.action.enum].sort())
  })
})
