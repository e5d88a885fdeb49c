/**
 * Incidents, and the way on which people are told of them.
 */
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as OpenApi from "@effect/platform/OpenApi"
import { adminOnly } from "./AdminSecurity.ts"
import { ErrorBody } from "./Common.ts"
import { IncidentList, NotificationFailed, NotificationTested } from "./IncidentsViews.ts"

const incidents = HttpApiEndpoint.get("incidents", "/incidents")
  .addSuccess(IncidentList)
  .addError(ErrorBody, { status: 400 })
  .addError(ErrorBody, { status: 401 })
  .annotateContext(
    OpenApi.annotations({
      summary: "What is, or was of late, wrong with the server as a whole",
      description: "The open ones first. Those that are over are kept for a while, over restarts too.",
      override: adminOnly
    })
  )

const test = HttpApiEndpoint.post("test", "/admin/notifications/test")
  .addSuccess(NotificationTested)
  .addError(ErrorBody, { status: 400 })
  .addError(ErrorBody, { status: 401 })
  .addError(NotificationFailed, { status: 502 })
  .addError(ErrorBody, { status: 503 })
  .annotateContext(
    OpenApi.annotations({
      summary: "Send a test notification now, and say what came back",
      description:
        "`notification.test`, signed as the others are; one attempt. 503 without NOTIFY_WEBHOOK_URL.",
      override: adminOnly
    })
  )

export class IncidentsApi extends HttpApiGroup.make("incidents").add(incidents).add(test) {}
