/**
 * Backups of the server's own state. Restoring is no request: it is done while no server runs.
 */
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as HttpApiSchema from "@effect/platform/HttpApiSchema"
import * as OpenApi from "@effect/platform/OpenApi"
import * as Schema from "effect/Schema"
import { adminOnly } from "./AdminSecurity.ts"
import { Backup, BackupList, BackupVerified } from "./BackupsViews.ts"
import { ErrorBody } from "./Common.ts"

const create = HttpApiEndpoint.post("create", "/admin/backups")
  .addSuccess(Backup, { status: 201 })
  .addError(ErrorBody, { status: 400 })
  .addError(ErrorBody, { status: 401 })
  .addError(ErrorBody, { status: 500 })
  .addError(ErrorBody, { status: 507 })
  .annotateContext(
    OpenApi.annotations({
      summary: "Make a backup of the server's own state",
      description:
        "A consistent copy, checked before it counts, in the folder backups of STORE_DATA_PATH. The oldest beyond STATE_BACKUP_KEEP are deleted. 507 when there is not enough disk space.",
      override: adminOnly
    })
  )

const list = HttpApiEndpoint.get("list", "/admin/backups")
  .addSuccess(BackupList)
  .addError(ErrorBody, { status: 400 })
  .addError(ErrorBody, { status: 401 })
  .annotateContext(OpenApi.annotations({ summary: "The backups, the newest first", override: adminOnly }))

const verify = HttpApiEndpoint.post(
  "verify"
)`/admin/backups/${HttpApiSchema.param("id", Schema.String)}/verify`
  .addSuccess(BackupVerified)
  .addError(ErrorBody, { status: 400 })
  .addError(ErrorBody, { status: 401 })
  .addError(ErrorBody, { status: 404 })
  .annotateContext(
    OpenApi.annotations({
      summary: "Whether a backup can be relied on",
      description: "Reads all of it. `intact` is the answer; `problems` says what is wrong.",
      override: adminOnly
    })
  )

export class BackupsApi extends HttpApiGroup.make("backups").add(create).add(list).add(verify) {}
