/**
 * The ways in which the directory can fail to answer. Each is a failed refresh and never a smaller world (law 5).
 */
import * as Schema from "effect/Schema"

/** No answer, or an answer that says "not now": worth asking again. */
export class DirectoryUnavailable extends Schema.TaggedError<DirectoryUnavailable>()("DirectoryUnavailable", {
  reason: Schema.Literal("timeout", "network", "status"),
  /** The HTTP status, where one came. */
  status: Schema.NullOr(Schema.Number),
  /** The system's code of a connection that failed, such as `ECONNREFUSED`. */
  code: Schema.optional(Schema.String),
  /** What `Retry-After` asked for, in milliseconds. */
  retryAfterMs: Schema.NullOr(Schema.Number),
  message: Schema.String
}) {}

/** The directory answers with a redirect, which is not followed: another host must not speak in its name. */
export class DirectoryMoved extends Schema.TaggedError<DirectoryMoved>()("DirectoryMoved", {
  status: Schema.Number,
  /** Origin and path of where it points. */
  target: Schema.String,
  message: Schema.String
}) {}

/** The directory does not accept our token (401 or 403). */
export class DirectoryRejected extends Schema.TaggedError<DirectoryRejected>()("DirectoryRejected", {
  status: Schema.Number,
  message: Schema.String
}) {}

/** The answer is not what the contract says. `path` names the place, and the value is never repeated. */
export class DirectoryMalformed extends Schema.TaggedError<DirectoryMalformed>()("DirectoryMalformed", {
  path: Schema.String,
  message: Schema.String
}) {}

/** The answer is well formed, but not proven to be the whole, newest list of this environment. */
export class DirectoryInconsistent extends Schema.TaggedError<DirectoryInconsistent>()(
  "DirectoryInconsistent",
  {
    reason: Schema.Literal("incomplete", "revision-moved", "older-revision", "foreign-environment"),
    message: Schema.String
  }
) {}

export type DirectoryError =
  DirectoryUnavailable | DirectoryMoved | DirectoryRejected | DirectoryMalformed | DirectoryInconsistent
