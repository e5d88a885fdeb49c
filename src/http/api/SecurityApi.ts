/**
 * What keeps the server from harm, and what operators see and say of it: limits, secrets, the lockdown.
 */
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as OpenApi from "@effect/platform/OpenApi"
import * as Schema from "effect/Schema"
import { adminOnly } from "./AdminSecurity.ts"
import { ErrorBody, IsoTime, Reason } from "./Common.ts"

const NullableTime = Schema.NullOr(IsoTime)

export const Limit = Schema.Struct({
  limiter: Schema.String,
  perSource: Schema.Boolean.annotations({
    description:
      "whether each address has an allowance of its own; the figures are of the one that has used most"
  }),
  limit: Schema.Int,
  windowMs: Schema.Number,
  used: Schema.Int,
  resetAt: IsoTime,
  busiestSource: Schema.NullOr(Schema.String),
  sources: Schema.Int,
  rejected: Schema.Int
}).annotations({ identifier: "Limit" })

export const LimitList = Schema.Struct({ limits: Schema.Array(Limit) })

/** Never the secret itself. */
export const Credential = Schema.Struct({
  variable: Schema.String,
  isSet: Schema.Boolean,
  secrets: Schema.Array(
    Schema.Struct({
      slot: Schema.Literal("current", "next").annotations({
        description: "the first and the second of the variable's value"
      }),
      fingerprint: Schema.String.annotations({ description: "sha256: and eight hex digits" }),
      uses: Schema.NullOr(Schema.Int).annotations({
        description: "how often it was presented since the start; null where this server only sends it"
      }),
      lastUsedAt: NullableTime,
      firstSeenAt: IsoTime,
      ageMs: Schema.Number
    })
  )
}).annotations({ identifier: "Credential" })

export const CredentialList = Schema.Struct({ secrets: Schema.Array(Credential) })

export const Lockdown = Schema.Struct({
  reason: Schema.String,
  actor: Schema.String,
  since: IsoTime
}).annotations({ identifier: "Lockdown" })

export const LockdownAnswer = Schema.Struct({
  status: Schema.Literal("locked_down", "already_locked_down"),
  lockdown: Lockdown
}).annotations({ identifier: "LockdownAnswer" })

export const LiftAnswer = Schema.Struct({
  status: Schema.Literal("lifted", "not_locked_down"),
  lockdown: Schema.NullOr(Lockdown)
}).annotations({ identifier: "LiftAnswer" })

/** Whoever asks for more than is done must hear of it. */
const closeStores = Schema.Literal(false).annotations({
  description: "false: a lockdown closes no store"
})

export const LockdownBody = Schema.Struct({
  reason: Reason,
  closeStores: Schema.optional(closeStores)
}).annotations({
  identifier: "LockdownRequest",
  description: "a JSON object"
})

export const LiftBody = Schema.Struct({ reason: Reason }).annotations({
  identifier: "LiftRequest",
  description: "a JSON object"
})

export const LOCKDOWN_PATH = "/admin/lockdown"

const limits = HttpApiEndpoint.get("limits", "/limits")
  .addSuccess(LimitList)
  .addError(ErrorBody, { status: 400 })
  .addError(ErrorBody, { status: 401 })
  .annotateContext(
    OpenApi.annotations({
      summary: "How much of each rate limit is used",
      description: "In production for administrators.",
      override: adminOnly
    })
  )

const secrets = HttpApiEndpoint.get("secrets", "/admin/secrets")
  .addSuccess(CredentialList)
  .addError(ErrorBody, { status: 400 })
  .addError(ErrorBody, { status: 401 })
  .annotateContext(
    OpenApi.annotations({
      summary: "The secrets that are active, by their fingerprints: since when, and how often they were used",
      override: adminOnly
    })
  )

const lockdown = HttpApiEndpoint.post("lockdown", LOCKDOWN_PATH)
  .setPayload(LockdownBody)
  .addSuccess(LockdownAnswer)
  .addError(ErrorBody, { status: 400 })
  .addError(ErrorBody, { status: 401 })
  .addError(ErrorBody, { status: 503 })
  .annotateContext(
    OpenApi.annotations({
      summary: "Refuse whatever would change anything, until it is lifted",
      description:
        "Webhooks and the admin API answer 503 with the code LOCKED_DOWN, over restarts too; reading goes on, and so does the loop. One that stands is left as it is.",
      override: adminOnly
    })
  )

const lift = HttpApiEndpoint.del("lift", LOCKDOWN_PATH)
  .setPayload(LiftBody)
  .addSuccess(LiftAnswer)
  .addError(ErrorBody, { status: 400 })
  .addError(ErrorBody, { status: 401 })
  .addError(ErrorBody, { status: 503 })
  .annotateContext(
    OpenApi.annotations({
      summary: "Lift the lockdown",
      description: "What it has refused is made good by a run of the whole loop, which begins at once.",
      override: adminOnly
    })
  )

export class SecurityApi extends HttpApiGroup.make("security")
  .add(limits)
  .add(secrets)
  .add(lockdown)
  .add(lift) {}
