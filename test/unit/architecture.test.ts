import { readdirSync, readFileSync } from "node:fs"
import * as Schema from "effect/Schema"
import { ESLint } from "eslint"
import tseslint from "typescript-eslint"
import { describe, expect, it } from "vitest"

const Architecture = Schema.Struct({
  arrows: Schema.Record({ key: Schema.String, value: Schema.Array(Schema.String) })
})
const file: unknown = await import(new URL("../../scripts/architecture.mjs", import.meta.url).href)
const { arrows } = Schema.decodeUnknownSync(Architecture)(file)
const folders = Object.keys(arrows)
const root = new URL("../..", import.meta.url).pathname

/** The rules that need no types: many small files at once are quick to lint with them. */
const withoutTypes = new ESLint({ cwd: root, overrideConfig: [tseslint.configs.disableTypeChecked] })
/** In CI typescript-eslint would read the file from the disk once, and never look at the text that is to be linted. */
const withTypes = new ESLint({
  cwd: root,
  overrideConfig: [{ languageOptions: { parserOptions: { disallowAutomaticSingleRunInference: true } } }]
})

const lint = async (eslint: ESLint, filePath: string, text: string) => {
  const [result] = await eslint.lintText(text, { filePath })
  return (result?.messages ?? []).map(({ line, ruleId, severity, message }) => ({
    line,
    rule: ruleId ?? message,
    isError: severity === 2
  }))
}

/** Of these specifiers, the ones that a file of `folder` may not import. */
const refused = async (folder: string, depth: "" | "internal/", specifiers: ReadonlyArray<string>) => {
  const text = specifiers
    .map((specifier, index) => `export { a as a${index} } from "${specifier}"\n`)
    .join("")
  const messages = await lint(withoutTypes, `src/${folder}/${depth}Synthetic.ts`, text)
  expect(messages.every(({ isError, rule }) => isError && rule === "no-restricted-imports")).toBe(true)
  return specifiers.filter((_, index) => messages.some(({ line }) => line === index + 1))
}

describe("the direction of imports", () => {
  it("is decided for every folder of src", () => {
    const actual = readdirSync(`${root}src`, { withFileTypes: true }).filter((entry) => entry.isDirectory())
    expect(folders.sort()).toEqual(actual.map(({ name }) => name).sort())
  })

  it("never goes round: what a folder imports does not import it, be it by way of others", () => {
    const reach = (from: string, seen = new Set<string>()): ReadonlySet<string> => {
      for (const to of arrows[from] ?? []) if (!seen.has(to)) reach(to, seen.add(to))
      return seen
    }
    for (const folder of folders) expect([folder, reach(folder).has(folder)]).toEqual([folder, false])
  })

  for (const folder of folders) {
    const others = folders.filter((other) => other !== folder)
    const forbidden = others.filter((other) => arrows[folder]?.includes(other) !== true)

    it(`is an error against the arrows, and only then: ${folder}`, async () => {
      const own = ["effect/Effect", "./Neighbour.ts", "./internal/Part.ts"]
      const direct = others.map((other) => `../${other}/Synthetic.ts`)
      expect(await refused(folder, "", [...own, ...direct])).toEqual(
        forbidden.map((other) => `../${other}/Synthetic.ts`)
      )
      const deeper = others.map((other) => `../../${other}/internal/Synthetic.ts`)
      expect(await refused(folder, "internal/", ["../Neighbour.ts", ...deeper])).toEqual(
        forbidden.map((other) => `../../${other}/internal/Synthetic.ts`)
      )
    })
  }

  it("keeps the configuration at the edge", async () => {
    for (const folder of folders.filter((name) => name !== "dev")) {
      expect(await refused(folder, "", ["../config.ts", "../main.ts"])).toHaveLength(2)
    }
  })
})

describe("the entry of the server", () => {
  it("loads and runs, and knows nothing of the orchestration", () => {
    const text = readFileSync(`${root}/src/main.ts`, "utf8")
    const own = [...text.matchAll(/from "(\.[^"]+)"/g)].map(([, path]) => path)
    expect(own.sort()).toEqual(["./config.ts", "./process.ts", "./server.ts"])
    expect(text.split("\n").length).toBeLessThan(60)
  })
})

describe("what is an error in src", () => {
  const rulesOf = async (text: string, filePath = "src/controller/Synthetic.ts") =>
    (await lint(withoutTypes, filePath, text)).filter(({ isError }) => isError).map(({ rule }) => rule)

  it.each([
    ["process.env", `export const a = process.env["PORT"]`],
    ["Date.now", "export const a = Date.now()"],
    ["Math.random", "export const a = Math.random()"]
  ])("%s, since it belongs to the configuration or to Effect", async (_name, text) => {
    expect(await rulesOf(text)).toEqual(["no-restricted-properties"])
    expect(await rulesOf(text, "src/http/handlers/Synthetic.ts")).toEqual(["no-restricted-properties"])
  })

  it("but process.env, where the configuration is read", async () => {
    expect(await rulesOf(`export const a = process.env["PORT"]`, "src/config.ts")).toEqual([])
  })

  it("any", async () => {
    expect(await rulesOf("export const a = (b: any) => b as unknown")).toEqual([
      "@typescript-eslint/no-explicit-any"
    ])
  })

  it("a promise that nobody awaits, and a case that nobody handles", async () => {
    const text = `
      const work = async (): Promise<void> => { await Promise.resolve() }
      export const a = (kind: "b" | "c"): void => {
        work()
        switch (kind) { case "b": return }
      }`
    // A rule that needs types needs a file of the program: the text stands in for the file's own.
    const messages = await lint(withTypes, "src/controller/Backoff.ts", text)
    expect(messages.filter(({ isError }) => isError).map(({ rule }) => rule)).toEqual([
      "@typescript-eslint/no-floating-promises",
      "@typescript-eslint/switch-exhaustiveness-check"
    ])
  }, 60_000)
})
