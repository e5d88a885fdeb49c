/**
 * The folder in which LiveStore keeps a store's databases. It is a cache: everything confirmed is in the sync
 * backend, so that it may be deleted whenever the store is not open.
 */
import * as Effect from "effect/Effect"
import { rm } from "node:fs/promises"
import { basename, dirname, join, resolve } from "node:path"

/** Ids that may name a folder: the contract's own pattern, which cannot climb out of the data folder. */
const storeIdPattern = /^[a-zA-Z0-9][a-zA-Z0-9_-]{2,63}$/

/** Whether `storeId` may be opened, and its folder deleted, at all. */
export const isStoreId = (storeId: string): boolean => storeIdPattern.test(storeId)

/** Where the stores live, apart from the server's own state in the same data folder. */
export const storesFolder = (dataPath: string): string => resolve(dataPath, "stores")

/**
 * Deletes a store's folder, if there is one. Refuses (as a defect: a bug of ours) whatever is not the folder of
 * a well-formed id directly inside the stores' folder.
 */
export const deleteStoreFolder = (dataPath: string, storeId: string): Effect.Effect<void> =>
  Effect.suspend(() => {
    const root = storesFolder(dataPath)
    const folder = resolve(join(root, storeId))
    if (!isStoreId(storeId) || dirname(folder) !== root || basename(folder) !== storeId) {
      return Effect.dieMessage("refusing to delete a folder that is no store's")
    }
    return Effect.promise(() => rm(folder, { recursive: true, force: true, maxRetries: 3 }))
  })
