import * as Schema from "effect/Schema"

// `jsonSchema` is what Api.ts shows of a check that JSON Schema cannot see through.

/** The ids that the server and LiveStore both accept (contract, section 2). */
const workspaceIdPattern = /^[a-zA-Z0-9][a-zA-Z0-9_-]{2,63}$/

/** Ids that would shadow a route of the directory. */
const reserved = new Set(["changes"])

/** A workspace's id: `instanceId` here, `storeId` in LiveStore. */
export const WorkspaceId = Schema.String.pipe(
  Schema.filter((id) => workspaceIdPattern.test(id) && !reserved.has(id), {
    message: () => "expected an id of 3 to 64 letters, digits, - and _, beginning with a letter or digit",
    jsonSchema: { type: "string", pattern: workspaceIdPattern.source }
  })
)

/** A user's id. */
export const UserId = Schema.String.pipe(
  Schema.pattern(/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}$/, {
    message: () => "expected an id of 1 to 128 letters, digits, - _ and ."
  })
)

/** An address to log in with; compared in lower case. */
export const Email = Schema.Trim.pipe(
  Schema.compose(Schema.Lowercase),
  Schema.pattern(/^[^\s@]{1,64}@[^\s@]{1,189}$/, {
    message: () => "expected an e-mail address",
    jsonSchema: { type: "string", format: "email" }
  })
)

/** A workspace's name. */
export const WorkspaceName = Schema.Trim.pipe(
  Schema.minLength(1, { message: () => "expected a name" }),
  Schema.maxLength(100, {
    message: () => "expected at most 100 characters",
    jsonSchema: { type: "string", minLength: 1, maxLength: 100 }
  })
)
