/**
 * Breaks the code in a copy, one way at a time, and counts the seeds that the simulation needs to notice:
 * `node scripts/mutations/simulation.mjs [seeds] [part of a title]`. Prints a table; exits with 1 if a mutation survives that many seeds.
 */
import { execFile } from "node:child_process"
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"

const run = promisify(execFile)
const root = join(import.meta.dirname, "..", "..")
const seeds = Number(process.argv[2] ?? 150)
const only = process.argv[3] ?? ""
const WITHIN_MS = 900_000
const MAX_OUTPUT = 64 * 1024 * 1024

const queue = "src/controller/internal/QueueCore.ts"
const desired = "src/workspaces/DesiredState.ts"
const directory = "src/workspaces/AuthWorkerDirectory.ts"
const decide = "src/orchestration/decide.ts"
const due = "src/orchestration/DueRemovals.ts"
const controller = "src/orchestration/WorkspaceController.ts"
const reconciler = "src/orchestration/WorkspaceReconciler.ts"
const orchestrator = "src/orchestration/WorkspaceOrchestrator.ts"
const manager = "src/stores/StoreManager.ts"

/** `from` must be in the file exactly once. */
const mutations = [
  {
    title: "the dirty mark is dropped",
    file: queue,
    from: `if (entry.pending === "ready") this.link(entry)
    else this.dropIfIdle(entry)`,
    to: `if (entry.pending === "ready") entry.pending = "none"
    this.dropIfIdle(entry)`
  },
  {
    title: "a running key is handed out again",
    file: queue,
    from: `if (!entry.running) this.link(entry)
    this.onAdd`,
    to: `this.link(entry)
    this.onAdd`
  },
  {
    title: "a nudge during a read is answered by that read",
    file: desired,
    from: `if (!flying.reading) return restore(join(flying, kind, asker))`,
    to: `return restore(join(flying, kind, asker))`
  },
  {
    title: "a failed list is an empty one",
    file: desired,
    from: `features: before?.features ?? new Set(),
        revision: listedRevision
      })`,
    to: `features: before?.features ?? new Set(),
        revision: listedRevision
      }).pipe(Effect.catchAll(() => Effect.succeedSome({ ids: new Set<string>(), revision: before?.revision ?? null, environmentId: null, features: before?.features ?? new Set<Feature>() })))`
  },
  {
    title: "a list that announces more than it has is taken",
    file: directory,
    from: `if (total > rows) {`,
    to: `if (total > Infinity) {`
  },
  {
    title: "pages of two revisions are one list",
    file: directory,
    from: `if (body.metadata?.revision !== first.metadata?.revision) {`,
    to: `if (body.metadata?.revision === "never") {`
  },
  {
    title: "an older revision is taken",
    file: desired,
    from: `BigInt(revision) < BigInt(meta.revision)`,
    to: `false`
  },
  {
    title: "another environment's list is taken",
    file: desired,
    from: `meta.environmentId !== listing.environmentId`,
    to: `false`
  },
  {
    title: "one list is evidence enough",
    file: decide,
    from: `absence.confirmations >= policy.removalConfirmations`,
    to: `absence.confirmations >= 1`
  },
  {
    title: "the directory is not asked by id",
    file: decide,
    from: `if (absence.kind === "absent") {`,
    to: `if (absence.kind === "never") {`
  },
  {
    title: "there is no grace",
    file: decide,
    from: `if (graceMs > 0) return`,
    to: `if (graceMs > Infinity) return`
  },
  { title: "the guard is skipped", file: due, from: `return tripped && !isApproved(id)`, to: `return false` },
  {
    title: "removals are not noted for the guard",
    file: controller,
    from: `if (due.happened(id, now)) yield*`,
    to: `if (due.happened(id, now) && false) yield*`
  },
  {
    title: "an approval outlives what it was given for",
    file: due,
    from: `what._tag === "Absent" && what.absence.since <= approval.approvedAt`,
    to: `what._tag === "Absent"`
  },
  {
    title: "any hash approves the held plan",
    file: controller,
    from: `if (plan?.hash !== hash) return`,
    to: `if (plan === null) return`
  },
  {
    title: "the accepted snapshot is not saved",
    file: desired,
    from: `if (meta !== undefined) yield* store.save({ ...meta, entries }, touched)`,
    to: ``
  },
  {
    title: "a start waits for the directory",
    file: reconciler,
    from: `const known = yield* controller.lookAtAll("now")`,
    to: `const known = new Set<string>()`
  },
  {
    title: "the end of the program closes no store",
    file: manager,
    from: `return scope === undefined ? Effect.void : Scope.close(scope, Exit.void)`,
    to: `return scope === undefined ? Effect.void : Effect.void`
  },
  {
    title: "a failed opening keeps what it had acquired",
    file: manager,
    from: `closeInTime(record.storeId, scope, exit),`,
    to: `Effect.void,`
  },
  {
    title: "an opening that hangs is never given up",
    file: manager,
    from: `duration: options.openTimeoutMs,`,
    to: `duration: "1 day",`
  },
  {
    title: "a store is opened while its data is deleted",
    file: manager,
    from: `return purge === undefined ? open(storeId)`,
    to: `return purge !== null ? open(storeId)`
  },
  {
    title: "a death does not re-enter the queue",
    file: controller,
    from: `controller.add(id, { priority: "died" })`,
    to: `Effect.void`
  },
  {
    title: "monitored is what was started once",
    file: orchestrator,
    from: `manager.openStore(storeId) !== undefined && processor.isMonitoring(storeId)`,
    to: `processor.isMonitoring(storeId)`
  },
  {
    title: "an old snapshot is fresh",
    file: controller,
    from: `fresh: ageMs <= options.freshForMs`,
    to: `fresh: ageMs >= 0`
  },
  {
    title: "a trailing read cannot be interrupted",
    file: desired,
    from: `Effect.forkIn(Effect.interruptible(fly(flight)), scope)`,
    to: `Effect.forkIn(fly(flight), scope)`
  }
]

const copyRepository = async () => {
  const copy = await mkdtemp(join(tmpdir(), "wso-simulation-"))
  for (const part of ["src", "test/simulation", "package.json", "tsconfig.json"]) {
    await cp(join(root, part), join(copy, part), { recursive: true })
  }
  await symlink(join(root, "node_modules"), join(copy, "node_modules"))
  return copy
}

/** How many seeds it took, and what was then said; undefined: nothing was noticed. */
const seedsUntilNoticed = async (copy) => {
  const main = join(copy, "test", "simulation", "main.ts")
  const args = ["--import", "tsx", main, "--from", "1", "--seeds", String(seeds), "--first"]
  try {
    await run(process.execPath, args, { cwd: copy, timeout: WITHIN_MS, maxBuffer: MAX_OUTPUT })
    return undefined
  } catch ({ stdout }) {
    const [, seed, law] = /^seed (\d+) .*?: law (\d+) /m.exec(stdout) ?? []
    if (seed === undefined) throw new Error(`The simulation did not run: ${stdout.slice(-2_000)}`)
    return { seeds: Number(seed), law }
  }
}

for (const { file, from, title } of mutations) {
  const found = (await readFile(join(root, file), "utf8")).split(from).length - 1
  if (found !== 1) throw new Error(`"${title}": found ${found} times in ${file}: ${from}`)
}
const copy = await copyRepository()
let survivors = 0
try {
  console.log("| mutation | seeds | by law |\n| --- | ---: | ---: |")
  const chosen = mutations.filter(({ title }) => title.includes(only))
  for (const { file, from, title, to } of chosen) {
    const path = join(copy, file)
    const text = await readFile(path, "utf8")
    await writeFile(
      path,
      text.replace(from, () => to)
    )
    const noticed = await seedsUntilNoticed(copy)
    await writeFile(path, text)
    if (noticed === undefined) survivors++
    console.log(`| ${title} | ${noticed?.seeds ?? `**more than ${seeds}**`} | ${noticed?.law ?? ""} |`)
  }
} finally {
  await rm(copy, { recursive: true, force: true })
}
if (survivors > 0) {
  console.error(`${survivors} of ${mutations.length} mutations survive`)
  process.exitCode = 1
}
