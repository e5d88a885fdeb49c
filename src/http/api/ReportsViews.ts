/**
 * Shapes of the reports.
 */
import * as Schema from "effect/Schema"
import { IsoTime } from "./Common.ts"

export const Judgement = Schema.Literal("ok", "warn", "fail")

export const DailyReport = Schema.Struct({
  status: Judgement.annotations({ description: "the worst of the checks" }),
  generatedAt: IsoTime,
  since: IsoTime.annotations({ description: "a day ago, or the start of this process" }),
  checks: Schema.Array(
    Schema.Struct({
      check: Schema.String,
      status: Judgement,
      value: Schema.String,
      threshold: Schema.String,
      next: Schema.NullOr(Schema.String)
    })
  ),
  errors: Schema.Array(
    Schema.Struct({
      component: Schema.String,
      code: Schema.String,
      count: Schema.Int,
      lastSeenAt: Schema.NullOr(IsoTime),
      lastMessage: Schema.NullOr(Schema.String)
    })
  )
}).annotations({ identifier: "DailyReport" })

export const DeepVerification = Schema.Struct({
  status: Schema.Literal("ok", "violated"),
  checkedAt: IsoTime,
  durationMs: Schema.Number,
  invariants: Schema.Array(
    Schema.Struct({ name: Schema.String, holds: Schema.Boolean, detail: Schema.String })
  )
}).annotations({ identifier: "DeepVerification" })

export const Configuration = Schema.Struct({
  variables: Schema.Array(
    Schema.Struct({
      name: Schema.String,
      value: Schema.NullOr(Schema.String).annotations({
        description: "of a secret, sha256: and the first eight hex digits of each"
      }),
      source: Schema.Literal("environment", "file", "default", "unset"),
      secret: Schema.Boolean
    })
  )
}).annotations({ identifier: "Configuration" })
