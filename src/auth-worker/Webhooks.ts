import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { refuse } from "./ApiError.ts"
import { AuthConfig } from "./AuthConfig.ts"
import { isoTime } from "./DirectoryRow.ts"
import { armAlarm } from "./Alarm.ts"
import { Sql } from "./Sql.ts"

export type WebhookStatus = "pending" | "delivered" | "failed" | "superseded"

/** A webhook as an operator sees it. */
export interface WebhookView {
  readonly webhookId: string
  readonly event: string
  readonly instanceId: string
  readonly userId: string
  readonly status: WebhookStatus
  readonly attempts: number
  readonly createdAt: string
  readonly nextAttemptAt: string | null
  readonly lastAttemptAt: string | null
  readonly lastStatus: number | null
  readonly lastError: string | null
}

type StoredWebhook = {
  id: number
  webhook_id: string
  event: string
  instance_id: string
  user_id: string
  status: WebhookStatus
  attempts: number
  created_at: number
  next_at: number
  last_attempt_at: number | null
  last_status: number | null
  last_error: string | null
}

const toView = (row: StoredWebhook): WebhookView => ({
  webhookId: row.webhook_id,
  event: row.event,
  instanceId: row.instance_id,
  userId: row.user_id,
  status: row.status,
  attempts: row.attempts,
  createdAt: isoTime(row.created_at),
  nextAttemptAt: row.status === "pending" ? isoTime(row.next_at) : null,
  lastAttemptAt: row.last_attempt_at === null ? null : isoTime(row.last_attempt_at),
  lastStatus: row.last_status,
  lastError: row.last_error
})

/** Webhooks of some statuses, the newest first, with how many there are of each and what the receiver asked for. */
export const listWebhooks = (input: {
  readonly statuses: ReadonlyArray<WebhookStatus>
  readonly limit: number
  /** Those before this one, which an earlier page gave. */
  readonly before?: number
}) =>
  Effect.gen(function* () {
    const sql = yield* Sql
    const { SERVER_WEBHOOK_URL: url } = yield* AuthConfig
    const rows = yield* sql.all<StoredWebhook>(
      `SELECT id, webhook_id, event, instance_id, user_id, status, attempts, created_at, next_at, last_attempt_at,
              last_status, last_error
       FROM outbox WHERE id < ? AND status IN (${input.statuses.map(() => "?").join(", ")}) ORDER BY id DESC LIMIT ?`,
      input.before ?? Number.MAX_SAFE_INTEGER,
      ...input.statuses,
      input.limit + 1
    )
    const page = rows.slice(0, input.limit)
    const counts = yield* sql.all<{ status: WebhookStatus; count: number }>(
      `SELECT status, COUNT(*) AS count FROM outbox GROUP BY status`
    )
    const paused = yield* sql.first<{ not_before: number; reason: string }>(
      `SELECT not_before, reason FROM endpoints WHERE url = ? AND not_before > ?`,
      url ?? "",
      yield* Clock.currentTimeMillis
    )
    const last = page.at(-1)
    return {
      webhooks: page.map(toView),
      counts: {
        pending: 0,
        delivered: 0,
        failed: 0,
        superseded: 0,
        ...Object.fromEntries(counts.map((row) => [row.status, row.count]))
      },
      enabled: url !== undefined,
      pausedUntil: Option.match(paused, { onNone: () => null, onSome: (row) => isoTime(row.not_before) }),
      pausedBecause: Option.match(paused, { onNone: () => null, onSome: (row) => row.reason }),
      ...(last !== undefined && page.length < rows.length ? { nextCursor: String(last.id) } : {})
    }
  })

/**
 * Owes failed webhooks again, with all their attempts, and forgets that the receiver wanted to be left alone: the one named, or
 * all. WEBHOOK_NOT_FOUND when the one named is not there.
 */
export const retryWebhooks = ({ webhookId }: { readonly webhookId?: string }) =>
  Effect.gen(function* () {
    const sql = yield* Sql
    const { SERVER_WEBHOOK_URL: url } = yield* AuthConfig
    const now = yield* Clock.currentTimeMillis
    return yield* sql.transaction(
      Effect.gen(function* () {
        if (webhookId !== undefined) {
          const known = yield* sql.first(`SELECT id FROM outbox WHERE webhook_id = ?`, webhookId)
          if (Option.isNone(known)) return yield* refuse("WEBHOOK_NOT_FOUND", "No such webhook.")
        }
        const retried = yield* sql.all(
          `UPDATE outbox SET status = 'pending', attempts = 0, next_at = ?1, settled_at = NULL
           WHERE status = 'failed' AND (?2 IS NULL OR webhook_id = ?2) RETURNING id`,
          now,
          webhookId ?? null
        )
        yield* sql.run(`DELETE FROM endpoints WHERE url = ?`, url ?? "")
        // Those that wait for their next attempt are wanted now as well.
        yield* sql.run(
          `UPDATE outbox SET next_at = ?1 WHERE status = 'pending' AND (?2 IS NULL OR webhook_id = ?2)`,
          now,
          webhookId ?? null
        )
        yield* armAlarm
        return { retried: retried.length }
      })
    )
  })
