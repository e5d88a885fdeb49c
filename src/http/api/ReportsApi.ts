/**
 * Reports: many figures, judged, in one answer.
 */
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as OpenApi from "@effect/platform/OpenApi"
import { adminOnly } from "./AdminSecurity.ts"
import { ErrorBody } from "./Common.ts"
import { Configuration, DailyReport, DeepVerification } from "./ReportsViews.ts"

const daily = HttpApiEndpoint.get("daily", "/reports/daily")
  .addSuccess(DailyReport)
  .addError(ErrorBody, { status: 400 })
  .addError(ErrorBody, { status: 401 })
  .annotateContext(
    OpenApi.annotations({
      summary: "How the last day was",
      description:
        "Checks with what was found, what is asked for and what to do next. It speaks of the last day, or since the start of this process.",
      override: adminOnly
    })
  )

const verify = HttpApiEndpoint.post("verify", "/admin/verify")
  .addSuccess(DeepVerification)
  .addError(ErrorBody, { status: 400 })
  .addError(ErrorBody, { status: 401 })
  .annotateContext(
    OpenApi.annotations({
      summary: "Whether what must always hold does",
      description:
        "Compares the sets id by id, reads the state database and the audit trail through, and asks every open store for an event. Changes nothing. Requests while one runs share it.",
      override: adminOnly
    })
  )

const configuration = HttpApiEndpoint.get("configuration", "/admin/configuration")
  .addSuccess(Configuration)
  .addError(ErrorBody, { status: 400 })
  .addError(ErrorBody, { status: 401 })
  .annotateContext(
    OpenApi.annotations({
      summary: "The configuration that this server runs with, and where each value came from",
      description: "Secrets are fingerprints: they can be compared, and not used.",
      override: adminOnly
    })
  )

export class ReportsApi extends HttpApiGroup.make("reports").add(daily).add(verify).add(configuration) {}
