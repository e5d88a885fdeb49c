import { execFileSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { dashboard } from "../../../spec/dashboards/dashboard.ts"
import { alertRules, readAlertRules } from "../../support/AlertRules.ts"

const root = new URL("../../../", import.meta.url)
const read = (path: string): string => readFileSync(new URL(path, root), "utf8")

const alerts = readAlertRules().filter(({ kind }) => kind === "alert")
const tests = read("spec/alerts/workspace-orchestrator.test.yml")
/** As GitHub makes anchors of headings that are one word. */
const anchors = new Set(
  [...read("docs/runbook.md").matchAll(/^#+ (\w+)$/gm)].map((match) => (match[1] ?? "").toLowerCase())
)
const anchorOf = (alert: string): string => alert.toLowerCase()

describe("the alerts", () => {
  it("are there", () => {
    expect(alerts.length).toBeGreaterThan(30)
  })

  for (const { name, text } of alerts) {
    it(`say how urgent they are, and lead to their section of the runbook: ${name}`, () => {
      expect(text).toMatch(/severity: (?:critical|high|medium)\n/)
      expect(text).toContain(`runbook_url: docs/runbook.md#${anchorOf(name)}\n`)
      expect(anchors).toContain(anchorOf(name))
    })

    it(`are tested where they fire and where they do not: ${name}`, () => {
      expect(tests).toContain(`- name: ${name} fires\n`)
      expect(tests).toContain(`- name: ${name} does not fire\n`)
    })
  }

  it("have no section in the runbook that is about none of them", () => {
    const known = new Set(alerts.map(({ name }) => anchorOf(name)))
    expect([...anchors].filter((anchor) => anchor.startsWith("wso") && !known.has(anchor))).toEqual([])
  })

  it("are what the dashboard's panels lead to", () => {
    const known = new Set(alerts.map(({ name }) => name))
    const named = dashboard.rows.flatMap(({ panels }) => panels.flatMap((panel) => panel.alerts ?? []))
    expect(named.filter((name) => !known.has(name))).toEqual([])
    expect([...known].filter((name) => !named.includes(name))).toEqual([])
  })
})

describe("the rules as docs/deployment.md has them installed", () => {
  it("lead to the runbook by an absolute address, and so does the dashboard", () => {
    const section =
      /^## Monitoring$([\s\S]*?)(?=^## |$(?![\s\S]))/m.exec(read("docs/deployment.md"))?.[1] ?? ""
    const commands = /```bash\n(RUNBOOK=[\s\S]*?)```/.exec(section)?.[1]
    const folder = mkdtempSync(join(tmpdir(), "wso-rules-"))
    try {
      const here = (commands ?? "").replaceAll(
        /\/etc\/prometheus\/rules|\/var\/lib\/grafana\/dashboards/g,
        folder
      )
      execFileSync("bash", ["-euc", here], { cwd: root })
      const installed = readFileSync(join(folder, "workspace-orchestrator.yml"), "utf8")
      for (const { kind, name, text } of alertRules(installed)) {
        if (kind === "alert")
          expect(text).toMatch(new RegExp(`runbook_url: https://\\S+/docs/runbook\\.md#${anchorOf(name)}\n`))
      }
      expect(readFileSync(join(folder, "workspace-orchestrator.json"), "utf8")).toMatch(
        /"name": "runbook",[^}]*"query": "https:\/\/\S+\/docs\/runbook\.md"/
      )
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
})
