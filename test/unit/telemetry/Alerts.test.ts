import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"

const read = (path: string): string => readFileSync(new URL(`../../../${path}`, import.meta.url), "utf8")

/** One block for each alert, by its name. */
const alerts = new Map(
  read("spec/alerts/workspace-orchestrator.yml")
    .split("- alert: ")
    .slice(1)
    .map((block) => [block.split("\n", 1)[0] ?? "", block] as const)
)
const tests = read("spec/alerts/workspace-orchestrator.test.yml")
/** As GitHub makes anchors of headings that are one word. */
const anchors = new Set(
  [...read("docs/runbook.md").matchAll(/^#+ (\w+)$/gm)].map((match) => (match[1] ?? "").toLowerCase())
)

describe("the alerts", () => {
  it("are there", () => {
    expect(alerts.size).toBeGreaterThan(20)
  })

  for (const [name, block] of alerts) {
    it(`say how urgent they are, and lead to their section of the runbook: ${name}`, () => {
      expect(block).toMatch(/severity: (?:critical|high|medium)\n/)
      expect(block).toContain(`runbook_url: docs/runbook.md#${name.toLowerCase()}\n`)
      expect(anchors).toContain(name.toLowerCase())
    })

    it(`are tested where they fire and where they do not: ${name}`, () => {
      expect(tests).toContain(`- name: ${name} fires\n`)
      expect(tests).toContain(`- name: ${name} does not fire\n`)
    })
  }
})
