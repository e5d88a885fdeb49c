/**
 * Shapes of the answers about backups of the server's own state.
 */
import * as Schema from "effect/Schema"
import { IsoTime } from "./Common.ts"
import { Verification } from "./Views.ts"

export const Backup = Schema.Struct({
  id: Schema.String.annotations({ description: "when it was made, as a file name" }),
  createdAt: IsoTime,
  sizeBytes: Schema.Int
}).annotations({ identifier: "Backup" })

export const BackupList = Schema.Struct({ backups: Schema.Array(Backup) }).annotations({
  identifier: "BackupList",
  description: "The newest first"
})

export const StateReport = Schema.Struct({
  intact: Schema.Boolean,
  problems: Schema.Array(Schema.String),
  schemaVersion: Schema.Int,
  counts: Schema.Record({ key: Schema.String, value: Schema.Int }),
  audit: Verification,
  snapshot: Schema.NullOr(
    Schema.Struct({
      revision: Schema.NullOr(Schema.String),
      environmentId: Schema.NullOr(Schema.String),
      fetchedAt: IsoTime
    })
  )
}).annotations({
  identifier: "StateReport",
  description: "What a state database says of itself, read through"
})

export const BackupVerified = Schema.Struct({ id: Schema.String, ...StateReport.fields }).annotations({
  identifier: "BackupVerified"
})
