import { changesSince } from "./ChangeLog.ts"
import { directoryVersion, getDirectoryRow, instancesOfUser, listDirectory } from "./Directory.ts"
import { ensureDevUser } from "./Users.ts"
import { createWorkspace, deleteWorkspace, listWorkspaces } from "./Workspaces.ts"

/**
 * What the Worker may ask of the registry. Each takes one plain object and gives plain data, because both cross the
 * boundary of the Durable Object.
 */
export const operations = {
  changesSince,
  createWorkspace,
  deleteWorkspace,
  directoryVersion,
  ensureDevUser,
  getDirectoryRow,
  instancesOfUser,
  listDirectory,
  listWorkspaces
}
