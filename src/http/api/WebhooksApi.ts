/**
 * Webhooks of the Auth Worker (wire contract, section 2): nudges, whose content names a workspace and decides nothing.
 */
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as OpenApi from "@effect/platform/OpenApi"
import * as Schema from "effect/Schema"
import { ErrorBody, IsoTime, StoreId } from "./Common.ts"

const MAX_USER_ID_LENGTH = 256

export const WorkspaceEvent = Schema.Struct({
  event: Schema.Literal("workspace.created", "workspace.deleted"),
  instanceId: StoreId,
  userId: Schema.String.pipe(Schema.minLength(1), Schema.maxLength(MAX_USER_ID_LENGTH)).annotations({
    description: `a text of 1 to ${MAX_USER_ID_LENGTH} characters`
  }),
  // Date.parse alone takes "w:2" for a time.
  timestamp: Schema.String.pipe(
    Schema.filter((text) => /^\d{4}-\d\d-\d\dT/.test(text) && !Number.isNaN(Date.parse(text)))
  ).annotations({
    description: "a time in ISO 8601",
    jsonSchema: { type: "string", format: "date-time" },
    arbitrary: () => (fc) =>
      fc.date({ noInvalidDate: true, min: new Date(0) }).map((date) => date.toISOString())
  })
}).annotations({ identifier: "WorkspaceEvent", description: "a JSON object" })

const Settled = Schema.Literal(
  "monitoring_started",
  "already_monitored",
  "monitoring_stopped",
  "already_stopped"
)

const common = { instanceId: Schema.String, receivedAt: IsoTime, durationMs: Schema.Number }

export const SettledAnswer = Schema.Struct({ status: Settled, ...common }).annotations({
  identifier: "WebhookSettled"
})

export const DuplicateAnswer = Schema.Struct({
  status: Schema.Literal("duplicate"),
  originalStatus: Schema.Literal(...Settled.literals, "reconcile_queued"),
  ...common
}).annotations({ identifier: "WebhookDuplicate" })

export const QueuedAnswer = Schema.Struct({
  status: Schema.Literal("reconcile_queued"),
  reason: Schema.String,
  ...common
}).annotations({ identifier: "WebhookQueued" })

export const WEBHOOK_PATH = "/webhooks/workspaces"

const receive = HttpApiEndpoint.post("receive", WEBHOOK_PATH)
  .setPayload(WorkspaceEvent)
  .addSuccess(Schema.Union(SettledAnswer, DuplicateAnswer))
  .addSuccess(QueuedAnswer, { status: 202 })
  .addError(ErrorBody, { status: 400 })
  .addError(ErrorBody, { status: 401 })
  .addError(ErrorBody, { status: 405 })
  .addError(ErrorBody, { status: 413 })
  .addError(ErrorBody, { status: 415 })
  .addError(ErrorBody, { status: 429 })
  .addError(ErrorBody, { status: 503 })
  .annotateContext(
    OpenApi.annotations({
      summary: "A workspace may have changed",
      description:
        "Answers the state of that workspace as the source of truth has it, once settled; 202 when that takes longer than WEBHOOK_WAIT_MS. Authenticated by `X-Webhook-Secret` or a Standard Webhooks signature."
    })
  )

export class WebhooksApi extends HttpApiGroup.make("webhooks").add(receive) {}
