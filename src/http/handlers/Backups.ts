/**
 * Handlers of the backups of the server's own state.
 */
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as Effect from "effect/Effect"
import { type BackupFailed, Backups } from "../../orchestration/Backups.ts"
import { Administrators } from "../Administrators.ts"
import { answer, json } from "../Answer.ts"
import { Api } from "../Api.ts"
import { noFilter } from "../api/Query.ts"
import { Refusal } from "../Refusal.ts"
import { noInput } from "../RequestBody.ts"

/** What went wrong is said; the paths of this machine, which the error's detail may have, are in the log only. */
const backupFailed = ({ reason }: BackupFailed): Refusal =>
  reason === "no-space"
    ? new Refusal({
        status: 507,
        code: "BACKUP_NO_SPACE",
        message:
          "There is not enough disk space for a backup: free some below STORE_DATA_PATH, or lower STATE_BACKUP_KEEP."
      })
    : new Refusal({
        status: 500,
        code: "BACKUP_FAILED",
        message: "The backup could not be written; the log line state.backup_failed has the reason."
      })

const unknownBackup = new Refusal({
  status: 404,
  code: "BACKUP_NOT_FOUND",
  message: "There is no such backup: GET /admin/backups lists them."
})

export const layer = HttpApiBuilder.group(Api, "backups", (handlers) =>
  Effect.gen(function* () {
    const backups = yield* Backups
    const administrators = yield* Administrators

    const create = Effect.gen(function* () {
      const actor = yield* administrators.require
      yield* noInput
      return json(yield* Effect.mapError(backups.create(actor), backupFailed), 201)
    })

    const list = Effect.gen(function* () {
      yield* administrators.require
      yield* noFilter
      return json({ backups: yield* backups.list })
    })

    const verify = (id: string) =>
      Effect.gen(function* () {
        yield* administrators.require
        yield* noInput
        const report = yield* Effect.mapError(backups.verify(id), () => unknownBackup)
        return json({ id, ...report })
      })

    return handlers
      .handleRaw("create", () => answer(create))
      .handleRaw("list", () => answer(list))
      .handleRaw("verify", ({ path: { id } }) => answer(verify(id)))
  })
)
