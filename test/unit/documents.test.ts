import { readFile } from "node:fs/promises"
import { describe, expect, it } from "vitest"
import { configurationDocument, dashboardDocument, openApiDocuments } from "../../scripts/documents.ts"
import { variableDocs } from "../../src/config.ts"

describe("what is made from code is current", () => {
  it.each(openApiDocuments())("$path (else: npm run docs:openapi)", async ({ path, text }) => {
    expect(await readFile(path, "utf8")).toBe(text)
  })

  it("docs/configuration.md (else: npm run docs:configuration)", async () => {
    const { path, text } = await configurationDocument()
    expect(await readFile(path, "utf8")).toBe(text)
  })

  it("spec/dashboards (else: npm run docs:dashboard)", async () => {
    const { path, text } = await dashboardDocument()
    expect(await readFile(path, "utf8")).toBe(text)
  })
})

describe("docs/configuration.md", () => {
  it("has a line for every variable, and marks the secrets", async () => {
    const { text } = await configurationDocument()
    for (const { name, secret } of variableDocs) {
      expect(text).toMatch(new RegExp(`^\\| \`${name}\`${secret ? " \\(secret\\)" : ""} +\\|`, "m"))
    }
  })
})
