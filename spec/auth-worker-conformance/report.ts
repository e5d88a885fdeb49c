import type { Exchange } from "./AuthWorker.ts"
import type { Verdict } from "./Line.ts"

/** How much of an answer is shown. */
const shownCharacters = 600

const showExchange = (exchange: Exchange): string => {
  const headers = Object.entries(exchange.headers).map(([name, value]) => `      ${name}: ${value}`)
  const text =
    exchange.text.length > shownCharacters ? `${exchange.text.slice(0, shownCharacters)}…` : exchange.text
  return [
    `    > ${exchange.method} ${exchange.path}`,
    ...headers,
    `    < ${exchange.status}`,
    `      ${text}`
  ].join("\n")
}

const showVerdict = (verdict: Verdict): string => {
  const line = `${verdict.verdict.padEnd(9)} ${verdict.id.padEnd(19)} ${verdict.text}`
  if (verdict.verdict === "holds") return line
  // The last exchanges are those that the reason is about.
  const exchanges = (verdict.exchanges ?? []).slice(-3).map(showExchange)
  return [line, `    ${verdict.reason ?? ""}`, ...exchanges].join("\n")
}

/** The verdicts for a reader, with a last line that sums them up. */
export const report = (verdicts: ReadonlyArray<Verdict>): string => {
  const count = (kind: Verdict["verdict"]) => verdicts.filter((verdict) => verdict.verdict === kind).length
  const sum = `${count("holds")} hold, ${count("absent")} absent (optional), ${count("violated")} violated`
  return [...verdicts.map(showVerdict), "", sum].join("\n")
}
