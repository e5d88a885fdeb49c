/**
 * Runs the benchmarks, each in a process of its own, and prints what they have measured as one table:
 *
 *   npm run bench                   all of them, some ten minutes
 *   npm run bench -- --quick        small sizes and few rounds, two minutes
 *   npm run bench -- loop http      only these
 *   npm run bench -- --write        puts the table into docs/performance.md
 *
 * They are bundled as the server is: what a development runner adds to each function would be measured too.
 */
import { build } from "esbuild"
import { fork } from "node:child_process"
import { readFile, writeFile } from "node:fs/promises"
import { cpus, loadavg, totalmem } from "node:os"
import { join } from "node:path"
import * as prettier from "prettier"
import { type Figure, ratioOf, shown } from "./figures.ts"

interface Job {
  /** What it is picked by. */
  readonly name: string
  readonly file: string
  readonly args: ReadonlyArray<string>
  /** With `--quick`; null: not at all. */
  readonly quick: ReadonlyArray<string> | null
}

const jobs: ReadonlyArray<Job> = [
  { name: "controller", file: "controller", args: [], quick: [] },
  { name: "loop", file: "loop", args: ["1000", "5"], quick: ["1000", "2"] },
  { name: "loop", file: "loop", args: ["10000", "5"], quick: ["10000", "1"] },
  { name: "loop", file: "loop", args: ["100000", "3"], quick: null },
  { name: "loop", file: "loop", args: ["100000", "1", "sqlite"], quick: ["10000", "1", "sqlite"] },
  { name: "http", file: "http", args: ["10000"], quick: ["1000"] },
  { name: "http", file: "http", args: ["100000"], quick: null },
  { name: "webhooks", file: "webhooks", args: ["5000"], quick: ["1000"] },
  { name: "lifecycle", file: "lifecycle", args: ["1000", "3"], quick: ["100", "1"] },
  { name: "lifecycle", file: "lifecycle", args: ["100000", "1"], quick: null },
  { name: "create", file: "create-to-monitored", args: [], quick: [] },
  { name: "pull-flood", file: "pull-flood", args: [], quick: null },
  { name: "plain-source", file: "plain-source", args: ["list", "120"], quick: ["list", "20"] },
  { name: "plain-source", file: "plain-source", args: ["instances", "120"], quick: null },
  { name: "stores", file: "stores", args: ["50", "10", "1"], quick: null }
]

const root = join(import.meta.dirname, "..")
const built = join(root, "dist", "bench")
const document = join(root, "docs", "performance.md")
const MARKS = { begin: "<!-- bench:begin -->", end: "<!-- bench:end -->" }
const GIBIBYTE = 1_073_741_824

const bundle = (files: ReadonlySet<string>) =>
  build({
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node20.19",
    packages: "external",
    logLevel: "warning",
    entryPoints: [...files].map((file) => join(root, "bench", `${file}.ts`)),
    outdir: built
  })

const isFigure = (message: unknown): message is Figure =>
  typeof message === "object" && message !== null && "group" in message && "median" in message

/** Runs one benchmark; what it prints is shown as it goes on. */
const run = (file: string, args: ReadonlyArray<string>): Promise<ReadonlyArray<Figure>> =>
  new Promise((resolve, reject) => {
    const figures: Array<Figure> = []
    const child = fork(join(built, `${file}.js`), [...args], { cwd: root, execArgv: ["--expose-gc"] })
    child.on("message", (message: unknown) => {
      if (isFigure(message)) figures.push(message)
    })
    child.once("error", reject)
    child.once("exit", (code, signal) => {
      if (code === 0) resolve(figures)
      else reject(new Error(`${file} ${args.join(" ")} ended with ${code ?? signal ?? "nothing"}`))
    })
  })

const cellsOf = (figure: Figure): ReadonlyArray<string> => [
  figure.name,
  `${shown(figure.median)} ${figure.unit}`,
  figure.worst === null ? "" : shown(figure.worst),
  figure.beside === null ? "" : `${ratioOf(figure)} × ${figure.beside.name}`,
  figure.aim === null ? "" : `${figure.unit === "/s" ? "≥" : "≤"} ${shown(figure.aim)}`
]

const tableOf = (group: string, figures: ReadonlyArray<Figure>): string =>
  [
    `**${group}**`,
    "",
    "| | median | worst | beside | aim |",
    "| --- | ---: | ---: | --- | ---: |",
    ...figures.map((figure) => `| ${cellsOf(figure).join(" | ")} |`)
  ].join("\n")

const describeMachine = (command: string, loadBefore: ReadonlyArray<number>): string => {
  const [cpu] = cpus()
  const load = (values: ReadonlyArray<number>) => values.map((value) => value.toFixed(1)).join(", ")
  return [
    `- Machine: ${cpus().length} cores (${cpu?.model.trim() ?? "unknown"}), ${Math.round(totalmem() / GIBIBYTE)} GiB, Node ${process.version}`,
    `- Load averages (1, 5, 15 minutes) before: ${load(loadBefore)}; after: ${load(loadavg())}`,
    `- Command: \`${command}\`, on ${new Date().toISOString().slice(0, 10)}`
  ].join("\n")
}

const write = async (text: string): Promise<void> => {
  const before = await readFile(document, "utf8")
  const [head, rest] = before.split(MARKS.begin)
  const tail = rest?.split(MARKS.end)[1]
  if (head === undefined || tail === undefined) throw new Error(`docs/performance.md has lost its marks`)
  const after = `${head}${MARKS.begin}\n\n${text}\n\n${MARKS.end}${tail}`
  const style = await prettier.resolveConfig(document)
  await writeFile(document, await prettier.format(after, { ...style, filepath: document }))
}

const flags = new Set(process.argv.slice(2).filter((argument) => argument.startsWith("--")))
const names = process.argv.slice(2).filter((argument) => !argument.startsWith("--"))
const known = new Set(jobs.map(({ name }) => name))
const unknown = [
  ...names.filter((name) => !known.has(name)),
  ...[...flags].filter((flag) => flag !== "--quick" && flag !== "--write")
]
if (unknown.length > 0) {
  console.error(`Unknown: ${unknown.join(", ")}. There are: ${[...known].join(", ")}; --quick and --write.`)
  process.exit(2)
}
const isQuick = flags.has("--quick")
const chosen = jobs.filter(
  ({ name, quick }) => (names.length === 0 || names.includes(name)) && !(isQuick && quick === null)
)

const loadBefore = loadavg()
await bundle(new Set([...chosen.map(({ file }) => file), "ServerWithPauses"]))
const figures: Array<Figure> = []
for (const { args, file, quick } of chosen) {
  figures.push(...(await run(file, isQuick ? (quick ?? args) : args)))
}

const groups = [...new Set(figures.map(({ group }) => group))]
const tables = groups.map((group) =>
  tableOf(
    group,
    figures.filter((figure) => figure.group === group)
  )
)
const command = ["npm run bench", ...(process.argv.length > 2 ? ["--", ...process.argv.slice(2)] : [])].join(
  " "
)
const text = [describeMachine(command, loadBefore), ...tables].join("\n\n")
console.log(`\n${text}`)
if (flags.has("--write")) await write(text)
