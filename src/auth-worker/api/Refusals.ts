/** The errors of an operation, from the table that gives each code its status (ApiError.ts). */
import * as HttpApiSchema from "@effect/platform/HttpApiSchema"
import * as Schema from "effect/Schema"
import { statusOf } from "../ApiError.ts"

type Code = keyof typeof statusOf

/** What any operation may answer. */
const always: ReadonlyArray<Code> = ["INTERNAL", "NOT_CONFIGURED", "REGISTRY_UNAVAILABLE"]

/** What an operation with a body may answer besides. */
export const ofBody: ReadonlyArray<Code> = ["INVALID_REQUEST", "PAYLOAD_TOO_LARGE", "UNSUPPORTED_MEDIA_TYPE"]

/** What an operation for a user may answer besides. */
export const ofUser: ReadonlyArray<Code> = ["UNAUTHORIZED", "RATE_LIMITED"]

/** The body of every refusal, with the codes that come with this status. */
const body = (status: number, codes: ReadonlyArray<Code>) =>
  Schema.Struct({
    error: Schema.Struct({
      code: Schema.Literal(...codes).annotations({ description: "stable, for programs" }),
      message: Schema.String.annotations({ description: "a sentence, for people" }),
      requestId: Schema.String.annotations({ description: "as in x-request-id" })
    })
  }).annotations({
    ...HttpApiSchema.annotations({ status }),
    // One component of the document for each set of codes.
    identifier: codes.join("-or-"),
    description: codes.join(", ")
  })

/** The refusals of an operation by their codes, together with those of any operation: one schema for each status. */
export const refusals = (...own: ReadonlyArray<Code>) => {
  const byStatus = new Map<number, ReadonlyArray<Code>>()
  for (const code of new Set([...own, ...always])) {
    byStatus.set(statusOf[code], [...(byStatus.get(statusOf[code]) ?? []), code])
  }
  return Schema.Union(...[...byStatus].map(([status, codes]) => body(status, codes)))
}
