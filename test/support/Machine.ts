/** A machine that fails below a program: its disk, its clock, its descriptors. Needs what only some machines allow. */
import { execFileSync } from "node:child_process"
import { existsSync } from "node:fs"
import { mkdtemp, open, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"

const isPossible = (command: string, args: ReadonlyArray<string>): boolean => {
  try {
    execFileSync(command, args, { stdio: "ignore" })
    return true
  } catch {
    return false
  }
}

/** A disk of its own size, which can be filled up and made read-only. */
export interface SmallDisk extends AsyncDisposable {
  readonly path: string
  readonly fillUp: () => Promise<void>
  readonly makeRoom: () => Promise<void>
  /** Nobody may have a file open for writing at that moment. */
  readonly allowWriting: (is: boolean) => void
}

/** A disk of that size in memory; fails where mounting is not allowed. */
export const smallDisk = async (bytes: number): Promise<SmallDisk> => {
  const path = await mkdtemp(join(tmpdir(), "wso-disk-"))
  if (!isPossible("mount", ["-t", "tmpfs", "-o", `size=${bytes}`, "tmpfs", path])) {
    await rm(path, { recursive: true })
    throw new Error("nothing can be mounted here")
  }
  const ballast = join(path, "ballast")
  return {
    path,
    fillUp: async () => {
      // Until it says that it is full: others write at the same time.
      const file = await open(ballast, "a")
      try {
        for (;;) await file.write(Buffer.alloc(4_096))
      } catch (error) {
        if (!(error instanceof Error && "code" in error && error.code === "ENOSPC")) throw error
      } finally {
        await file.close()
      }
    },
    makeRoom: () => rm(ballast, { force: true }),
    allowWriting: (is) => {
      execFileSync("mount", ["-o", `remount,${is ? "rw" : "ro"}`, path])
    },
    [Symbol.asyncDispose]: async () => {
      // Lazily: a killed program may hold a file for a moment longer.
      execFileSync("umount", ["-l", path])
      await rm(path, { recursive: true })
    }
  }
}

/** Whether disks can be mounted here. */
export const canMount = (): Promise<boolean> =>
  smallDisk(65_536).then(
    (disk) => disk[Symbol.asyncDispose]().then(() => true),
    () => false
  )

const libfaketime = [
  "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1",
  "/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1",
  "/usr/local/lib/faketime/libfaketime.so.1"
].find((path) => existsSync(path))

/** Whether a program's clock can be set here (Debian: faketime). */
export const canSetClock = libfaketime !== undefined

/** The environment of a program whose clock of the day follows the file; its timers run as ever. */
export const clockFrom = (file: string): Readonly<Record<string, string>> => ({
  LD_PRELOAD: libfaketime ?? "",
  FAKETIME_TIMESTAMP_FILE: file,
  FAKETIME_NO_CACHE: "1",
  FAKETIME_DONT_FAKE_MONOTONIC: "1"
})

/** Sets the clocks that follow the file, by what they are ahead: `+2h`, `-30m`. */
export const setClock = (file: string, ahead: string): Promise<void> => writeFile(file, `${ahead}\n`)

/** Whether a running program's limits can be changed here (util-linux: prlimit). */
export const canLimitDescriptors = isPossible("prlimit", ["--version"])

/** How many descriptors a running program may have open from now on. */
export const limitDescriptors = (pid: number, most: number): void => {
  execFileSync("prlimit", ["--pid", String(pid), `--nofile=${most}:`])
}
