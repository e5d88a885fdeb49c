import { beginLogIn, logIn, signUp } from "./Accounts.ts"
import { changesSince } from "./ChangeLog.ts"
import { directoryVersion, getDirectoryRow, instancesOfUser, listDirectory } from "./Directory.ts"
import { acceptInvitation, invite, listInvitations, revokeInvitation } from "./Invitations.ts"
import { deleteUser, listMembers, removeMember, setRole } from "./Members.ts"
import { endSession, rotateSession } from "./Sessions.ts"
import { ensureDevUser, getUser } from "./Users.ts"
import { listWebhooks, retryWebhooks } from "./Webhooks.ts"
import {
  adminDeleteWorkspace,
  createWorkspace,
  deleteWorkspace,
  getWorkspace,
  listWorkspaces,
  renameWorkspace,
  setDefault
} from "./Workspaces.ts"

/**
 * What the Worker may ask of the registry. Each takes one plain object and gives plain data, because both cross the
 * boundary of the Durable Object.
 */
export const operations = {
  acceptInvitation,
  adminDeleteWorkspace,
  beginLogIn,
  changesSince,
  createWorkspace,
  deleteUser,
  deleteWorkspace,
  directoryVersion,
  endSession,
  ensureDevUser,
  getDirectoryRow,
  getUser,
  getWorkspace,
  instancesOfUser,
  invite,
  listDirectory,
  listInvitations,
  listMembers,
  listWebhooks,
  listWorkspaces,
  logIn,
  removeMember,
  renameWorkspace,
  retryWebhooks,
  revokeInvitation,
  rotateSession,
  setDefault,
  setRole,
  signUp
}
