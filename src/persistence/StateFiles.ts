/**
 * The files of the state as a person may find them: only its owner reads them, and the open ones are those that the paths
 * name. A file that was deleted or replaced while the server runs takes every later write with it, so that is noticed.
 */
import * as Effect from "effect/Effect"
import { chmodSync, existsSync, lstatSync, mkdirSync, readdirSync, statSync } from "node:fs"
import { join } from "node:path"

/** Of the data folder and of each file in it. */
const FOLDER_MODE = 0o700
const FILE_MODE = 0o600
const PERMISSIONS = 0o777
/** The folder of the backups, whose files hold what the state holds. */
const BACKUPS = "backups"

const correct = (path: string, mode: number): boolean => {
  try {
    if ((lstatSync(path).mode & PERMISSIONS & ~mode) === 0) return false
    chmodSync(path, mode)
    return true
  } catch {
    // Another's file, or gone meanwhile: the folder that it lies in is closed all the same.
    return false
  }
}

const filesIn = (folder: string): ReadonlyArray<string> => {
  try {
    return readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
      entry.isFile() ? [join(folder, entry.name)] : []
    )
  } catch {
    return []
  }
}

/** Makes the folder, and takes it and the files in it from everybody but their owner. Throws where it cannot be made. */
export const close = (folder: string): { readonly corrected: ReadonlyArray<string> } => {
  mkdirSync(folder, { recursive: true, mode: FOLDER_MODE })
  const folders = [folder, join(folder, BACKUPS)].filter((path) => existsSync(path))
  return {
    corrected: [
      ...folders.filter((path) => correct(path, FOLDER_MODE)),
      ...folders.flatMap(filesIn).filter((path) => correct(path, FILE_MODE))
    ]
  }
}

/** Which file a path names; undefined where there is none. */
export const identityOf = (path: string): string | undefined => {
  try {
    const { dev, ino } = statSync(path, { bigint: true })
    return `${dev}:${ino}`
  } catch {
    return undefined
  }
}

/** What has become of a file that is open. */
export type Fate = "deleted" | "replaced"

/** Remembers which files the paths name now; `look` tells the first that is another one, or gone. */
export const watch = (
  paths: ReadonlyArray<string>
): { readonly look: () => { readonly path: string; readonly fate: Fate } | undefined } => {
  const known = new Map<string, string>()
  const remember = (path: string): void => {
    const identity = identityOf(path)
    if (identity !== undefined) known.set(path, identity)
  }
  paths.forEach(remember)
  return {
    look: () => {
      for (const path of paths) {
        const before = known.get(path)
        // SQLite makes the files beside the database when it first needs them.
        if (before === undefined) remember(path)
        else {
          const now = identityOf(path)
          if (now !== before) return { path, fate: now === undefined ? "deleted" : "replaced" }
        }
      }
      return undefined
    }
  }
}

/** Says once what was corrected. */
export const logCorrected = (corrected: ReadonlyArray<string>): Effect.Effect<void> =>
  corrected.length === 0
    ? Effect.void
    : Effect.logWarning("state.permissions_corrected").pipe(
        Effect.annotateLogs({ files: corrected.length, path: corrected[0] })
      )
