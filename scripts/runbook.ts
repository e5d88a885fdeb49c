/**
 * Runs every command of the operators' documents against servers that it starts, and holds what they print against what
 * the documents show: `npm run docs:runbook:check`, and `npm run docs:runbook:check -- --write` to refresh what is shown.
 */
import { readFile, writeFile } from "node:fs/promises"
import { blocksOf, countOf, inlineCommandsOf, withPrinted, type Block } from "./runbook/Document.ts"
import { presentable, shapeOf } from "./runbook/Printed.ts"
import { makeShell, type Shell } from "./runbook/Shell.ts"
import { states, type World } from "./runbook/States.ts"

const DOCUMENTS = ["docs/runbook.md", "docs/deployment.md"]
/** For a command of a sentence: it is asked whether there is such a command, and not waited for. */
const INLINE_WITHIN_MS = 5_000
const EXIT_USAGE = 2
/** How the command line says that there is no such command, argument or option. */
const USAGE = /^(Missing|Invalid|Received|Expected|Unknown) /m

const write = process.argv.includes("--write")
/** `--only=paused`: that state alone, and no command of a sentence. */
const only = process.argv.find((argument) => argument.startsWith("--only="))?.slice("--only=".length)

let failures = 0
let notRun = 0
let ran = 0
let shownBlocks = 0

const failed = (where: string, what: string, printed: string) => {
  failures += 1
  console.log(`FAILED   ${where}: ${what}\n${printed.replaceAll(/^/gm, "    ")}`)
}

const open = async (state: string): Promise<World> => {
  const make = states[state]
  if (make === undefined) throw new Error(`there is no state ${state}: ${Object.keys(states).join(", ")}`)
  return make()
}

/** Runs the blocks state by state: those of one state share its server, in the order of the document. */
const runBlocks = async (path: string, blocks: ReadonlyArray<Block>, shell: Shell) => {
  const printed = new Map<number, string>()
  let current: { readonly state: string; readonly world: World } | undefined
  const stateOf = ({ how }: Block): string => (how._tag === "Run" ? how.state : "")
  const order = [...new Set(blocks.map(stateOf))]
  const inOrder = blocks.toSorted((a, b) => order.indexOf(stateOf(a)) - order.indexOf(stateOf(b)))
  for (const block of inOrder) {
    const where = `${path}:${block.line + 1}`
    if (block.how._tag === "NotRun") {
      notRun += 1
      console.log(`not run  ${where}: ${block.how.reason}`)
      continue
    }
    const { exit, isFresh, state } = block.how
    if (only !== undefined && only !== state) continue
    if (current?.state !== state || isFresh) {
      await current?.world[Symbol.asyncDispose]()
      current = undefined
      current = { state, world: await open(state) }
    }
    const done = await shell.run(current.world, block.commands)
    ran += countOf(block)
    const text = presentable(done.printed, current.world.hosts)
    if (done.exit !== exit) failed(where, `exit code ${done.exit}, expected ${exit} (state ${state})`, text)
    if (block.shown === undefined) continue
    shownBlocks += 1
    if (shapeOf(text) === shapeOf(block.shown.text)) continue
    if (write) printed.set(block.line, text)
    else failed(where, `prints something else than is shown (state ${state}; --write refreshes it)`, text)
  }
  await current?.world[Symbol.asyncDispose]()
  return printed
}

/** Whether the commands within sentences exist, with arguments that stand for any. */
const runInline = async (text: string, path: string, shell: Shell) => {
  await using world = await open("healthy")
  for (const command of inlineCommandsOf(text)) {
    const concrete = command
      .replaceAll("<hash>", "0123456789abcdef")
      .replaceAll("<name>", "auth-worker")
      .replaceAll("<message>", "message-1")
      .replaceAll(/\[?<id>\]?/g, "amber")
      .replaceAll(/<[\w-]+>/g, "anything")
      .replaceAll("…", "something")
    // In a folder that goes with the shell: some write a file where they are run.
    const done = await shell.run(world, `cd "$CURL_HOME"\n${concrete}`, INLINE_WITHIN_MS)
    ran += 1
    const isUsage = done.exit === EXIT_USAGE && USAGE.test(done.printed)
    if (isUsage || done.exit === 127) failed(path, `\`${command}\` is no command`, done.printed)
  }
}

await using shell = await makeShell()
for (const path of DOCUMENTS) {
  const text = await readFile(path, "utf8")
  const blocks = blocksOf(path, text)
  const printed = await runBlocks(path, blocks, shell)
  if (printed.size > 0) {
    if ((await readFile(path, "utf8")) !== text)
      throw new Error(`${path} was changed meanwhile: run it again`)
    await writeFile(path, withPrinted(text, blocks, printed))
  }
  if (only === undefined) await runInline(text, path, shell)
}

console.log(
  `${ran} commands ran, ${shownBlocks} outputs were compared, ${notRun} blocks cannot be run here, ${failures} failures`
)
process.exit(failures === 0 ? 0 : 1)
