/** The daily report for people: on a terminal, or pasted into a channel. */
import type { DailyReport } from "../../http/api/ReportsViews.ts"
import type { Screen, Tone } from "../Screen.ts"
import { table } from "../Table.ts"
import { relative } from "../Words.ts"

type Report = typeof DailyReport.Type
type Paint = (typeof Screen)["Service"]["paint"]

const tones: Readonly<Record<Report["status"], Tone>> = { ok: "good", warn: "warning", fail: "bad" }
const words: Readonly<Record<Report["status"], string>> = { ok: "OK", warn: "WARN", fail: "FAIL" }

const headline = ({ checks, since, status }: Report, time: number): string => {
  const many = (of: Report["status"]): number => checks.filter((check) => check.status === of).length
  return `${words[status]}: ${many("fail")} fail, ${many("warn")} warn, ${many("ok")} ok, since ${since} (${relative(since, time)})`
}

/** Failures first, each with what to do; the rest as a table. */
export const reportText = (report: Report, time: number, paint: Paint): string => {
  const todo = report.checks.filter(({ next }) => next !== null)
  return [
    headline(report, time),
    table(
      ["CHECK", "RESULT", "FOUND", "WANTED"],
      report.checks.map(({ check, status, threshold, value }) => [
        check,
        paint(words[status], tones[status]),
        value,
        threshold
      ])
    ),
    ...(todo.length === 0
      ? []
      : [["Next:", ...todo.map(({ check, next }) => `  ${check}: ${next ?? ""}`)].join("\n")]),
    ...(report.errors.length === 0
      ? []
      : [
          table(
            ["COMPONENT", "ERROR", "COUNT", "LAST", "MESSAGE"],
            report.errors.map(({ code, component, count, lastMessage, lastSeenAt }) => [
              component,
              code,
              String(count),
              relative(lastSeenAt, time),
              lastMessage ?? ""
            ])
          )
        ])
  ].join("\n\n")
}

/** Nothing in a cell may end it, or begin markup of its own. */
const cell = (text: string): string => text.replaceAll(/[\r\n]+/g, " ").replaceAll(/([\\|`*_<>[\]])/g, "\\$1")

const rows = (header: ReadonlyArray<string>, lines: ReadonlyArray<ReadonlyArray<string>>): string =>
  [header, header.map(() => "---"), ...lines.map((line) => line.map(cell))]
    .map((line) => `| ${line.join(" | ")} |`)
    .join("\n")

export const reportMarkdown = (report: Report, time: number): string =>
  [
    `## Daily report: ${headline(report, time)}`,
    rows(
      ["check", "result", "found", "wanted", "next"],
      report.checks.map(({ check, next, status, threshold, value }) => [
        check,
        words[status],
        value,
        threshold,
        next ?? ""
      ])
    ),
    ...(report.errors.length === 0
      ? []
      : [
          rows(
            ["component", "error", "count", "last", "message"],
            report.errors.map(({ code, component, count, lastMessage, lastSeenAt }) => [
              component,
              code,
              String(count),
              lastSeenAt ?? "",
              lastMessage ?? ""
            ])
          )
        ])
  ].join("\n\n")
