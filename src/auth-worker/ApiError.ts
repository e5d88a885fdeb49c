import * as Schema from "effect/Schema"

/** Every way a request can be refused, and the one status each maps to. */
export const statusOf = {
  INVALID_REQUEST: 400,
  UNAUTHORIZED: 401,
  INVALID_CREDENTIALS: 401,
  FORBIDDEN: 403,
  QUOTA_EXCEEDED: 403,
  NOT_FOUND: 404,
  WORKSPACE_NOT_FOUND: 404,
  USER_NOT_FOUND: 404,
  MEMBER_NOT_FOUND: 404,
  INVITATION_NOT_FOUND: 404,
  WEBHOOK_NOT_FOUND: 404,
  METHOD_NOT_ALLOWED: 405,
  EMAIL_TAKEN: 409,
  WORKSPACE_EXISTS: 409,
  WORKSPACE_DELETED: 409,
  LAST_OWNER: 409,
  INVITATION_EXPIRED: 410,
  ALREADY_MEMBER: 409,
  REVISION_GONE: 410,
  MISDIRECTED_REQUEST: 421,
  PAYLOAD_TOO_LARGE: 413,
  UNSUPPORTED_MEDIA_TYPE: 415,
  RATE_LIMITED: 429,
  INTERNAL: 500,
  NOT_CONFIGURED: 503,
  REGISTRY_UNAVAILABLE: 503
} as const

const Code = Schema.Literal(
  "INVALID_REQUEST",
  "UNAUTHORIZED",
  "INVALID_CREDENTIALS",
  "FORBIDDEN",
  "QUOTA_EXCEEDED",
  "NOT_FOUND",
  "WORKSPACE_NOT_FOUND",
  "USER_NOT_FOUND",
  "MEMBER_NOT_FOUND",
  "INVITATION_NOT_FOUND",
  "WEBHOOK_NOT_FOUND",
  "METHOD_NOT_ALLOWED",
  "EMAIL_TAKEN",
  "WORKSPACE_EXISTS",
  "WORKSPACE_DELETED",
  "LAST_OWNER",
  "INVITATION_EXPIRED",
  "ALREADY_MEMBER",
  "REVISION_GONE",
  "MISDIRECTED_REQUEST",
  "PAYLOAD_TOO_LARGE",
  "UNSUPPORTED_MEDIA_TYPE",
  "RATE_LIMITED",
  "INTERNAL",
  "NOT_CONFIGURED",
  "REGISTRY_UNAVAILABLE"
)

/**
 * A request that is refused. It crosses from the Durable Object to the Worker and from there to the caller as
 * `{"error":{"code","message","requestId"}}`; the message is a sentence and never repeats what the caller sent.
 */
export class ApiError extends Schema.TaggedError<ApiError>()("ApiError", {
  code: Code,
  message: Schema.String,
  /** Whole seconds, for `Retry-After`. */
  retryAfterSeconds: Schema.optional(Schema.Number),
  /** For `Allow`, with METHOD_NOT_ALLOWED. */
  allow: Schema.optional(Schema.String)
}) {
  get status(): number {
    return statusOf[this.code]
  }
}

/** The refusal of a wrong proof after too many others from the same address; a right one always passes. */
export const tooManyFailures = (retryAfterSeconds: number): ApiError =>
  new ApiError({
    code: "RATE_LIMITED",
    message: "Too many attempts from this address failed: try again later.",
    retryAfterSeconds
  })

/** An ApiError of the given code. */
export const refuse = (code: typeof Code.Type, message: string): ApiError => new ApiError({ code, message })
