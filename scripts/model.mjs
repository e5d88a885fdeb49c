/**
 * Checks the formal model in spec/model with SPIN: every law holds, and each is lost without what protects it.
 *
 *   node scripts/model.mjs            all of it, as a table
 *   node scripts/model.mjs law7       the runs of one law
 *   node scripts/model.mjs --markdown the table for spec/model/README.md
 *
 * Exit code 1 when a law does not hold, or a mutilated model is not caught; 2 when SPIN or a C compiler is missing.
 */
import { spawn, spawnSync } from "node:child_process"
import { copyFileSync, mkdtempSync, rmSync } from "node:fs"
import { availableParallelism, tmpdir } from "node:os"
import { join } from "node:path"
import { runs } from "../spec/model/runs.mjs"

const MODEL = "spec/model/orchestrator.pml"
const MS_PER_SECOND = 1_000
/** Of one search; the largest takes a tenth of it. */
const TIMEOUT_MS = 120_000
const MAX_DEPTH = 1_000_000
/** Of SPIN's hash table, as a power of two. */
const HASH_BITS = 22
const MEMORY_MB = 3_000
/** SPIN's weak fairness counts processes in so many bytes. */
const FAIRNESS_BYTES = 4

const missing = ["spin", "gcc"].filter((program) => spawnSync(program, ["--version"]).error !== undefined)
if (missing.length > 0) {
  console.error(
    `${missing.join(" and ")} cannot be started. On Debian and Ubuntu: apt-get install spin gcc libc6-dev`
  )
  process.exit(2)
}

const execute = (command, args, folder) =>
  new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: folder, timeout: TIMEOUT_MS })
    let output = ""
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output += chunk))
    child.once("error", reject)
    child.once("close", (code) => resolve({ code, output }))
  })

const mustSucceed = async (command, args, folder) => {
  const { code, output } = await execute(command, args, folder)
  if (code !== 0) throw new Error(`${command} ${args.join(" ")}: ${output}`)
}

const definesOf = (define) =>
  Object.entries(define).map(([name, value]) => (value === true ? `-D${name}` : `-D${name}=${value}`))

/** Searches all states; the first error ends the search, and is a counterexample. */
const search = async ({ define, fair, law }) => {
  const folder = mkdtempSync(join(tmpdir(), "wso-model-"))
  try {
    copyFileSync(MODEL, join(folder, "model.pml"))
    await mustSucceed("spin", ["-a", ...definesOf(define), "model.pml"], folder)
    const fairness = fair ? [`-DNFAIR=${FAIRNESS_BYTES}`] : []
    await mustSucceed("gcc", ["-O1", `-DMEMLIM=${MEMORY_MB}`, ...fairness, "-o", "pan", "pan.c"], folder)
    const startedAt = performance.now()
    const flags = ["-a", ...(fair ? ["-f"] : []), `-m${MAX_DEPTH}`, `-w${HASH_BITS}`, "-N", law]
    const { output } = await execute(join(folder, "pan"), flags, folder)
    const seconds = (performance.now() - startedAt) / MS_PER_SECOND
    const errors = /errors: (\d+)/.exec(output)?.[1]
    const states = Number(/([\d.e+]+) states, stored/.exec(output)?.[1] ?? NaN)
    const isWhole = !/max search depth too small|out of memory|Search not completed/.test(output)
    const verdict =
      errors === undefined
        ? "no answer"
        : errors !== "0"
          ? "counterexample"
          : isWhole
            ? "holds"
            : "not searched wholly"
    return { verdict, states, seconds }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const [wanted] = process.argv.slice(2).filter((word) => !word.startsWith("--"))
const asMarkdown = process.argv.includes("--markdown")

const jobs = runs
  .filter(({ law }) => wanted === undefined || law === wanted)
  .flatMap(({ fair = false, instance, law, says, without }) => [
    { law, fair, title: says, define: instance, expected: "holds" },
    ...without.map(({ define, takes }) => ({
      law,
      fair,
      title: `without ${takes}`,
      define: { ...instance, ...define },
      expected: "counterexample"
    }))
  ])
if (jobs.length === 0) {
  console.error(`no such law; there are ${[...new Set(runs.map(({ law }) => law))].join(", ")}`)
  process.exit(1)
}

const results = []
const work = async () => {
  for (;;) {
    const index = results.length
    const job = jobs[index]
    if (job === undefined) return
    results.push(undefined)
    results[index] = { ...job, ...(await search(job)) }
  }
}
const startedAt = performance.now()
await Promise.all(Array.from({ length: Math.min(availableParallelism(), 4) }, work))

const cells = results.map(({ law, seconds, states, title, verdict }) => [
  law,
  title,
  states.toLocaleString("en"),
  seconds.toFixed(2),
  verdict
])
const headings = ["law", "model", "states", "seconds", "verdict"]
if (asMarkdown) {
  for (const row of [headings, headings.map(() => "---"), ...cells]) console.log(`| ${row.join(" | ")} |`)
} else {
  const widths = headings.map((_, column) =>
    Math.max(...[headings, ...cells].map((row) => row[column].length))
  )
  const isNumber = (column) => column === 2 || column === 3
  for (const row of [headings, ...cells]) {
    console.log(
      row
        .map((cell, column) =>
          isNumber(column) ? cell.padStart(widths[column]) : cell.padEnd(widths[column])
        )
        .join("  ")
        .trimEnd()
    )
  }
}

const wrong = results.filter(({ expected, verdict }) => verdict !== expected)
for (const { expected, law, title, verdict } of wrong)
  console.error(`${law}, ${title}: ${verdict}, expected ${expected}`)
const held = results.filter(({ verdict }) => verdict === "holds").length
const caught = results.filter(({ verdict }) => verdict === "counterexample").length
console.error(
  `${held} hold, ${caught} counterexamples, ${wrong.length} not as expected, in ${((performance.now() - startedAt) / MS_PER_SECOND).toFixed(0)} s`
)
process.exitCode = wrong.length === 0 ? 0 : 1
