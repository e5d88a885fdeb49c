/** The rules of spec/alerts, as far as tests look at them. */
import { readFileSync } from "node:fs"

export const ALERT_RULES = "spec/alerts/workspace-orchestrator.yml"

export interface Rule {
  readonly kind: "alert" | "record"
  readonly name: string
  readonly expr: string
  /** Everything of it, as it is written. */
  readonly text: string
}

const RULE = /^ {6}- (alert|record): (\S+)\n/gm
const EXPRESSION = /^ {8}expr: \|\n((?: {10,}.*\n?)+)/m

/** Reads the file as it is laid out, one rule after the other. */
export const alertRules = (text: string): ReadonlyArray<Rule> => {
  const starts = [...text.matchAll(RULE)]
  return starts.map((start, index) => {
    const [, kind, name = ""] = start
    const own = text.slice(start.index, starts[index + 1]?.index)
    const expr = EXPRESSION.exec(own)?.[1]
    if (expr === undefined) throw new Error(`${name} has no expression`)
    return {
      kind: kind === "alert" ? "alert" : "record",
      name,
      expr: expr.replaceAll(/\s+/g, " ").trim(),
      text: own
    }
  })
}

export const readAlertRules = (): ReadonlyArray<Rule> =>
  alertRules(readFileSync(new URL(`../../${ALERT_RULES}`, import.meta.url), "utf8"))
