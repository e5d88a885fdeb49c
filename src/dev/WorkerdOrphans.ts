import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { execFile } from "node:child_process"
import { readdir, readFile, readlink, realpath, rename, rm, writeFile } from "node:fs/promises"
import * as path from "node:path"
import { promisify } from "node:util"

/**
 * Miniflare runs workerd as a child, which outlives a parent killed with -9, keeps serving and holds its port. The next
 * start of the same data folder ends it. A process is ended only when it is certain to be such a child: a workerd that
 * has this folder open, or (where /proc does not exist) the very process that the folder's record names.
 */

const Identity = Schema.Struct({ pid: Schema.Int, started: Schema.String })
type Identity = typeof Identity.Type

const Ownership = Schema.parseJson(Schema.Struct({ owner: Identity, workerd: Schema.optional(Identity) }))

const recordOf = (folder: string) => path.join(folder, "workerd.json")

const optional = <A>(read: () => Promise<A>) => Effect.option(Effect.tryPromise(read))

const linux = process.platform === "linux"

/** When a process started, in the system's own words: with its pid it names one process for ever (until a reboot). */
const startedAt = (pid: number) =>
  optional(async () => {
    if (!linux) {
      const { stdout } = await promisify(execFile)("ps", ["-o", "lstart=", "-p", String(pid)])
      return stdout.trim()
    }
    const stat = await readFile(`/proc/${pid}/stat`, "utf8")
    const boot = await readFile("/proc/sys/kernel/random/boot_id", "utf8")
    // Fields after the name, which is in parentheses and may hold anything; the state is the 3rd, the start the 22nd.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
    // A zombie whose other threads are still ending goes on holding its files and ports.
    if (fields[0] === "Z" && (await readdir(`/proc/${pid}/task`)).length <= 1) {
      throw new Error("ended, and not yet reaped")
    }
    return `${boot.trim()} ${fields[19] ?? ""}`
  })

const commandOf = (pid: number) =>
  optional(async () => {
    if (linux) return (await readFile(`/proc/${pid}/cmdline`, "utf8")).replaceAll("\0", " ")
    return (await promisify(execFile)("ps", ["-o", "command=", "-p", String(pid)])).stdout
  })

const isWorkerd = (command: string) => /(^|\/)workerd(\.exe)? serve /.test(command)

/** Whether a process has a file or folder open at or below a path. */
const hasOpen = (pid: number, folder: string) =>
  optional(async () => {
    const inside = `${await realpath(folder)}${path.sep}`
    const descriptors = await readdir(`/proc/${pid}/fd`)
    const targets = await Promise.all(
      descriptors.map((fd) => readlink(`/proc/${pid}/fd/${fd}`).catch(() => ""))
    )
    return targets.some((target) => `${target}${path.sep}`.startsWith(inside))
  }).pipe(Effect.map((found) => found._tag === "Some" && found.value))

const identityOf = (pid: number) =>
  Effect.map(startedAt(pid), (started) => (started._tag === "Some" ? [{ pid, started: started.value }] : []))

const isAlive = (identity: Identity) =>
  Effect.map(
    startedAt(identity.pid),
    (started) => started._tag === "Some" && started.value === identity.started
  )

/** The workerd processes that have a folder open; none where /proc does not exist. */
export const workerdsOf = (folder: string): Effect.Effect<ReadonlyArray<Identity>> =>
  Effect.gen(function* () {
    if (!linux) return []
    const entries = yield* Effect.orElseSucceed(
      Effect.tryPromise(() => readdir("/proc")),
      (): Array<string> => []
    )
    const pids = entries.filter((entry) => /^\d+$/.test(entry)).map(Number)
    const candidates = yield* Effect.filter(pids, (pid) =>
      Effect.map(commandOf(pid), (command) => command._tag === "Some" && isWorkerd(command.value))
    )
    const holding = yield* Effect.filter(candidates, (pid) => hasOpen(pid, folder))
    return (yield* Effect.forEach(holding, identityOf)).flat()
  })

/** What the folder's record says, if there is one that can be read. */
export const readOwnership = (folder: string) =>
  optional(() => readFile(recordOf(folder), "utf8")).pipe(
    Effect.flatMap((text) => Effect.option(Effect.flatMap(text, Schema.decode(Ownership))))
  )

/** Records that this process owns the folder, and through which workerd once that runs. */
export const recordOwnership = (folder: string, workerd?: Identity) =>
  Effect.gen(function* () {
    const [owner] = yield* identityOf(process.pid)
    if (owner === undefined) return
    const text = yield* Effect.orDie(Schema.encode(Ownership)({ owner, ...(workerd ? { workerd } : {}) }))
    const file = recordOf(folder)
    yield* Effect.promise(async () => {
      await writeFile(`${file}.new`, text)
      await rename(`${file}.new`, file)
    })
  })

/** Takes the record away: a process that goes on living may end its Workers. */
export const forgetOwnership = (folder: string) =>
  Effect.ignore(Effect.tryPromise(() => rm(recordOf(folder), { force: true })))

/** The live process, other than this one, that owns the folder; its workerd is no orphan. */
export const liveOwner = (folder: string) =>
  Effect.gen(function* () {
    const recorded = yield* readOwnership(folder)
    if (recorded._tag === "None" || recorded.value.owner.pid === process.pid) return undefined
    return (yield* isAlive(recorded.value.owner)) ? recorded.value.owner.pid : undefined
  })

const endMs = 5_000

const end = (identity: Identity) =>
  Effect.gen(function* () {
    if (!(yield* isAlive(identity))) return
    yield* Effect.try(() => process.kill(identity.pid, "SIGKILL")).pipe(Effect.ignore)
    yield* Effect.sleep("20 millis").pipe(
      Effect.zipRight(isAlive(identity)),
      Effect.repeat({ while: (alive) => alive }),
      Effect.timeout(endMs),
      Effect.ignore
    )
  })

/** Ends the workerd processes that a dead owner left on this folder, and says which they were. */
export const endOrphans = (folder: string): Effect.Effect<ReadonlyArray<number>> =>
  Effect.gen(function* () {
    const recorded = yield* readOwnership(folder)
    const named = recorded._tag === "Some" && !linux && recorded.value.workerd ? [recorded.value.workerd] : []
    const confirmed = yield* Effect.filter(named, (identity) =>
      Effect.map(
        Effect.all([isAlive(identity), commandOf(identity.pid)]),
        ([alive, command]) => alive && command._tag === "Some" && isWorkerd(command.value)
      )
    )
    const orphans = [...(yield* workerdsOf(folder)), ...confirmed]
    yield* Effect.forEach(orphans, end, { discard: true })
    return orphans.map((orphan) => orphan.pid)
  })
