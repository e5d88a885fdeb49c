import * as Effect from "effect/Effect"
import { Sql } from "./Sql.ts"

/**
 * An invitation (`i`) is worth what its inviter may do now: a member since before it was written, with a role that may give
 * the invited one (`mayManage` in Roles.ts).
 */
export const stands = `EXISTS (
  SELECT 1 FROM memberships inviter JOIN users u ON u.id = inviter.user_id AND u.deleted_at IS NULL
  WHERE inviter.workspace_id = i.workspace_id AND inviter.user_id = i.invited_by AND inviter.removed_revision IS NULL
    AND inviter.created_at <= i.created_at
    AND (inviter.role = 'owner' OR (inviter.role = 'admin' AND i.role <> 'owner')))`

/** Forgets the invitations of a workspace that their inviters could not write any more. Inside the transaction that took it. */
export const revokeFallen = (instanceId: string) =>
  Effect.flatMap(Sql, (sql) =>
    sql.run(
      `DELETE FROM invitations WHERE id IN (SELECT i.id FROM invitations i WHERE i.workspace_id = ? AND NOT ${stands})`,
      instanceId
    )
  )
