import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { isoTime } from "./DirectoryRow.ts"
import { armAlarm } from "./Alarm.ts"
import { randomId } from "./Secrets.ts"
import { Sql } from "./Sql.ts"
import { childTraceparent } from "./TraceContext.ts"

export type WorkspaceEventType = "workspace.created" | "workspace.deleted"

/** What the notifier needs of the environment. Without a URL no webhook is owed. */
export interface NotifierEnv {
  readonly SERVER_WEBHOOK_URL?: string | undefined
}

/**
 * Owes the server one nudge about a workspace. Called inside the transaction that changes the set, so that the debt is
 * as durable as the change; sending is the outbox's business and never delays the user's answer.
 *
 * A webhook only says "look again" (law 1), so an older one of the same workspace that was not delivered, be it waiting or
 * given up, says nothing any more: it is superseded.
 */
export const notifyServerOfWorkspaceEvent = (
  eventType: WorkspaceEventType,
  instanceId: string,
  userId: string,
  env: NotifierEnv
) =>
  Effect.gen(function* () {
    if (env.SERVER_WEBHOOK_URL === undefined) {
      return yield* Effect.logDebug("no webhook is owed: SERVER_WEBHOOK_URL is unset")
    }
    const sql = yield* Sql
    const now = yield* Clock.currentTimeMillis
    yield* sql.run(
      `UPDATE outbox SET status = 'superseded', settled_at = ? WHERE instance_id = ? AND status IN ('pending', 'failed')`,
      now,
      instanceId
    )
    yield* sql.run(
      `INSERT INTO outbox (webhook_id, event, instance_id, user_id, body, traceparent, status, attempts, created_at, next_at)
       VALUES (?, ?, ?, ?, ?, ?, 'pending', 0, ?, ?)`,
      `msg_${yield* randomId}`,
      eventType,
      instanceId,
      userId,
      JSON.stringify({ event: eventType, instanceId, userId, timestamp: isoTime(now) }),
      yield* childTraceparent,
      now,
      now
    )
    yield* armAlarm
  })
