/** What a command that checks several things has found. */
import type { Screen, Tone } from "./Screen.ts"
import { table } from "./Table.ts"

export interface Finding {
  readonly check: string
  readonly result: "ok" | "warning" | "failed" | "skipped"
  readonly detail: string
}

const tones: Readonly<Record<Finding["result"], Tone>> = {
  ok: "good",
  warning: "warning",
  failed: "bad",
  skipped: "dim"
}

export const ok = (check: string, detail: string): Finding => ({ check, result: "ok", detail })
export const warning = (check: string, detail: string): Finding => ({ check, result: "warning", detail })
export const failed = (check: string, detail: string): Finding => ({ check, result: "failed", detail })
export const skipped = (check: string, detail: string): Finding => ({ check, result: "skipped", detail })

export const hasFailed = (findings: ReadonlyArray<Finding>): boolean =>
  findings.some(({ result }) => result === "failed")

export const findingsText = (
  findings: ReadonlyArray<Finding>,
  paint: (typeof Screen)["Service"]["paint"]
): string =>
  table(
    ["CHECK", "RESULT", "DETAIL"],
    findings.map(({ check, detail, result }) => [check, paint(result, tones[result]), detail])
  )
