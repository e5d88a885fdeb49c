/**
 * Handlers of incidents and of the test of their notification.
 */
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { Incidents, type NotificationsNotConfigured } from "../../incidents/Incidents.ts"
import type { Undelivered } from "../../incidents/NotificationWebhook.ts"
import { Administrators } from "../Administrators.ts"
import { answer, json } from "../Answer.ts"
import { Api } from "../Api.ts"
import { noFilter } from "../api/Query.ts"
import { Refusal } from "../Refusal.ts"
import { noInput } from "../RequestBody.ts"

const refusalOf = (error: NotificationsNotConfigured | Undelivered): Refusal =>
  error._tag === "Undelivered"
    ? new Refusal({
        status: 502,
        code: "NOTIFICATION_NOT_DELIVERED",
        message: error.message,
        details: { reason: error.reason, httpStatus: error.status }
      })
    : new Refusal({
        status: 503,
        code: "NOTIFICATIONS_NOT_CONFIGURED",
        message: "Notifications are disabled: NOTIFY_WEBHOOK_URL is not set."
      })

export const layer = HttpApiBuilder.group(Api, "incidents", (handlers) =>
  Effect.gen(function* () {
    const incidents = yield* Incidents
    const administrators = yield* Administrators

    const list = Effect.gen(function* () {
      yield* administrators.requireReader
      yield* noFilter
      return json(yield* incidents.list)
    })

    const test = Effect.gen(function* () {
      const actor = yield* administrators.require
      yield* noInput
      const [duration, { httpStatus }] = yield* Effect.timed(
        Effect.mapError(incidents.test(actor), refusalOf)
      )
      return json({ status: "delivered", httpStatus, durationMs: Math.round(Duration.toMillis(duration)) })
    })

    return handlers.handleRaw("incidents", () => answer(list)).handleRaw("test", () => answer(test))
  })
)
