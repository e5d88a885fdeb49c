/** The folder of backups inside the data folder, as files: what is there, and nothing of how a backup is made. */
import Database from "libsql"
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  lstatSync,
  readdirSync,
  rmSync
} from "node:fs"
import { join } from "node:path"
import { backupTimeOf, type Backup, type StateReport } from "../orchestration/Backups.ts"
import { inspect, unreadable } from "./StateInspection.ts"

const FOLDER = "backups"
const SUFFIX = ".sqlite"
/** Of a backup that is being written; one that is left over belongs to a process that was killed. */
const PARTIAL_SUFFIX = ".partial"
/** Backups hold what the state holds: for their owner only. */
const OWNER_ONLY = 0o700

export interface BackupFolder {
  readonly path: string
  /** Makes the folder unless it is there, and clears away what a killed process has left. */
  readonly prepare: () => void
  readonly fileOf: (id: string) => string
  readonly partialFileOf: (id: string) => string
  /** The newest first. None when there is no folder yet. */
  readonly list: () => ReadonlyArray<Backup>
  /** The backup of this id; undefined if there is none, or this is no id of one: nothing outside the folder is looked at. */
  readonly find: (id: string) => Backup | undefined
  /** Waits until what was renamed in the folder is on the disk. */
  readonly sync: () => void
}

/** Waits until the file's or folder's content is on the disk. */
export const syncToDisk = (path: string): void => {
  const descriptor = openSync(path, "r")
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

/** Reads a whole database file that nobody writes to. Never throws. */
export const inspectFile = (path: string): StateReport => {
  if (!existsSync(path)) return unreadable("There is no such file")
  try {
    const database = new Database(path)
    try {
      return inspect((sql) => database.prepare(sql).all())
    } finally {
      database.close()
    }
  } catch (cause) {
    return unreadable(cause instanceof Error ? cause.message : String(cause))
  }
}

/** Of a data folder. */
export const backupFolder = (dataPath: string): BackupFolder => {
  const path = join(dataPath, FOLDER)
  const fileOf = (id: string): string => join(path, `${id}${SUFFIX}`)
  const find = (id: string): Backup | undefined => {
    const createdAt = backupTimeOf(id)
    if (createdAt === undefined) return undefined
    // A link would lead out of the folder, and another name of the same file may be anybody's: neither is a backup.
    const stat = lstatSync(fileOf(id), { throwIfNoEntry: false })
    return stat?.isFile() === true && stat.nlink === 1 ? { id, createdAt, sizeBytes: stat.size } : undefined
  }
  return {
    path,
    prepare: () => {
      mkdirSync(path, { recursive: true, mode: OWNER_ONLY })
      for (const name of readdirSync(path)) {
        if (name.includes(PARTIAL_SUFFIX)) rmSync(join(path, name), { force: true })
      }
    },
    fileOf,
    partialFileOf: (id) => `${fileOf(id)}${PARTIAL_SUFFIX}`,
    list: () =>
      (existsSync(path) ? readdirSync(path) : [])
        .flatMap((name) => (name.endsWith(SUFFIX) ? [find(name.slice(0, -SUFFIX.length))] : []))
        .filter((backup) => backup !== undefined)
        .sort((one, other) => (one.id < other.id ? 1 : -1)),
    find,
    sync: () => syncToDisk(path)
  }
}
