/**
 * Breaks each of the architecture's laws, and each mechanism that they stand on, in a copy of the code and checks that a
 * test says so: `node scripts/mutations/main.mjs [laws | mechanisms | a part | the number of a law]`. Prints a table; exits with 1 if
 * a mutation survives.
 */
import { execFile } from "node:child_process"
import { cp, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import { laws } from "./laws.mjs"

const run = promisify(execFile)
const root = join(import.meta.dirname, "..", "..")
/** A run of the tests of one law takes some seconds; a mutation that makes them hang is noticed by that, too. */
const WITHIN_MS = 180_000
/** A test of a law takes at most two seconds. */
const TEST_TIMEOUT_MS = 15_000
const MAX_OUTPUT = 64 * 1024 * 1024

/** Everything that the tests read; dependencies are shared. */
const copyRepository = async () => {
  const copy = await mkdtemp(join(tmpdir(), "wso-mutations-"))
  for (const part of ["src", "spec", "test", "package.json", "tsconfig.json"]) {
    await cp(join(root, part), join(copy, part), { recursive: true })
  }
  // No projects: those of the repository build the programs first, which no test of a law needs.
  await writeFile(
    join(copy, "vitest.config.mjs"),
    "export default { test: { include: ['test/**/*.test.ts'] } }\n"
  )
  await symlink(join(root, "node_modules"), join(copy, "node_modules"))
  return copy
}

/** The names of the tests that fail, or what else went wrong. */
const failuresOf = async (copy, { file, name }) => {
  const report = join(copy, "report.json")
  await rm(report, { force: true })
  const vitest = join(copy, "node_modules", "vitest", "vitest.mjs")
  const limits = [`--testTimeout=${TEST_TIMEOUT_MS}`, "--reporter=json", `--outputFile=${report}`]
  try {
    await run(process.execPath, [vitest, "run", file, "-t", `^${name}`, ...limits], {
      cwd: copy,
      timeout: WITHIN_MS,
      killSignal: "SIGKILL",
      maxBuffer: MAX_OUTPUT
    })
  } catch (error) {
    if (error.killed) return [`${name} (hangs)`]
  }
  const { testResults } = JSON.parse(await readFile(report, "utf8"))
  const tests = testResults.flatMap(({ assertionResults }) => assertionResults)
  if (!tests.some(({ status }) => status === "passed" || status === "failed")) {
    throw new Error(
      `No test ran in ${file} for "${name}": ${testResults.map(({ message }) => message).join()}`
    )
  }
  return tests.filter(({ status }) => status === "failed").map(({ fullName }) => fullName)
}

const failures = async (copy, tests) =>
  (await Promise.all(tests.map((test) => failuresOf(copy, test)))).flat()

const editsOf = ({ also, file, from, to }) => [{ file, from, to }, ...(also === undefined ? [] : [also])]

/** A mutation that no longer fits the code would break nothing, or something else. */
const verify = async (mutation) => {
  for (const { file, from } of editsOf(mutation)) {
    const found = (await readFile(join(root, file), "utf8")).split(from).length - 1
    if (found !== 1) throw new Error(`"${mutation.title}": found ${found} times in ${file}: ${from}`)
  }
}

/** Applies the edits, and answers how to undo them. */
const mutate = async (copy, mutation) => {
  const originals = new Map()
  for (const { file, from, to } of editsOf(mutation)) {
    const path = join(copy, file)
    const text = await readFile(path, "utf8")
    if (!originals.has(path)) originals.set(path, text)
    await writeFile(
      path,
      text.replace(from, () => to)
    )
  }
  return async () => {
    for (const [path, text] of originals) await writeFile(path, text)
  }
}

/** Every file beside this one is a part, whatever it is called: none is forgotten when two are added at once. */
const parts = (await readdir(import.meta.dirname))
  .filter((file) => file.endsWith(".mjs") && !["main.mjs", "laws.mjs", "simulation.mjs"].includes(file))
  .sort()
const modules = await Promise.all(parts.map((file) => import(`./${file}`)))
const all = [
  ...laws,
  ...modules.flatMap((module) =>
    Object.values(module)
      .flat()
      .map((mutation) => ({ ...mutation, law: null }))
  )
]
const only = process.argv[2] ?? "all"
const chosen = all.filter(({ law, part }) =>
  only === "laws"
    ? law !== null
    : only === "mechanisms"
      ? law === null
      : only === "all" || String(law) === only || part === only
)
if (chosen.length === 0)
  throw new Error(`there are no mutations of "${only}": laws, mechanisms, a part, or 1 to 12`)
for (const mutation of chosen) await verify(mutation)
const copy = await copyRepository()
let survivors = 0
try {
  const targets = new Map(
    chosen.flatMap(({ tests }) => tests).map((test) => [`${test.file} ${test.name}`, test])
  )
  for (const test of targets.values()) {
    const failed = await failures(copy, [test])
    if (failed.length > 0) throw new Error(`fails without any mutation: ${failed.join(", ")}`)
  }
  console.log("| what | mutation | caught by |\n| --- | --- | --- |")
  for (const mutation of chosen) {
    const undo = await mutate(copy, mutation)
    const caught = await failures(copy, mutation.tests)
    await undo()
    if (caught.length === 0) survivors++
    const [first = "**nothing**"] = caught
    const others = caught.length > 1 ? ` (and ${caught.length - 1} more)` : ""
    console.log(
      `| ${mutation.law === null ? mutation.part : `law ${mutation.law}`} | ${mutation.title} | ${first}${others} |`
    )
  }
} finally {
  await rm(copy, { recursive: true, force: true })
}
console.log(`\n${chosen.length - survivors} of ${chosen.length} mutations are caught`)
if (survivors > 0) process.exitCode = 1
