/**
 * A workspace as its source of truth describes it (wire contract, section 1).
 */
import * as Schema from "effect/Schema"

/** LiveStore's own rule, narrowed so that an id is safe as a folder name and in a URL. */
export const workspaceIdPattern = /^[a-zA-Z0-9][a-zA-Z0-9_-]{2,63}$/

/** The one string that is `instanceId` in the Auth Worker and `storeId` in LiveStore. */
export const WorkspaceId = Schema.String.pipe(
  Schema.pattern(workspaceIdPattern, {
    identifier: "WorkspaceId",
    description: "3 to 64 of a-z A-Z 0-9 _ -, beginning with a letter or a digit"
  })
)

/**
 * One row of the list. Only the id is required of it, and only the id decides anything: whatever else an Auth
 * Worker says about a workspace is for people, so its type is not insisted on.
 */
export const WorkspaceRow = Schema.Struct({
  instanceId: WorkspaceId,
  userId: Schema.optional(Schema.Unknown),
  name: Schema.optional(Schema.Unknown),
  createdAt: Schema.optional(Schema.Unknown)
})

/** Extensions of the required list, announced in `metadata.features`. */
export const knownFeatures = ["revision", "pages", "changes", "get"] as const
export type Feature = (typeof knownFeatures)[number]

/** Decimal digits that grow with every change of the set; wider than a double, so compared as BigInt. */
export const Revision = Schema.String.pipe(
  Schema.pattern(/^[0-9]{1,30}$/, { identifier: "Revision", description: "1 to 30 decimal digits" })
)

const Lineage = Schema.String.pipe(Schema.pattern(/^[a-zA-Z0-9_-]{1,64}$/))

/** The list's body; each of its rows is a `WorkspaceRow`. */
export const ListEnvelope = Schema.Struct({
  workspaces: Schema.Array(Schema.Unknown),
  // A field that says null says as little as one that is missing.
  metadata: Schema.optional(
    Schema.NullOr(
      Schema.Struct({
        totalWorkspaces: Schema.optional(Schema.NullOr(Schema.Number)),
        features: Schema.optional(Schema.NullOr(Schema.Array(Schema.String))),
        revision: Schema.optional(Schema.NullOr(Revision)),
        environmentId: Schema.optional(
          Schema.NullOr(Schema.String.pipe(Schema.minLength(1), Schema.maxLength(200)))
        ),
        // A token of this revision: the same revision with another one is another state, after a restore.
        lineage: Schema.optional(Schema.NullOr(Lineage)),
        nextCursor: Schema.optional(Schema.NullOr(Schema.String.pipe(Schema.maxLength(4096))))
      })
    )
  )
})

export const ChangesBody = Schema.Struct({
  changes: Schema.Array(
    Schema.Struct({
      revision: Revision,
      kind: Schema.Literal("upsert", "delete"),
      // Not every id can be opened; that is decided where it is taken in.
      instanceId: Schema.NonEmptyString
    })
  ),
  revision: Revision,
  hasMore: Schema.Boolean,
  environmentId: Schema.optional(Schema.NullOr(Schema.String.pipe(Schema.maxLength(200)))),
  lineage: Schema.optional(Schema.NullOr(Lineage))
})

/** The workspaces of one user. Of a row only the id counts here. */
export const InstancesBody = Schema.Struct({
  instances: Schema.Array(Schema.Struct({ instanceId: Schema.String }))
})

/** What the directory says, with 404, of a user whom it does not know. */
export const UserNotFoundBody = Schema.Struct({
  error: Schema.Struct({ code: Schema.Literal("USER_NOT_FOUND") })
})

/** What the directory says, with 404, of an id that it does not know. */
export const NotFoundBody = Schema.Struct({
  error: Schema.Struct({ code: Schema.Literal("WORKSPACE_NOT_FOUND") })
})
